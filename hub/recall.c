// SPDX-License-Identifier: Apache-2.0
#include "recall.h"

#include <errno.h>
#include <stddef.h>

/* Tokens of other questions count up from 1: these are never one of them. */
#define TOKENS (UINT64_C(1) << 63)

/*
 * When it is a user's turn again: in the round that is being served, if they were not the last in
 * it, else in the one behind those that their other questions wait for.
 */
static uint64_t round_of(const struct recalls *recalls, uint32_t uid)
{
	uint64_t round = recalls->round + (uid == recalls->last_uid);

	for (const struct recall *waits = recalls->waiting; waits; waits = waits->next)
		if (waits->uid == uid && waits->round >= round)
			round = waits->round + 1;
	return round;
}

static struct recall *turn_take(struct recalls *recalls)
{
	struct recall *recall = recalls->waiting;

	if (recall) {
		recalls->waiting = recall->next;
		recalls->round = recall->round;
		recalls->last_uid = recall->uid;
	}
	return recall;
}

static int page_ask(struct recalls *recalls)
{
	struct recall *recall = recalls->now;
	struct msg_history wanted = { .after = recall->after,
				      .uid = recall->uid,
				      .guard = recall->guard };

	wanted.limit = recall->limit < MSG_HISTORY_MAX ? recall->limit : MSG_HISTORY_MAX;
	wanted.token = recalls->token = TOKENS | (recalls->token + 1);
	recalls->enough = false;
	return recalls->ask ? recalls->ask(&wanted, recalls->user) : -ENOSYS;
}

static void recall_finish(struct recalls *recalls, bool more, int error)
{
	struct recall *recall = recalls->now;

	recalls->now = NULL;
	recall->done(recall, more, error);
}

static void turns_go_on(struct recalls *recalls)
{
	int r;

	while (!recalls->busy && (recalls->now = turn_take(recalls))) {
		recalls->busy = true; /* it may be answered before this returns */
		r = page_ask(recalls);
		if (r) {
			recalls->busy = false;
			recall_finish(recalls, false, r);
		}
	}
}

void recall_begin(struct recalls *recalls, struct recall *recall)
{
	struct recall **slot = &recalls->waiting;

	recall->round = round_of(recalls, recall->uid);
	while (*slot && (*slot)->round <= recall->round)
		slot = &(*slot)->next;
	recall->next = *slot;
	*slot = recall;
	turns_go_on(recalls);
}

void recall_end(struct recalls *recalls, struct recall *recall)
{
	struct recall **slot = &recalls->waiting;

	if (recalls->now == recall)
		recalls->now = NULL;
	while (*slot && *slot != recall)
		slot = &(*slot)->next;
	if (*slot)
		*slot = recall->next;
}

void recall_entry(struct recalls *recalls, const struct msg_entry *entry)
{
	struct recall *recall = recalls->now;

	if (recall && entry->token == recalls->token && !recalls->enough)
		recalls->enough = !recall->entry(recall, entry);
}

void recall_done(struct recalls *recalls, const struct msg_listed *listed)
{
	if (!recalls->busy || listed->token != recalls->token)
		return;
	recalls->busy = false;
	if (recalls->now)
		recall_finish(recalls, listed->more || recalls->enough, listed->result);
	turns_go_on(recalls);
}
