// SPDX-License-Identifier: Apache-2.0
#include "clearance_relay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

#define COPY(field, text) snprintf(field, sizeof(field), "%s", text)

static int relay_again(struct timer *timer);

/* --- requests ------------------------------------------------------------------------ */

static struct relay_request **request_slot(struct relay *relay, const char *id)
{
	struct relay_request **slot;
	uint32_t hash = 2166136261; /* FNV-1a */

	for (const char *p = id; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619;
	slot = &relay->requests[hash % RELAY_BUCKETS];
	while (*slot && strcmp((*slot)->id, id))
		slot = &(*slot)->next;
	return slot;
}

struct relay_request *relay_request_find(struct relay *relay, const char *id)
{
	return *request_slot(relay, id);
}

static void request_remove(struct relay *relay, struct relay_request **slot)
{
	struct relay_request *request = *slot;

	*slot = request->next;
	relay->n_requests--;
	free(request);
}

/* Make room: the oldest that nobody can answer, else the oldest at all. */
static void requests_make_room(struct relay *relay)
{
	struct relay_request **victim = NULL;

	if (relay->n_requests < RELAY_REQUESTS_MAX)
		return;
	for (int i = 0; i < RELAY_BUCKETS; i++) {
		struct relay_request **slot = &relay->requests[i];

		for (; *slot; slot = &(*slot)->next)
			if (!victim || (*slot)->open < (*victim)->open ||
			    ((*slot)->open == (*victim)->open && (*slot)->order < (*victim)->order))
				victim = slot;
	}
	if (victim)
		request_remove(relay, victim);
}

static struct relay_request *request_new(struct relay *relay, const char *id)
{
	struct relay_request *request, **slot;

	if (strlen(id) >=
	    sizeof(request->id)) /* nothing that a hub makes; cut it would be another */
		return NULL;
	requests_make_room(relay);
	request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	slot = request_slot(relay, id);
	*slot = request;
	COPY(request->id, id);
	request->order = ++relay->order;
	relay->n_requests++;
	return request;
}

static bool same_guard(int64_t a, const char *a_container, int64_t b, const char *b_container)
{
	return a == b && (a || !strcmp(a_container, b_container));
}

/* Nobody can answer those of a guard any more; @container NULL: of all there are. */
static void requests_end(struct relay *relay, int64_t guard, const char *container)
{
	for (int i = 0; i < RELAY_BUCKETS; i++) {
		struct relay_request **slot = &relay->requests[i];

		while (*slot) {
			if (!container ||
			    same_guard((*slot)->guard, (*slot)->container, guard, container))
				request_remove(relay, slot);
			else
				slot = &(*slot)->next;
		}
	}
}

/* No hub waits for their answers, until one says so. */
static void requests_close(struct relay *relay)
{
	for (int i = 0; i < RELAY_BUCKETS; i++)
		for (struct relay_request *r = relay->requests[i]; r; r = r->next)
			r->open = false;
}

static int by_order(const void *a, const void *b)
{
	const struct relay_request *const *x = a, *const *y = b;

	return (*x)->order < (*y)->order ? -1 : (*x)->order > (*y)->order;
}

void relay_each(struct relay *relay, void (*fn)(struct relay_request *request, void *arg),
		void *arg)
{
	_cleanup_free_ struct relay_request **all = calloc(relay->n_requests + 1, sizeof(*all));
	unsigned n = 0;

	if (!all)
		return;
	for (int i = 0; i < RELAY_BUCKETS; i++)
		for (struct relay_request *r = relay->requests[i]; r; r = r->next)
			all[n++] = r;
	qsort(all, n, sizeof(*all), by_order);
	for (unsigned i = 0; i < n; i++)
		fn(all[i], arg);
}

/* --- guards -------------------------------------------------------------------------- */

static struct relay_guard **guard_slot(struct relay *relay, int64_t number, const char *container)
{
	struct relay_guard **slot = &relay->guards;

	while (*slot && !same_guard((*slot)->number, (*slot)->container, number, container))
		slot = &(*slot)->next;
	return slot;
}

struct relay_guard *relay_guard_find(struct relay *relay, int64_t number, const char *container)
{
	struct relay_guard *guard = *guard_slot(relay, number, container);

	return guard && !guard->gone ? guard : NULL;
}

static struct relay_guard *guard_new(struct relay *relay, int64_t number, const char *container,
				     const char *name)
{
	struct relay_guard *guard;

	if (relay->n_guards == RELAY_GUARDS_MAX) {
		log_warn(0, "guard %" PRId64 " is one too many: %d are looked after", number,
			 RELAY_GUARDS_MAX);
		return NULL;
	}
	guard = calloc(1, sizeof(*guard));
	if (!guard)
		return NULL;
	guard->number = number;
	COPY(guard->container, container);
	COPY(guard->name, name);
	guard->next = relay->guards;
	relay->guards = guard;
	relay->n_guards++;
	return guard;
}

static void guard_free(struct relay *relay, struct relay_guard **slot)
{
	struct relay_guard *guard = *slot;

	*slot = guard->next;
	relay->n_guards--;
	free(guard);
}

bool relay_lists_guards(const struct relay *relay)
{
	const struct relay_guard *guard = relay->guards;

	while (guard && (!guard->number || guard->gone))
		guard = guard->next;
	return guard != NULL;
}

/* The hub spoke of it. */
static struct relay_guard *guard_see(struct relay *relay, int64_t number, const char *container,
				     const char *name)
{
	struct relay_guard *guard = *guard_slot(relay, number, container);

	if (guard) {
		guard->seen = true;
		if (guard->gone)
			return NULL;
		if (!*guard->name && *name) {
			COPY(guard->name, name);
			if (relay->face->named)
				relay->face->named(guard, relay->user);
		}
		return guard;
	}
	guard = guard_new(relay, number, container, name);
	if (!guard)
		return NULL;
	guard->seen = true;
	relay->face->guard(guard, true, relay->user);
	return guard;
}

static void guard_tell_end(struct relay *relay, struct relay_guard *guard)
{
	if (guard->gone)
		return;
	guard->gone = true;
	relay->face->guard(guard, false, relay->user);
}

/* While a list is on its way its end is remembered: the list may be from before it. */
static void guard_end(struct relay *relay, int64_t number, const char *container)
{
	struct relay_guard **slot = guard_slot(relay, number, container), *guard = *slot;

	requests_end(relay, number, container);
	if (guard)
		guard_tell_end(relay, guard);
	if (relay->listing) {
		guard = guard ?: guard_new(relay, number, container, "");
		if (guard)
			guard->gone = true;
	} else if (guard) {
		guard_free(relay, slot);
	}
}

/* All are listed: what was not, or has ended since, is no more. A hub without guards lists none. */
static void guards_sweep(struct relay *relay)
{
	struct relay_guard **slot = &relay->guards;

	while (*slot) {
		struct relay_guard *guard = *slot;

		if ((guard->seen || !guard->number) && !guard->gone) {
			slot = &guard->next;
			continue;
		}
		if (!guard->gone)
			requests_end(relay, guard->number, guard->container);
		guard_tell_end(relay, guard);
		guard_free(relay, slot);
	}
}

static void guards_end_all(struct relay *relay)
{
	while (relay->guards) {
		guard_tell_end(relay, relay->guards);
		guard_free(relay, &relay->guards);
	}
}

/* --- what the hub says --------------------------------------------------------------- */

static void on_request(struct relay *relay, const struct terok_event *event)
{
	struct relay_guard *guard = guard_see(relay, event->guard, event->container, event->name);
	struct relay_request *request = relay_request_find(relay, event->request_id);

	if (!request)
		request = request_new(relay, event->request_id);
	if (!guard || !request)
		return;
	request->open = true;
	request->guard = event->guard;
	COPY(request->container, event->container);
	request->port = event->port;
	request->proto = event->proto;
	COPY(request->dest, event->dest);
	COPY(request->domain, event->domain);
	relay->face->request(request, guard, relay->user);
}

static void on_verdict(struct relay *relay, const struct terok_event *event)
{
	relay->face->verdict(relay_request_find(relay, event->request_id), event, relay->user);
	if (event->ok && relay_request_find(relay, event->request_id))
		request_remove(relay, request_slot(relay, event->request_id));
}

static void on_guard_news(struct relay *relay, const struct terok_event *event)
{
	struct relay_guard **slot = guard_slot(relay, event->guard, event->container);

	if (!strcmp(event->type, "guard_detached")) {
		guard_end(relay, event->guard, event->container);
		return;
	}
	if (!strcmp(event->type, "guard_attached") && *slot && (*slot)->gone)
		guard_free(relay, slot); /* its number again: another guard */
	guard_see(relay, event->guard, event->container, event->name);
	/* only in state up do its requests wait for an answer */
	if (*event->state && strcmp(event->state, "up"))
		requests_end(relay, event->guard, event->container);
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct relay *relay = user;

	if (lost > relay->lost) {
		log_warn(0, "%" PRId64 " events of the hub were lost; asking it anew",
			 lost - relay->lost);
		relay->lost = lost;
		relay->missed = true;
	}
	if (!strcmp(event->type, "request"))
		on_request(relay, event);
	else if (!strcmp(event->type, "verdict"))
		on_verdict(relay, event);
	else if (!strncmp(event->type, "guard_", 6))
		on_guard_news(relay, event);
	else if (!strcmp(event->type, "expired") && relay_request_find(relay, event->request_id))
		request_remove(relay, request_slot(relay, event->request_id));
}

static void on_subscribed(void *user)
{
	struct relay *relay = user;

	relay->listing = true;
	if (terok_client_list_guards(relay->client))
		relay->closed = true;
}

static void on_guard(const struct terok_guard_status *guard, void *user)
{
	struct relay *relay = user;

	if (guard) {
		guard_see(relay, guard->guard, guard->container, guard->name);
		return;
	}
	relay->listing = false;
	relay->listed = true; /* the face hears it where it may end the loop */
	guards_sweep(relay);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct relay *relay = user;

	relay->face->answered(error, problem, cookie, relay->user);
}

static void on_closed(int error, void *user)
{
	struct relay *relay = user;

	(void)error;
	relay->closed = true; /* closed where it is safe: behind terok_client_process() */
}

static const struct terok_client_events events = {
	.subscribed = on_subscribed,
	.event = on_event,
	.answered = on_answered,
	.guard = on_guard,
	.closed = on_closed,
};

/* --- the connection ------------------------------------------------------------------ */

/* 1, 2, 4, 8, 10, 10... seconds. */
static void relay_schedule(struct relay *relay)
{
	unsigned seconds = relay->tries < 4 ? 1U << relay->tries : 10;

	relay->tries++;
	timer_arm(relay->loop, &relay->again, now_boot_ns() + seconds * SECOND_NS, relay_again);
}

static void relay_disconnect(struct relay *relay)
{
	source_del(&relay->source);
	terok_client_close(TAKE_PTR(relay->client));
	relay->closed = relay->listing = relay->listed = relay->missed = false;
	relay->lost = 0;
	relay->face->unanswered(relay->user);
	requests_close(relay);
}

static int relay_lose(struct relay *relay)
{
	int r;

	if (relay->client)
		relay_disconnect(relay);
	relay->asking = false;
	guards_end_all(relay);
	r = relay->face->lost(relay->user);
	if (r)
		return r;
	log_warn(0, "the hub went away; trying again");
	relay_schedule(relay);
	return 0;
}

static int relay_ready(struct source *source, uint32_t ready)
{
	struct relay *relay = container_of(source, struct relay, source);

	(void)ready;
	terok_client_process(relay->client);
	if (relay->closed)
		return relay_lose(relay);
	if (relay->missed) { /* all that is known stays until the hub has said what is true */
		relay_disconnect(relay);
		relay->asking = true;
		relay_schedule(relay);
		return 0;
	}
	if (!relay->listed)
		return 0;
	relay->listed = false;
	relay->tries = 0;
	return relay->face->listed(relay->user);
}

static int relay_connect(struct relay *relay)
{
	int r = terok_client_open(relay->path, &events, relay, &relay->client);

	if (r)
		return r;
	for (struct relay_guard *guard = relay->guards; guard; guard = guard->next)
		guard->seen = false;
	r = terok_client_monitor(relay->client, 0, true);
	if (!r)
		r = source_add(relay->loop, &relay->source, terok_client_fd(relay->client), EPOLLIN,
			       relay_ready);
	if (r)
		terok_client_close(TAKE_PTR(relay->client));
	return r;
}

static int relay_again(struct timer *timer)
{
	struct relay *relay = container_of(timer, struct relay, again);

	if (relay_connect(relay)) {
		if (relay->asking)
			return relay_lose(relay);
		relay_schedule(relay);
		return 0;
	}
	if (!relay->asking)
		log_info("the hub is back");
	relay->asking = false;
	return 0;
}

int relay_start(struct relay *relay, bool wait, struct problem *why)
{
	int r = relay_connect(relay);

	if (!r)
		return 0;
	problem(why, r,
		"cannot reach the hub at %s: %s; is the agent running? try: sudo terok-bpfd run",
		relay->path, strerror(-r));
	if (!wait)
		return r;
	log_warn(0, "%s", why->text);
	relay_schedule(relay);
	return 0;
}

void relay_stop(struct relay *relay)
{
	timer_disarm(&relay->again);
	source_del(&relay->source);
	terok_client_close(TAKE_PTR(relay->client));
	while (relay->guards)
		guard_free(relay, &relay->guards);
	requests_end(relay, 0, NULL);
}

int relay_answer(struct relay *relay, const struct relay_request *request, bool allow,
		 uint64_t cookie)
{
	if (!relay->client || relay->closed)
		return -ENOTCONN;
	if (!request->open)
		return -ENOENT;
	return terok_client_answer(relay->client, request->id, allow ? "allow" : "deny",
				   relay->scope, 0, cookie);
}

bool relay_is_told(const char *error)
{
	return !error || strstr(error, ".NotApplied") || strstr(error, ".AlreadyAnswered");
}

bool relay_scope(const char *text)
{
	return !strcmp(text, "once") || !strcmp(text, "session") || !strcmp(text, "forever");
}

int relay_action(const char *text, bool *ret_allow)
{
	bool allow = !strcmp(text, "accept") || !strcmp(text, "allow");

	if (!allow && strcmp(text, "deny"))
		return -EINVAL;
	*ret_allow = allow;
	return 0;
}
