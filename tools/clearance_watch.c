// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_watch.c - grants and history, asked for while they are shown
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "clearance_within.h"

#define REFRESH_NS SECOND_NS

static int session_refresh(struct timer *timer);

/* Soon, but at most once a second. */
void session_refresh_soon(struct session *session)
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

void session_on_revoked(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct session *session = user;
	char text[200];

	(void)cookie;
	snprintf(text, sizeof(text), error ? "not revoked: %s" : "revoked%s", error ? problem : "");
	session->stale = true;
	session_refresh_soon(session);
	session_note(session, text);
}

void session_on_grant(const struct grant *grant, bool more, const char *problem, void *user)
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

void session_on_entry(const struct entry *entry, bool more, const char *problem, void *user)
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
