// SPDX-License-Identifier: Apache-2.0
#include "clearance_session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SENT_MAX   64 /* answers on their way at once; libclearance takes 256 */
#define REFRESH_NS SECOND_NS
#define RESYNC_NS  (5 * SECOND_NS)

const char *session_socket(void)
{
	static char path[108];
	const char *run = getenv("TEROK_RUN"), *folder = getenv("XDG_RUNTIME_DIR");

	if (run && *run) {
		snprintf(path, sizeof(path), "%s/clearance.sock", run);
		return path;
	}
	if (folder && *folder == '/')
		snprintf(path, sizeof(path), "%s/terok-clearance.sock", folder);
	else
		snprintf(path, sizeof(path), "/run/user/%u/terok-clearance.sock", geteuid());
	/* without one of their own: an administrator may have let others use the agent's */
	if (!geteuid() || (access(path, F_OK) && !access(TEROK_CLEARANCE_SOCKET, W_OK)))
		return TEROK_CLEARANCE_SOCKET;
	return path;
}

#define COPY(field, text) text_copy(field, sizeof(field), text)

static void session_note(struct session *session, const char *text)
{
	if (session->face->note)
		session->face->note(text, session->user);
}

static void item_changed(struct session *session, struct item *item, bool fresh)
{
	if (session->face->item)
		session->face->item(item, fresh, session->user);
}

static void item_end(struct session *session, struct item *item, enum item_state state)
{
	list_set(&session->list, item, state);
	item_changed(session, item, false);
}

/* --- answers -------------------------------------------------------------------------- */

static void answer_failed(struct session *session, struct item *item, const char *problem)
{
	COPY(item->problem, problem);
	list_set(&session->list, item, ITEM_OPEN);
	item_changed(session, item, false);
}

/* What was answered, by whoever was first: of our own choice of reach and ports nothing is known. */
static void answer_note(struct item *item, const char *action, const char *scope,
			const char *client)
{
	bool ours = item->state == ITEM_ANSWERED && !strcmp(item->answer.action, action) &&
		    !strcmp(item->answer.scope, scope);

	COPY(item->answer.action, action);
	COPY(item->answer.scope, scope);
	COPY(item->answer.client, client);
	if (ours)
		return;
	item->answer.reach[0] = item->answer.ports[0] = item->answer.rule[0] = '\0';
	item->answer.seconds = 0;
}

static void answers_pump(struct session *session)
{
	struct answers *answers = &session->answers;

	while (answers->n && answers->sent < SENT_MAX) {
		unsigned at = answers->head, number = answers->waiting[at].number;
		struct item *item = list_find(&session->list, number);
		int r;

		answers->head = (at + 1) % ITEMS_MAX;
		answers->n--;
		if (!item || item->state != ITEM_ANSWERED)
			continue; /* somebody else was first, or it has ended */
		r = hub_answer(&session->line, item->request_id, &answers->waiting[at].choice,
			       number);
		answers->sent += !r;
		if (r)
			answer_failed(session, item, strerror(-r));
	}
}

int session_answer(struct session *session, struct item *item, const struct answer_choice *choice)
{
	struct answers *answers = &session->answers;

	if (!session->line.client)
		return -ENOTCONN;
	if (item->state != ITEM_OPEN)
		return -EALREADY;
	if (answers->n == ITEMS_MAX)
		return -ENOBUFS;
	item->problem[0] = '\0';
	COPY(item->answer.action, choice->allow ? "allow" : "deny");
	COPY(item->answer.scope, choice->scope);
	COPY(item->answer.reach, choice->reach ?: "");
	COPY(item->answer.ports, choice->ports ?: "");
	COPY(item->answer.client, "");
	COPY(item->answer.rule, "");
	item->answer.seconds = choice->seconds;
	list_set(&session->list, item, ITEM_ANSWERED);
	answers->waiting[(answers->head + answers->n) % ITEMS_MAX].number = item->node.number;
	answers->waiting[(answers->head + answers->n) % ITEMS_MAX].choice = *choice;
	answers->n++;
	answers_pump(session);
	return 0;
}

static bool error_is(const char *error, const char *name)
{
	const char *dot = strrchr(error, '.');

	return !strcmp(dot ? dot + 1 : error, name);
}

/* Somebody was first: that is how it was answered, whatever we have heard of it. */
static void on_outcome(const struct terok_outcome *outcome, uint64_t cookie, void *user)
{
	struct session *session = user;
	struct item *item = list_find(&session->list, cookie);

	if (!item)
		return;
	if (!outcome->already) {
		COPY(item->answer.rule, outcome->rule);
		return;
	}
	answer_note(item, outcome->action, outcome->scope, outcome->client);
	item->answer.uid = outcome->uid;
	item->answer.until_ns = outcome->until_ns;
	if (item->state != ITEM_ANSWERED)
		return;
	list_set(&session->list, item,
		 strcmp(outcome->action, "allow") ? ITEM_DENIED : ITEM_ALLOWED);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct session *session = user;
	struct item *item = list_find(&session->list, cookie);

	session->answers.sent -= session->answers.sent > 0;
	answers_pump(session);
	/* success is told to everybody as an event; what else there is, only to us */
	if (!error || !item)
		return;
	if (error_is(error, "AlreadyAnswered") || error_is(error, "UnknownRequest")) {
		COPY(item->problem, problem);
		if (item->state <= ITEM_ANSWERED)
			list_set(&session->list, item, ITEM_GONE);
		item_changed(session, item, false);
	} else if (item->state == ITEM_ANSWERED) {
		answer_failed(session, item, problem);
	} else {
		COPY(item->problem, problem);
		item_changed(session, item, false);
	}
}

/* --- grants and history, while they are shown ----------------------------------------- */

static int session_refresh(struct timer *timer);

/* Soon, but at most once a second. */
static void session_refresh_soon(struct session *session)
{
	if (session->watch == WATCH_REQUESTS || session->refresh.loop || !session->line.client)
		return;
	timer_arm(session->loop, &session->refresh, session->refreshed_ns + REFRESH_NS,
		  session_refresh);
}

static void session_listed(struct session *session)
{
	session->asking = false;
	if (session->stale)
		session_refresh_soon(session);
	if (session->face->listed)
		session->face->listed(session->user);
}

/* Ask for what is shown; what cannot be had is said in place of it. */
static void session_ask(struct session *session, int64_t after)
{
	bool grants = session->watch == WATCH_GRANTS;
	char *said = grants ? session->grants_said : session->history_said;
	int r;

	session->stale = false;
	session->refreshed_ns = now_boot_ns();
	session->older = after;
	session->grants_coming.n = session->history_coming.n = 0;
	r = grants ? hub_list_grants(&session->line, 0)
		   : hub_history(&session->line, 0, after, HISTORY_PAGE);
	session->asking = !r;
	said[0] = '\0';
	if (r)
		snprintf(said, sizeof(session->grants_said), "%s", strerror(-r));
	if (r && session->face->listed)
		session->face->listed(session->user);
}

static int session_refresh(struct timer *timer)
{
	struct session *session = container_of(timer, struct session, refresh);

	if (session->line.client && session->watch != WATCH_REQUESTS && !session->asking)
		session_ask(session, 0);
	return 0;
}

void session_watch(struct session *session, enum session_watch watch)
{
	session->watch = watch;
	session->stale = true;
	timer_disarm(&session->refresh);
	if (session->line.client && watch != WATCH_REQUESTS && !session->asking)
		session_ask(session, 0);
}

void session_older(struct session *session)
{
	const struct history *history = &session->history;

	if (!session->line.client || session->asking || session->watch != WATCH_HISTORY ||
	    !history->more || !history->n || history->n >= HISTORY_MAX)
		return;
	session_ask(session, history->entry[history->n - 1].number);
}

int session_revoke(struct session *session, const char *grant)
{
	return session->line.client ? hub_revoke(&session->line, grant, 0) : -ENOTCONN;
}

static void on_revoked(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct session *session = user;
	char text[200];

	(void)cookie;
	snprintf(text, sizeof(text), error ? "not revoked: %s" : "revoked%s", error ? problem : "");
	session->stale = true;
	session_refresh_soon(session);
	session_note(session, text);
}

static void on_grant(const struct grant *grant, bool more, const char *problem, void *user)
{
	struct session *session = user;

	if (grant) {
		grants_add(&session->grants_coming, grant);
		return;
	}
	COPY(session->grants_said, problem ?: "");
	session->grants_coming.more = more;
	grants_take(&session->grants, &session->grants_coming);
	session_listed(session);
}

static void on_entry(const struct entry *entry, bool more, const char *problem, void *user)
{
	struct session *session = user;

	if (entry) {
		history_add(&session->history_coming, entry);
		return;
	}
	COPY(session->history_said, problem ?: "");
	session->history_coming.more = more;
	history_take(&session->history, &session->history_coming, session->older);
	session_listed(session);
}

/* --- events --------------------------------------------------------------------------- */

static void on_request(struct session *session, const struct terok_event *event)
{
	bool fresh;
	struct item *item = list_told(&session->list, event, &fresh);

	if (item)
		item_changed(session, item, fresh);
}

static void on_verdict(struct session *session, const struct terok_event *event)
{
	struct item *item = list_find_id(&session->list, event->request_id);
	struct hub_more more;

	if (!item)
		return;
	if (!event->ok) {
		answer_failed(session, item, event->problem);
		return;
	}
	hub_more(event, &more);
	answer_note(item, event->action, event->scope, more.client);
	if (*more.rule)
		COPY(item->answer.rule, more.rule);
	item->answer.uid = event->uid;
	item->answer.until_ns = event->until_ns;
	item_end(session, item, strcmp(event->action, "allow") ? ITEM_DENIED : ITEM_ALLOWED);
}

static void guard_ends(struct session *session, const struct terok_event *event)
{
	for (struct item *item = session->list.alive.oldest, *next; item; item = next) {
		next = item->newer;
		if (event->guard ? item->guard == event->guard
				 : !strcmp(item->container, event->container))
			item_end(session, item, ITEM_GONE);
	}
}

static void on_guard(struct session *session, const struct terok_event *event)
{
	bool attached = !strcmp(event->type, "guard_attached");
	bool detached = !strcmp(event->type, "guard_detached");
	char text[200];

	if (attached)
		snprintf(text, sizeof(text), "%.70s is guarded, state %.16s", event->name,
			 event->state);
	else if (detached)
		snprintf(text, sizeof(text), "%.70s is guarded no more: %.64s", event->name,
			 event->reason);
	else
		snprintf(text, sizeof(text), "%.70s is %.16s", event->name, event->state);
	/* only in state up do its requests wait for an answer */
	if (detached || (!attached && strcmp(event->state, "up")))
		guard_ends(session, event);
	session_note(session, text);
}

/* Beyond what a container may have open at a time. */
static void on_held(struct session *session, const struct terok_event *event)
{
	char text[200];

	if (!list_held(&session->list, event))
		return;
	snprintf(text, sizeof(text),
		 "%.70s is refused more than people are asked about: too much waits already",
		 event->name);
	session_note(session, text);
}

/* What is shown beside the requests may be another now. */
static void session_is_stale(struct session *session, const char *type)
{
	if (!strcmp(type, "refused") || !strcmp(type, "held") ||
	    (session->watch == WATCH_GRANTS && !strcmp(type, "request")))
		return;
	session->stale = true;
	session_refresh_soon(session);
}

static int session_again(struct timer *timer);

/* What was missed may have ended a request that we show, or asked another: ask what is open. */
static void session_missed(struct session *session, int64_t lost)
{
	char text[80];

	session->lost += lost;
	if (!session->resync) {
		snprintf(text, sizeof(text), "%" PRId64 " events were missed", session->lost);
		session_note(session, text);
	}
	if (!session->reconnect || !session->face->item || session->resync)
		return;
	session->resync = true;
	timer_arm(session->loop, &session->again, session->connected_ns + RESYNC_NS, session_again);
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct session *session = user;
	struct item *item;

	if (lost > session->lost_here) {
		session_missed(session, lost - session->lost_here);
		session->lost_here = lost;
	}
	if (session->face->event)
		session->face->event(event, session->user);
	if (!session->face->item)
		return;
	if (!strcmp(event->type, "request")) {
		on_request(session, event);
	} else if (!strcmp(event->type, "verdict")) {
		on_verdict(session, event);
	} else if (!strncmp(event->type, "guard_", 6)) {
		on_guard(session, event);
	} else if (!strcmp(event->type, "held")) {
		on_held(session, event);
	} else if (!strcmp(event->type, "expired")) {
		item = list_find_id(&session->list, event->request_id);
		if (item && item->state <= ITEM_ANSWERED)
			item_end(session, item, ITEM_GONE);
	}
	session_is_stale(session, event->type);
}

/* --- the connection ------------------------------------------------------------------- */

/* Open requests are told first; this is answered when all of them are on their way to us. */
static void on_subscribed(void *user)
{
	struct session *session = user;

	terok_client_list_guards(session->line.client);
}

static void on_listed_guard(const struct terok_guard_status *guard, void *user)
{
	struct session *session = user;

	session->told |= !guard;
}

static void on_closed(int error, void *user)
{
	struct session *session = user;

	(void)error;
	session->closed = true; /* closed where it is safe: behind terok_client_process() */
}

static const struct hub_events events = {
	.subscribed = on_subscribed,
	.event = on_event,
	.outcome = on_outcome,
	.answered = on_answered,
	.guard = on_listed_guard,
	.grant = on_grant,
	.revoked = on_revoked,
	.entry = on_entry,
	.closed = on_closed,
};

/* What the hub has not told again was answered or has ended while we were away. */
static void items_settle(struct session *session)
{
	session->told = false;
	for (struct item *item = session->list.alive.oldest, *next; item; item = next) {
		next = item->newer;
		if (item->unsure)
			item_end(session, item, ITEM_GONE);
	}
}

/* An answer that was on its way when the hub went has got lost, or is never told of. */
static void items_await_replay(struct session *session)
{
	session->answers.head = session->answers.n = session->answers.sent = 0;
	for (struct item *item = session->list.alive.oldest, *next; item; item = next) {
		next = item->newer;
		if (item->state == ITEM_ANSWERED)
			answer_failed(session, item, "the hub went away before it answered");
		item->unsure = true;
	}
}

/* 1, 2, 4, 8, 10, 10... seconds. */
static void session_schedule(struct session *session)
{
	unsigned seconds = session->tries < 4 ? 1U << session->tries : 10;

	session->tries++;
	timer_arm(session->loop, &session->again, now_boot_ns() + seconds * SECOND_NS,
		  session_again);
}

static void session_disconnect(struct session *session)
{
	timer_disarm(&session->refresh);
	source_del(&session->source);
	hub_close(&session->line);
	session->connected = session->closed = session->told = session->asking = false;
	session->resync = false;
	session->lost_here = 0;
}

static bool stream_is_empty(struct session *session)
{
	struct pollfd ready = { .fd = terok_client_fd(session->line.client), .events = POLLIN };

	return poll(&ready, 1, 0) == 0;
}

static int session_ready(struct source *source, uint32_t ready)
{
	struct session *session = container_of(source, struct session, source);

	(void)ready;
	terok_client_process(session->line.client);
	if (!session->closed) {
		if (session->told && stream_is_empty(session))
			items_settle(session);
		return 0;
	}
	session_disconnect(session);
	if (!session->reconnect)
		return -EPIPE;
	session_note(session, "the hub went away; trying again");
	session_schedule(session);
	return 0;
}

static int session_connect(struct session *session)
{
	int r;

	session->line.events = &events;
	session->line.user = session;
	r = hub_open(&session->line, session->path);
	if (r)
		return r;
	r = terok_client_monitor(session->line.client, 0, true);
	if (!r)
		r = source_add(session->loop, &session->source,
			       terok_client_fd(session->line.client), EPOLLIN, session_ready);
	if (r) {
		hub_close(&session->line);
		return r;
	}
	session->connected = true;
	session->connected_ns = now_boot_ns();
	session->tries = 0;
	items_await_replay(session);
	session_watch(session, session->watch);
	return 0;
}

static int session_again(struct timer *timer)
{
	struct session *session = container_of(timer, struct session, again);
	bool resync = session->resync;

	if (resync && (session->answers.sent || session->answers.n || session->asking)) {
		/* what is on its way is told of first */
		timer_arm(session->loop, timer, now_boot_ns() + SECOND_NS, session_again);
		return 0;
	}
	if (resync)
		session_disconnect(session);
	if (session_connect(session))
		session_schedule(session);
	else if (!resync)
		session_note(session, "the hub is back");
	return 0;
}

int session_start(struct session *session, struct problem *why)
{
	int r = session_connect(session);

	return r ? problem(why, r,
			   "cannot reach the hub at %s: %s; is the agent running? try: sudo "
			   "terok-bpfd run",
			   session->path, strerror(-r))
		 : 0;
}

void session_stop(struct session *session)
{
	timer_disarm(&session->again);
	session_disconnect(session);
	list_done(&session->list);
	grants_done(&session->grants);
	grants_done(&session->grants_coming);
	history_done(&session->history);
	history_done(&session->history_coming);
}
