// SPDX-License-Identifier: Apache-2.0
#include "clearance_within.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define RESYNC_NS (5 * SECOND_NS)

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

void session_note(struct session *session, const char *text)
{
	if (session->face->note)
		session->face->note(text, session->user);
}

void session_changed(struct session *session, struct item *item, bool fresh)
{
	if (session->face->item)
		session->face->item(item, fresh, session->user);
}

void session_end_item(struct session *session, struct item *item, enum item_state state)
{
	list_set(&session->list, item, state);
	session_changed(session, item, false);
}

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
	.event = session_on_event,
	.outcome = session_on_outcome,
	.answered = session_on_answered,
	.guard = on_listed_guard,
	.grant = session_on_grant,
	.revoked = session_on_revoked,
	.entry = session_on_entry,
	.closed = on_closed,
};

/* What the hub has not told again was answered or has ended while we were away. */
static void items_settle(struct session *session)
{
	session->told = false;
	for (struct item *item = session->list.alive.oldest, *next; item; item = next) {
		next = item->newer;
		if (item->unsure)
			session_end_item(session, item, ITEM_GONE);
	}
}

/* An answer that was on its way when the hub went has got lost, or is never told of. */
static void items_await_replay(struct session *session)
{
	session->answers.head = session->answers.n = session->answers.sent = 0;
	for (struct item *item = session->list.alive.oldest, *next; item; item = next) {
		next = item->newer;
		if (item->state == ITEM_ANSWERED)
			session_answer_failed(session, item,
					      "the hub went away before it answered");
		item->unsure = true;
	}
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

static void session_disconnect(struct session *session)
{
	timer_disarm(&session->refresh);
	source_del(&session->source);
	hub_close(&session->line);
	session->connected = session->closed = session->told = session->asking = false;
	session->resync = false;
	session->unguarded = (struct unguarded){}; /* told anew with the next connection */
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
	else
		session_note(session,
			     resync ? "what is open was asked for anew" : "the hub is back");
	return 0;
}

void session_resync(struct session *session)
{
	if (!session->reconnect || !session->face->item || session->resync)
		return;
	session->resync = true;
	timer_arm(session->loop, &session->again, session->connected_ns + RESYNC_NS, session_again);
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
