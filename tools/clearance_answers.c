// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_answers.c - answers on their way, and what becomes of them
 *
 * So many at a time, one behind the other: a group may have more than libclearance takes at once.
 */
#include <errno.h>
#include <string.h>

#include "clearance_within.h"

#define SENT_MAX 64 /* answers on their way at once; libclearance takes 256 */

void session_answer_failed(struct session *session, struct item *item, const char *problem)
{
	COPY(item->problem, problem);
	list_set(&session->list, item, ITEM_OPEN);
	session_changed(session, item, false);
}

/* What was answered, by whoever was first: of our own choice of reach and ports nothing is known. */
void session_answer_note(struct item *item, const char *action, const char *scope,
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
			session_answer_failed(session, item, strerror(-r));
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
void session_on_outcome(const struct terok_outcome *outcome, uint64_t cookie, void *user)
{
	struct session *session = user;
	struct item *item = list_find(&session->list, cookie);

	if (!item)
		return;
	if (!outcome->already) {
		COPY(item->answer.rule, outcome->rule);
		return;
	}
	session_answer_note(item, outcome->action, outcome->scope, outcome->client);
	item->answer.uid = outcome->uid;
	item->answer.until_ns = outcome->until_ns;
	if (item->state != ITEM_ANSWERED)
		return;
	list_set(&session->list, item,
		 strcmp(outcome->action, "allow") ? ITEM_DENIED : ITEM_ALLOWED);
}

void session_on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
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
		session_changed(session, item, false);
	} else if (item->state == ITEM_ANSWERED) {
		session_answer_failed(session, item, problem);
	} else {
		COPY(item->problem, problem);
		session_changed(session, item, false);
	}
}
