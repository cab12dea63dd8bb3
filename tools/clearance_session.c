// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_session.c - connect, keep one item per request, send answers (clearance.h)
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "clearance.h"

#define SECOND_NS UINT64_C(1000000000)

const struct scope_choice scope_choices[SCOPES] = {
	{ "once", "once", 0 },       { "5 min", "time", 300 },    { "1 h", "time", 3600 },
	{ "session", "session", 0 }, { "forever", "forever", 0 },
};

static const char *const state_names[] = { "open", "answered", "allowed", "denied", "gone" };

const char *item_state_name(enum item_state state)
{
	return state_names[state];
}

const char *session_socket(void)
{
	static char path[108];
	const char *run = getenv("TEROK_RUN");

	if (!run || !*run)
		return TEROK_CLEARANCE_SOCKET;
	snprintf(path, sizeof(path), "%s/clearance.sock", run);
	return path;
}

struct item *session_find(struct session *session, unsigned number)
{
	for (unsigned i = 0; i < session->n; i++)
		if (session->items[i]->number == number)
			return session->items[i];
	return NULL;
}

static struct item *item_by_id(struct session *session, const char *id)
{
	for (unsigned i = session->n; i-- > 0;)
		if (!strcmp(session->items[i]->request_id, id))
			return session->items[i];
	return NULL;
}

const char *target_format(char buf[static TARGET_LEN], const char *dest, int64_t port,
			  int64_t proto)
{
	bool v6 = strchr(dest, ':') != NULL;
	char number[8];

	if (!port && !proto) /* a name that was refused */
		snprintf(buf, TARGET_LEN, "%s", dest);
	else
		snprintf(buf, TARGET_LEN, v6 ? "[%s]:%" PRId64 "/%s" : "%s:%" PRId64 "/%s", dest,
			 port, proto_name(proto, number));
	return buf;
}

/* Make room: the oldest that is over, else the oldest at all (it stays answerable by id). */
static void items_make_room(struct session *session)
{
	unsigned victim = 0;

	if (session->n < ITEMS_MAX)
		return;
	while (victim < session->n && session->items[victim]->state <= ITEM_ANSWERED)
		victim++;
	if (victim == session->n)
		victim = 0;
	free(session->items[victim]);
	memmove(&session->items[victim], &session->items[victim + 1],
		(session->n - victim - 1) * sizeof(session->items[0]));
	session->n--;
}

static struct item *item_new(struct session *session)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	items_make_room(session);
	item->number = ++session->numbers;
	item->seen_ns = now_boot_ns();
	session->items[session->n++] = item;
	return item;
}

#define COPY(field, text) snprintf(field, sizeof(field), "%s", text)

static void item_fill(struct item *item, const struct terok_event *event)
{
	item->guard = event->guard;
	item->count = event->count;
	item->port = event->port;
	item->proto = event->proto;
	item->pid = event->process.pid;
	item->uid = event->process.uid;
	item->parent_pid = event->process.parent_pid;
	COPY(item->request_id, event->request_id);
	COPY(item->name, event->name);
	COPY(item->dest, event->dest);
	COPY(item->reason, event->reason);
	COPY(item->hook, event->hook);
	COPY(item->comm, event->process.comm);
	COPY(item->parent, event->process.parent_comm);
	COPY(item->exe, event->process.exe);
	COPY(item->cmdline, event->process.cmdline);
}

/* A request, new or told again: the same item, whatever has become of it meanwhile. */
static void on_request(struct session *session, const struct terok_event *event)
{
	struct item *item = item_by_id(session, event->request_id);
	bool fresh = !item;

	if (fresh)
		item = item_new(session);
	if (!item)
		return;
	item_fill(item, event);
	if (item->state != ITEM_ANSWERED)
		item->state = ITEM_OPEN;
	session->face->item(item, fresh, session->user);
}

static void item_end(struct session *session, struct item *item, enum item_state state)
{
	item->state = state;
	item->ended_ns = now_boot_ns();
	session->face->item(item, false, session->user);
}

static void on_verdict(struct session *session, const struct terok_event *event)
{
	struct item *item = item_by_id(session, event->request_id);

	if (!item)
		return;
	if (event->ok) {
		item_end(session, item,
			 strcmp(event->action, "allow") ? ITEM_DENIED : ITEM_ALLOWED);
		return;
	}
	item->state = ITEM_OPEN;
	COPY(item->problem, event->problem);
	session->face->item(item, false, session->user);
}

static void guard_ends(struct session *session, int64_t guard)
{
	for (unsigned i = 0; i < session->n; i++)
		if (session->items[i]->guard == guard && session->items[i]->state <= ITEM_ANSWERED)
			item_end(session, session->items[i], ITEM_GONE);
}

static void on_guard(struct session *session, const struct terok_event *event)
{
	char text[160];

	if (!strcmp(event->type, "guard_attached"))
		snprintf(text, sizeof(text), "%s is guarded, state %s", event->name, event->state);
	else if (!strcmp(event->type, "guard_state"))
		snprintf(text, sizeof(text), "%s is %s", event->name, event->state);
	else
		snprintf(text, sizeof(text), "%s is guarded no more: %s", event->name,
			 event->reason);
	/* only in state up do its requests wait for an answer */
	if (strcmp(event->type, "guard_attached") && strcmp(event->state, "up"))
		guard_ends(session, event->guard);
	else if (!strcmp(event->type, "guard_detached"))
		guard_ends(session, event->guard);
	if (session->face->note)
		session->face->note(text, session->user);
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct session *session = user;
	struct item *item;

	session->lost = lost;
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
	} else if (!strcmp(event->type, "expired")) {
		item = item_by_id(session, event->request_id);
		if (item)
			item_end(session, item, ITEM_GONE);
	}
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct session *session = user;
	struct item *item = session_find(session, cookie);

	/* success is told to everybody as an event; what else there is, only to us */
	if (!error || !item)
		return;
	COPY(item->problem, problem);
	if (strstr(error, "UnknownRequest"))
		item_end(session, item, ITEM_GONE);
	else if (item->state == ITEM_ANSWERED) {
		item->state = ITEM_OPEN;
		session->face->item(item, false, session->user);
	}
}

static void on_closed(int error, void *user)
{
	struct session *session = user;

	(void)error;
	session->closed = true; /* closed where it is safe: behind terok_client_process() */
}

static const struct terok_client_events events = {
	.event = on_event,
	.answered = on_answered,
	.closed = on_closed,
};

static void session_note(struct session *session, const char *text)
{
	if (session->face->note)
		session->face->note(text, session->user);
}

static int session_again(struct timer *timer);

/* 1, 2, 4, 8, 10, 10... seconds. */
static void session_schedule(struct session *session)
{
	unsigned seconds = session->tries < 4 ? 1U << session->tries : 10;

	session->tries++;
	timer_arm(session->loop, &session->again, now_boot_ns() + seconds * SECOND_NS,
		  session_again);
}

static int session_ready(struct source *source, uint32_t ready)
{
	struct session *session = container_of(source, struct session, source);

	(void)ready;
	terok_client_process(session->client);
	if (!session->closed)
		return 0;
	source_del(&session->source);
	terok_client_close(TAKE_PTR(session->client));
	session->connected = session->closed = false;
	if (!session->reconnect)
		return -EPIPE;
	session_note(session, "the hub went away; trying again");
	session_schedule(session);
	return 0;
}

/*
 * A hub tells anew what is open. What it does not tell was answered or ended meanwhile, and
 * an answer that was on its way when it went has got lost, or will never be told of.
 */
static void items_await_replay(struct session *session)
{
	for (unsigned i = 0; i < session->n; i++) {
		if (session->items[i]->state > ITEM_ANSWERED)
			continue;
		session->items[i]->state = ITEM_GONE;
		session->items[i]->ended_ns = now_boot_ns();
	}
}

static int session_connect(struct session *session)
{
	int r = terok_client_open(session->path, &events, session, &session->client);

	if (r)
		return r;
	r = terok_client_monitor(session->client, 0, true);
	if (!r)
		r = source_add(session->loop, &session->source, terok_client_fd(session->client),
			       EPOLLIN, session_ready);
	if (r) {
		terok_client_close(TAKE_PTR(session->client));
		return r;
	}
	session->connected = true;
	session->tries = 0;
	items_await_replay(session);
	return 0;
}

static int session_again(struct timer *timer)
{
	struct session *session = container_of(timer, struct session, again);

	if (session_connect(session))
		session_schedule(session);
	else
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
	source_del(&session->source);
	terok_client_close(TAKE_PTR(session->client));
	while (session->n)
		free(session->items[--session->n]);
}

int session_answer(struct session *session, struct item *item, bool allow,
		   const struct scope_choice *scope)
{
	int r;

	if (!session->client)
		return -ENOTCONN;
	if (item->state != ITEM_OPEN)
		return -EALREADY;
	r = terok_client_answer(session->client, item->request_id, allow ? "allow" : "deny",
				scope->scope, scope->seconds, item->number);
	if (r)
		return r;
	item->problem[0] = '\0';
	item->state = ITEM_ANSWERED;
	return 0;
}
