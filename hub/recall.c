// SPDX-License-Identifier: Apache-2.0
#include "recall.h"

#include <errno.h>
#include <stddef.h>

/* Tokens of other questions count up from 1: these are never one of them. */
#define TOKENS (UINT64_C(1) << 63)

/* The first of another user than the last time, else the first. */
static struct recall *turn_take(struct recalls *recalls)
{
	struct recall **slot = &recalls->waiting, *recall;

	while (*slot && (*slot)->uid == recalls->last_uid)
		slot = &(*slot)->next;
	if (!*slot)
		slot = &recalls->waiting;
	recall = *slot;
	if (recall)
		*slot = recall->next;
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
	recalls->last_uid = recall->uid;
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
		r = page_ask(recalls);
		recalls->busy = !r;
		if (r)
			recall_finish(recalls, false, r);
	}
}

void recall_begin(struct recalls *recalls, struct recall *recall)
{
	struct recall **slot = &recalls->waiting;

	while (*slot)
		slot = &(*slot)->next;
	recall->next = NULL;
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

	if (!recall || entry->token != recalls->token || recalls->enough || !recall->limit)
		return;
	recalls->enough = !recall->entry(recall, entry);
	recall->after = entry->number;
	recall->limit--;
}

/* One page has come. What is still wanted waits for its next turn. */
void recall_done(struct recalls *recalls, const struct msg_listed *listed)
{
	struct recall *recall = recalls->now;

	if (!recalls->busy || listed->token != recalls->token)
		return;
	recalls->busy = false;
	if (recall && !listed->result && listed->more && !recalls->enough && recall->limit) {
		recalls->now = NULL;
		recall_begin(recalls, recall);
		return;
	}
	if (recall)
		recall_finish(recalls, listed->more || recalls->enough, listed->result);
	turns_go_on(recalls);
}
