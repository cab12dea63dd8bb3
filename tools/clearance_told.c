// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_told.c - what the hub tells, and what it makes of the list
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clearance_within.h"

static void on_request(struct session *session, const struct terok_event *event)
{
	bool fresh;
	struct item *item = list_told(&session->list, event, &fresh);

	if (item)
		session_changed(session, item, fresh);
}

static void on_verdict(struct session *session, const struct terok_event *event)
{
	struct item *item = list_find_id(&session->list, event->request_id);
	struct hub_more more;

	if (!item)
		return;
	if (!event->ok) {
		session_answer_failed(session, item, event->problem);
		return;
	}
	hub_more(event, &more);
	session_answer_note(item, event->action, event->scope, more.client);
	if (*more.rule)
		COPY(item->answer.rule, more.rule);
	item->answer.uid = event->uid;
	item->answer.until_ns = event->until_ns;
	session_end_item(session, item,
			 strcmp(event->action, "allow") ? ITEM_DENIED : ITEM_ALLOWED);
}

static void guard_ends(struct session *session, const struct terok_event *event)
{
	for (struct item *item = session->list.alive.oldest, *next; item; item = next) {
		next = item->newer;
		if (event->guard ? item->guard == event->guard
				 : !strcmp(item->container, event->container))
			session_end_item(session, item, ITEM_GONE);
	}
}

static unsigned unguarded_at(const struct unguarded *unguarded, const char *container)
{
	unsigned i = 0;

	while (i < unguarded->n && strcmp(unguarded->one[i].container, container))
		i++;
	return i;
}

/* A container that asks for a guard has none: in sight until it has, or ends. */
static void on_alarm(struct session *session, const struct terok_event *event)
{
	struct unguarded *unguarded = &session->unguarded;
	bool over = strcmp(event->type, "alarm");
	unsigned at = unguarded_at(unguarded, event->container);
	char text[400];

	if (over && at < unguarded->n)
		unguarded->one[at] = unguarded->one[--unguarded->n];
	else if (over)
		unguarded->more -= unguarded->more > 0;
	else if (at == UNGUARDED_MAX)
		unguarded->more++;
	else if (at == unguarded->n) {
		COPY(unguarded->one[at].container, event->container);
		COPY(unguarded->one[at].name, event->name);
		unguarded->n++;
	}
	snprintf(text, sizeof(text), "%s%.70s (%.12s): %.255s",
		 over ? "no longer unguarded: " : "UNGUARDED: ", event->name, event->container,
		 event->problem);
	session_note(session, text);
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
	else if (!strcmp(event->type, "guard_renamed"))
		snprintf(text, sizeof(text), "%.12s is called %.70s now", event->container,
			 event->name);
	else
		snprintf(text, sizeof(text), "%.70s is %.16s", event->name, event->state);
	/* only in state up do its requests wait for an answer */
	if (detached || (!attached && strcmp(event->state, "up")))
		guard_ends(session, event);
	else if (!strcmp(event->type, "guard_renamed")) /* what is open has the name, too */
		session_resync(session);
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

/* Somebody else than was registered, or a guard that was blocked for it. Of the rest nobody need know. */
static void on_agent(struct session *session, const struct terok_event *event)
{
	bool contained = !strcmp(event->type, "agent.contained");
	char text[480];

	if (!contained && strcmp(event->type, "agent.untrusted"))
		return;
	snprintf(text, sizeof(text), "%s: %.70s: %.64s: %.255s",
		 contained ? "CONTAINED" : "agent not trusted", event->name, event->reason,
		 event->problem);
	session_note(session, text);
}

/* What is shown beside the requests may be another now. */
static void session_is_stale(struct session *session, const char *type)
{
	if (!strcmp(type, "refused") || !strcmp(type, "held") ||
	    (!strncmp(type, "agent.", 6) && strcmp(type, "agent.contained")) ||
	    (session->watch == WATCH_GRANTS && !strcmp(type, "request")))
		return;
	session->stale = true;
	session_refresh_soon(session);
}

/* What was missed may have ended a request that we show, or asked another: ask what is open. */
static void session_missed(struct session *session, int64_t lost)
{
	char text[80];

	session->lost += lost;
	if (!session->resync) {
		snprintf(text, sizeof(text), "%" PRId64 " events were missed", session->lost);
		session_note(session, text);
	}
	session_resync(session);
}

void session_on_event(const struct terok_event *event, int64_t lost, void *user)
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
	} else if (!strcmp(event->type, "alarm") || !strcmp(event->type, "alarm_over")) {
		on_alarm(session, event);
	} else if (!strncmp(event->type, "agent.", 6)) {
		on_agent(session, event);
	} else if (!strncmp(event->type, "guard_", 6)) {
		on_guard(session, event);
	} else if (!strcmp(event->type, "held")) {
		on_held(session, event);
	} else if (!strcmp(event->type, "expired")) {
		item = list_find_id(&session->list, event->request_id);
		if (item && item->state <= ITEM_ANSWERED)
			session_end_item(session, item, ITEM_GONE);
	}
	session_is_stale(session, event->type);
}
