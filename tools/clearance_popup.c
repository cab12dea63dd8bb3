// SPDX-License-Identifier: Apache-2.0
#include "clearance_popup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define QUIET_NS SECOND_NS       /* between two tellings of the same thing with another number */
#define PACE_NS  (SECOND_NS / 2) /* between two that are new, when there were many */
#define BURST    15              /* so many are not many; POPUPS_SEEN and a few news */

/* What the keys of popup_actions mean, in that order. */
static const struct choice {
	const char *scope;
	bool allow;
} choices[POPUP_CHOICES] = {
	{ "session", true },
	{ "session", false },
	{ "once", true },
	{ "forever", true },
};

#define COPY(field, text) snprintf(field, sizeof(field), "%s", text)

/* --- at the service ----------------------------------------------------------------------------- */

static struct popup *popup_new(struct popups *popups, enum popup_kind kind,
			       const struct popup *like, const struct terok_event *event)
{
	struct popup *popup = calloc(1, sizeof(*popup));

	if (!popup)
		return NULL;
	popup->kind = kind;
	if (event) {
		popup->guard = event->guard;
		COPY(popup->container, event->container);
		popup_label_set(popup, event);
	} else if (like) {
		popup->guard = like->guard;
		popup->task = like->task;
		COPY(popup->container, like->container);
		COPY(popup->label, like->label);
	}
	*popups->last = popup;
	popups->last = &popup->next;
	popups->n_waiting += kind == KIND_BLOCKED;
	popups->n_passing += kind == KIND_PASSING;
	return popup;
}

static void popup_free(struct popups *popups, struct popup *popup)
{
	struct popup **slot = &popups->first;

	while (*slot != popup)
		slot = &(*slot)->next;
	*slot = popup->next;
	if (!*slot)
		popups->last = slot;
	popups->n_passing -= popup->kind == KIND_PASSING;
	free(popup);
}

/* Show what is known. */
static void popup_send(struct popups *popups, struct popup *popup)
{
	char summary[SUMMARY_MAX + 1], body[BODY_MAX + 1];
	struct desktop_note note;
	int r;

	popup_note(popup, popups->buttons, &note, summary, body);
	r = popups->face->notify(&note, popup->id, &popup->call, popups->user);
	popup->dirty = false;
	popup->next_ns = now_boot_ns() + QUIET_NS;
	if (!r)
		return;
	log_warn(r, "a notification was not sent");
	if (popup->kind == KIND_PASSING)
		popup_free(popups, popup);
}

/* A few at once are shown at once; those behind them one by one. */
static bool popups_pace(struct popups *popups)
{
	uint64_t now = now_boot_ns(), behind = BURST * PACE_NS;

	if (popups->paced_ns + behind < now)
		popups->paced_ns = now - behind;
	if (popups->paced_ns + PACE_NS > now)
		return false;
	popups->paced_ns += PACE_NS;
	return true;
}

static int popups_later(struct timer *timer);

/*
 * It is to be seen anew; @now: also if it was sent a moment ago. While a reply is awaited
 * nothing is sent: popups_sent() comes back to it. What is passing may be gone afterwards.
 */
static void popup_touch(struct popups *popups, struct popup *popup, bool now)
{
	uint64_t at;

	popup->dirty = true;
	if (!popup->shown || popup->call)
		return;
	if (!popups->ready) {
		popups->face->wake(popups->user);
		return;
	}
	if (now || now_boot_ns() >= popup->next_ns) {
		if (popup->id || popups_pace(popups)) {
			popup_send(popups, popup);
			return;
		}
		at = popups->paced_ns + PACE_NS;
	} else {
		at = popup->next_ns;
	}
	if (!popups->later.loop)
		timer_arm(popups->loop, &popups->later, at, popups_later);
}

static int popups_later(struct timer *timer)
{
	struct popups *popups = container_of(timer, struct popups, later);

	/* those that are not due yet arm it again */
	for (struct popup *popup = popups->first, *next; popup; popup = next) {
		next = popup->next;
		if (popup->dirty)
			popup_touch(popups, popup, false);
	}
	return 0;
}

/* It is over: nothing of it is seen or found any more. */
static void popup_end(struct popups *popups, struct popup *popup)
{
	popups->n_waiting -= popup->kind == KIND_BLOCKED && !popup->ending;
	if (popup->call) {
		popup->ending = true;
		return;
	}
	if (popup->id) /* of the service that is there: none survives it */
		popups->face->close(popup->id, popups->user);
	popup_free(popups, popup);
}

/* --- news: said once, then forgotten -------------------------------------------------------------- */

static struct popup *passing_new(struct popups *popups, const struct popup *like,
				 const struct terok_event *event, enum urgency urgency)
{
	struct popup *popup;

	if (!popups->ready || popups->n_passing == POPUPS_PASSING)
		return NULL;
	popup = popup_new(popups, KIND_PASSING, like, event);
	if (popup) {
		popup->shown = true;
		popup->urgency = urgency;
	}
	return popup;
}

static void tell(struct popups *popups, const struct terok_event *event, enum urgency urgency,
		 const char *title, const char *body)
{
	struct popup *popup = passing_new(popups, NULL, event, urgency);

	if (!popup)
		return;
	snprintf(popup->summary, sizeof(popup->summary), "%s: %s", title, popup->label);
	COPY(popup->body, body);
	popup_touch(popups, popup, true);
}

/* What became of an answer, in place of the question; @more: further lines, or "". */
static void tell_outcome(struct popups *popups, struct popup *asked, bool allow, bool ok,
			 const char *more)
{
	struct popup *popup = NULL;

	if (popups->categories & POPUP_VERDICT &&
	    (asked->id || asked->call || asked->answering || !(popups->categories & POPUP_BLOCKED)))
		popup = passing_new(popups, asked, NULL, ok ? URGENCY_NORMAL : URGENCY_CRITICAL);
	if (!popup)
		return;
	snprintf(popup->summary, sizeof(popup->summary), "%s%s: %s",
		 ok      ? allow ? "Allowed" : "Denied"
		 : allow ? "Allow"
			 : "Deny",
		 ok ? "" : " failed", asked->target);
	popup_body_begin(popup, popup->body, sizeof(popup->body));
	if (*more)
		popup_body_add(popup->body, sizeof(popup->body), "%s", more);
	/* a question whose name we do not know yet is replaced when we do */
	popup->id = asked->id;
	popup->call = asked->call;
	asked->id = 0;
	asked->call = 0;
	popup_touch(popups, popup, true);
}

/* --- those that wait ------------------------------------------------------------------------------ */

static bool is_of(const struct popup *popup, int64_t guard, const char *container)
{
	return !popup->ending && popup->guard == guard && !strcmp(popup->container, container);
}

static struct popup *find_kind(struct popups *popups, enum popup_kind kind, int64_t guard,
			       const char *container)
{
	for (struct popup *popup = popups->first; popup; popup = popup->next)
		if (popup->kind == kind && is_of(popup, guard, container))
			return popup;
	return NULL;
}

static struct popup *find_request(struct popups *popups, const char *request_id)
{
	for (struct popup *popup = popups->first; popup; popup = popup->next)
		if (popup->kind == KIND_BLOCKED && !popup->ending &&
		    !strcmp(popup->request_id, request_id))
			return popup;
	return NULL;
}

/* Is it one that nobody sees, and nobody put away? */
static bool waits_unseen(const struct popup *popup)
{
	return popup->kind == KIND_BLOCKED && !popup->ending && !popup->shown && !popup->away;
}

/* How many wait unseen, and of how many containers, up to two; @one: one of them. */
static unsigned count_unseen(struct popups *popups, const struct popup **one, bool *several)
{
	unsigned n = 0;

	*several = false;
	for (const struct popup *popup = popups->first; popup; popup = popup->next) {
		if (!waits_unseen(popup))
			continue;
		if (!n++)
			*one = popup;
		*several |= !is_of(popup, (*one)->guard, (*one)->container);
	}
	return n;
}

/* "and 37 more"; none is no popup. */
static void more_tell(struct popups *popups)
{
	struct popup *more = find_kind(popups, KIND_MORE, 0, "");
	const struct popup *one;
	bool several;
	unsigned n = count_unseen(popups, &one, &several);

	if (!n) {
		popups->held = 0;
		if (more)
			popup_end(popups, more);
		return;
	}
	more = more ?: popup_new(popups, KIND_MORE, NULL, NULL);
	/* put away by somebody, it comes back when there are more */
	if (!more || (more->count == n && more->before == popups->held) ||
	    (more->away && more->count >= n))
		return;
	more->count = n;
	more->before = popups->held;
	more->shown = true;
	more->away = false;
	more->urgency = URGENCY_NORMAL;
	snprintf(more->summary, sizeof(more->summary), "Blocked: %u more", n);
	if (several)
		COPY(more->body, "Several containers");
	else
		popup_body_begin(one, more->body, sizeof(more->body));
	popup_body_add(more->body, sizeof(more->body), "and %u more: terok-clearance", n);
	if (popups->held)
		popup_body_add(more->body, sizeof(more->body),
			       "%" PRId64 " beyond those: nobody is asked yet", popups->held);
	popup_touch(popups, more, false);
}

static unsigned count_like(struct popup *const *seen, unsigned n, const struct popup *like)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += is_of(seen[i], like->guard, like->container);
	return count;
}

/* Let those come forward for which there is room, oldest first. */
static void come_forward(struct popups *popups)
{
	struct popup *seen[POPUPS_SEEN];
	unsigned n = 0;

	for (struct popup *popup = popups->first; popup && n < POPUPS_SEEN; popup = popup->next)
		if (popup->kind == KIND_BLOCKED && popup->shown && !popup->ending)
			seen[n++] = popup;
	for (struct popup *popup = popups->first; popup && n < POPUPS_SEEN; popup = popup->next) {
		if (!waits_unseen(popup) || count_like(seen, n, popup) >= POPUPS_SHOWN)
			continue;
		popup->shown = true;
		seen[n++] = popup;
		popup_touch(popups, popup, true);
	}
	more_tell(popups);
}

/* A request is over, whatever the reason; @popup is gone afterwards. */
static void blocked_end(struct popups *popups, struct popup *popup)
{
	popup_end(popups, popup);
	come_forward(popups);
}

/* The oldest that nobody sees, else the oldest, gives way: the hub still has it. */
static void make_room(struct popups *popups)
{
	struct popup *victim = NULL;

	if (popups->n_waiting < POPUPS_MAX)
		return;
	for (struct popup *popup = popups->first; popup; popup = popup->next) {
		if (popup->kind != KIND_BLOCKED || popup->ending)
			continue;
		victim = victim ?: popup;
		if (!popup->shown) {
			victim = popup;
			break;
		}
	}
	if (victim)
		blocked_end(popups, victim);
}

/* Is it news? A hub that is back tells again what was told. */
static bool blocked_fill(struct popup *popup, const struct terok_event *event, const char *target)
{
	int64_t told = event->count > 1 ? event->count : 1;
	bool other = strcmp(popup->request_id, event->request_id);
	bool news = other || popup->count != popup->before + told || strcmp(popup->target, target);

	if (other) { /* newest wins */
		popup->before = popup->count;
		popup->answering = popup->refused = false;
		COPY(popup->request_id, event->request_id);
	}
	popup->count = popup->before + told;
	popup->stale = false;
	popup->port = event->port;
	popup->proto = event->proto;
	COPY(popup->target, target);
	popup_asker_set(popup, event);
	return news;
}

static struct popup *find_target(struct popups *popups, const struct terok_event *event,
				 const char *target)
{
	for (struct popup *popup = popups->first; popup; popup = popup->next)
		if (popup->kind == KIND_BLOCKED && is_of(popup, event->guard, event->container) &&
		    !strcmp(popup->target, target))
			return popup;
	return NULL;
}

static void on_request(struct popups *popups, const struct terok_event *event)
{
	const char *target = *event->domain ? event->domain : event->dest;
	struct popup *popup;
	bool unseen;

	if (!*target || !*event->request_id) {
		log_warn(0, "a request without a %s is left out", *target ? "name" : "destination");
		return;
	}
	popup = find_request(popups, event->request_id) ?: find_target(popups, event, target);
	if (!popup) {
		make_room(popups);
		popup = popup_new(popups, KIND_BLOCKED, NULL, event);
		if (!popup)
			return;
		popup->since = time(NULL);
	}
	unseen = *popup->request_id && waits_unseen(popup);
	if (!blocked_fill(popup, event, target) || unseen)
		return;
	/* asked again: whoever put it away is told once more */
	popup->away = !(popups->categories & POPUP_BLOCKED);
	if (popup->shown)
		popup_touch(popups, popup, false);
	else
		come_forward(popups);
}

/* It may be answered again: what failed stays to be read, and the question is asked anew. */
static void blocked_failed(struct popups *popups, struct popup *popup, bool allow,
			   const char *problem)
{
	tell_outcome(popups, popup, allow, false, problem);
	if (popup->answering) { /* a click puts it away on some desktops */
		popup->shown = true;
		popup->away = false;
	}
	popup->answering = false;
	popup_touch(popups, popup, true);
}

static void on_verdict(struct popups *popups, const struct terok_event *event)
{
	struct popup *popup = find_request(popups, event->request_id);
	bool allow = !strcmp(event->action, "allow");
	char terms[POPUP_TERMS];

	if (!popup)
		return;
	if (!event->ok && popup->refused) {
		popup->refused = false;
		return;
	}
	if (!event->ok) {
		blocked_failed(popups, popup, allow, event->problem);
		return;
	}
	popup_terms(terms, event->scope, event->until_ns, event->uid, event->client);
	tell_outcome(popups, popup, allow, true, terms);
	blocked_end(popups, popup);
}

static struct popup *find_cookie(struct popups *popups, uint64_t cookie)
{
	struct popup *popup = popups->first;

	while (popup && (popup->number != cookie || popup->ending))
		popup = popup->next;
	return popup;
}

void popups_outcome(struct popups *popups, const struct terok_outcome *outcome, uint64_t cookie)
{
	struct popup *popup = find_cookie(popups, cookie);
	char terms[POPUP_TERMS];

	/* our own is told to everybody as an event */
	if (!popup || !outcome->already)
		return;
	popup_terms(terms, outcome->scope, outcome->until_ns, outcome->uid, outcome->client);
	tell_outcome(popups, popup, !strcmp(outcome->action, "allow"), true, terms);
	blocked_end(popups, popup);
}

void popups_answered(struct popups *popups, const char *error, const char *problem, uint64_t cookie)
{
	struct popup *popup = find_cookie(popups, cookie);

	/* success is told to everybody as an event, failure nearly always, and not in that order */
	if (!error || !popup || !popup->answering)
		return;
	if (!strstr(error, ".UnknownRequest")) {
		popup->refused = strstr(error, ".NotApplied") != NULL;
		blocked_failed(popups, popup, popup->allow, problem);
		return;
	}
	tell_outcome(popups, popup, popup->allow, false, problem);
	blocked_end(popups, popup);
}

/* --- containers ------------------------------------------------------------------------------------- */

static void container_end(struct popups *popups, const struct terok_event *event)
{
	struct popup *next;

	popups->held = 0; /* whose it was is not kept: those of others are told again */
	for (struct popup *popup = popups->first; popup; popup = next) {
		next = popup->next;
		if (popup->kind == KIND_BLOCKED && is_of(popup, event->guard, event->container))
			popup_end(popups, popup);
	}
	come_forward(popups);
}

static void alert_end(struct popups *popups, enum popup_kind kind, const struct terok_event *event)
{
	struct popup *popup = find_kind(popups, kind, event->guard, event->container);

	if (popup)
		popup_end(popups, popup);
}

static void shield_end(struct popups *popups, const struct terok_event *event)
{
	alert_end(popups, KIND_SHIELD, event);
}

/* Stays until alert_end(); a second one replaces the first. */
static void alert(struct popups *popups, enum popup_kind kind, const struct terok_event *event,
		  const char *title, const char *body)
{
	struct popup *popup = find_kind(popups, kind, event->guard, event->container)
				  ?: popup_new(popups, kind, NULL, event);

	if (!popup)
		return;
	popup->shown = true;
	popup->urgency = URGENCY_CRITICAL;
	snprintf(popup->summary, sizeof(popup->summary), "%s: %s", title, popup->label);
	COPY(popup->body, body);
	popup_touch(popups, popup, true);
}

/* Until its shield is up again. */
static void shield_alert(struct popups *popups, const struct terok_event *event, const char *title,
			 const char *body)
{
	if (popups->categories & POPUP_SHIELD_DOWN)
		alert(popups, KIND_SHIELD, event, title, body);
}

/* Until it has a guard, or has ended. A hub that is back says all of them again. */
static void on_alarm(struct popups *popups, const struct terok_event *event)
{
	struct popup *known = find_kind(popups, KIND_ALARM, event->guard, event->container);

	if (known && !known->ending) {
		known->stale = false;
		if (!strcmp(known->body, event->problem))
			return;
	}
	alert(popups, KIND_ALARM, event, "Container without a guard", event->problem);
}

/* As an alarm. That it is contained says more than why, whichever comes first. */
static void on_agent(struct popups *popups, const struct terok_event *event)
{
	static const char *const titles[] = { "Agent not trusted", "Container contained" };
	struct popup *known = find_kind(popups, KIND_CONTAINED, event->guard, event->container);
	const char *title = titles[!strcmp(event->type, "agent.contained")];
	char body[256];

	snprintf(body, sizeof(body), "%.64s: %.180s", event->reason, event->problem);
	if (known && !known->ending &&
	    (title == titles[0] ||
	     (!strncmp(known->summary, title, strlen(title)) && !strcmp(known->body, body)))) {
		known->stale = false;
		return;
	}
	alert(popups, KIND_CONTAINED, event, title, body);
}

static void on_state(struct popups *popups, const struct terok_event *event)
{
	if (strcmp(event->state, "block"))
		alert_end(popups, KIND_CONTAINED, event);
	if (!strcmp(event->state, "up")) {
		shield_end(popups, event);
		if (popups->categories & POPUP_SHIELD_UP)
			tell(popups, event, URGENCY_NORMAL, "Shield up",
			     "Outbound firewall restored.");
		return;
	}
	/* only in state up do requests wait for an answer */
	container_end(popups, event);
	if (!strcmp(event->state, "down"))
		shield_alert(popups, event, "Shield down",
			     "It reaches everything but private ranges and what is denied.");
	else if (!strcmp(event->state, "down_all"))
		shield_alert(popups, event, "Shield disengaged",
			     "It reaches everything but what is denied.");
	else
		shield_end(popups, event);
}

static void on_detached(struct popups *popups, const struct terok_event *event)
{
	char body[128] = "";

	container_end(popups, event);
	shield_end(popups, event);
	alert_end(popups, KIND_CONTAINED, event);
	if (*event->reason)
		snprintf(body, sizeof(body), "Reason: %s", event->reason);
	if (popups->categories & POPUP_EXITED)
		tell(popups, event, URGENCY_LOW, "Container stopped", body);
}

void popups_event(struct popups *popups, const struct terok_event *event)
{
	struct popup *popup;

	if (!strcmp(event->type, "request")) {
		on_request(popups, event);
	} else if (!strcmp(event->type, "verdict")) {
		on_verdict(popups, event);
	} else if (!strcmp(event->type, "expired")) {
		popup = find_request(popups, event->request_id);
		if (popup)
			blocked_end(popups, popup);
	} else if (!strcmp(event->type, "held")) {
		popups->held += event->count;
		more_tell(popups);
	} else if (!strcmp(event->type, "alarm")) {
		on_alarm(popups, event);
	} else if (!strcmp(event->type, "alarm_over")) {
		alert_end(popups, KIND_ALARM, event);
	} else if (!strcmp(event->type, "agent.untrusted") ||
		   !strcmp(event->type, "agent.contained")) {
		on_agent(popups, event);
	} else if (!strcmp(event->type, "guard_attached")) {
		if (popups->categories & POPUP_STARTED)
			tell(popups, event, URGENCY_LOW, "Container started", "");
	} else if (!strcmp(event->type, "guard_state")) {
		on_state(popups, event);
	} else if (!strcmp(event->type, "guard_detached")) {
		on_detached(popups, event);
	}
}

/* --- the hub and the service ------------------------------------------------------------------------- */

void popups_replay(struct popups *popups, bool begins)
{
	for (struct popup *popup = popups->first; begins && popup; popup = popup->next)
		popup->stale = popup->kind != KIND_MORE && popup->kind != KIND_PASSING;
	if (begins)
		return;
	for (struct popup *popup = popups->first, *next; popup; popup = next) {
		next = popup->next;
		if (popup->stale && !popup->ending)
			popup_end(popups, popup);
	}
	come_forward(popups);
}

void popups_guard(struct popups *popups, const struct terok_guard_status *guard)
{
	struct popup *popup = find_kind(popups, KIND_SHIELD, guard->guard, guard->container);

	if (popup && !strncmp(guard->state, "down", 4))
		popup->stale = false;
}

void popups_hub_lost(struct popups *popups)
{
	for (struct popup *popup = popups->first; popup; popup = popup->next)
		popup->answering = false;
}

void popups_ready(struct popups *popups, bool buttons)
{
	popups->ready = true;
	popups->buttons = buttons;
	for (struct popup *popup = popups->first, *next; popup; popup = next) {
		next = popup->next;
		if (popup->dirty)
			popup_touch(popups, popup, true);
	}
}

void popups_lost(struct popups *popups)
{
	struct popup *next;
	bool any = false;

	popups->ready = false;
	for (struct popup *popup = popups->first; popup; popup = next) {
		next = popup->next;
		popup->id = 0;
		popup->call = 0;
		if (popup->ending || popup->kind == KIND_PASSING) {
			popup_free(popups, popup);
			continue;
		}
		popup->dirty = popup->shown;
		any |= popup->shown;
	}
	if (any)
		popups->face->wake(popups->user);
}

void popups_sent(struct popups *popups, uint64_t call, uint32_t id)
{
	struct popup *popup = popups->first;

	while (popup && popup->call != call)
		popup = popup->next;
	if (!popup)
		return;
	popup->call = 0;
	popup->id = id;
	if (popup->ending) {
		if (id)
			popups->face->close(id, popups->user);
		popup_free(popups, popup);
	} else if (popup->dirty) {
		popup_touch(popups, popup, popup->kind == KIND_PASSING);
	} else if (popup->kind == KIND_PASSING) {
		popup_free(popups, popup);
	}
}

static struct popup *find_shown(struct popups *popups, uint32_t id)
{
	for (struct popup *popup = popups->first; id && popup; popup = popup->next)
		if (popup->id == id && !popup->ending)
			return popup;
	return NULL;
}

void popups_action(struct popups *popups, uint32_t id, const char *key)
{
	struct popup *popup = find_shown(popups, id);
	unsigned i = 0;
	int r;

	while (i < POPUP_CHOICES && strcmp(popup_actions[2 * i], key))
		i++;
	if (!popup || popup->kind != KIND_BLOCKED || popup->answering || i >= popup_choices(popup))
		return;
	popup->answering = true;
	popup->refused = false;
	popup->allow = choices[i].allow;
	popup->number = ++popups->number;
	r = popups->face->answer(popup->request_id, choices[i].allow,
				 popup->guard ? choices[i].scope : "forever", popup->number,
				 popups->user);
	if (r)
		blocked_failed(popups, popup, choices[i].allow,
			       r == -ENOTCONN ? "the hub is away" : strerror(-r));
}

void popups_closed(struct popups *popups, uint32_t id, uint32_t why)
{
	struct popup *popup = find_shown(popups, id);

	(void)why;
	if (!popup)
		return;
	popup->id = 0;
	popup->shown = false;
	popup->dirty = false;
	popup->away = true;
}

void popups_start(struct popups *popups)
{
	popups->last = &popups->first;
}

bool popups_close(struct popups *popups)
{
	for (struct popup *popup = popups->first, *next; popup; popup = next) {
		next = popup->next;
		if (popup->kind == KIND_PASSING) /* what became of an answer may be read on */
			popup_free(popups, popup);
		else if (!popup->ending)
			popup_end(popups, popup);
	}
	return !popups->first;
}

void popups_stop(struct popups *popups)
{
	timer_disarm(&popups->later);
	popups_close(popups);
	while (popups->first)
		popup_free(popups, popups->first);
}
