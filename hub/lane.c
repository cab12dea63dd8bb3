// SPDX-License-Identifier: Apache-2.0
#include "lane.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct lane {
	struct lane *next;
	enum face face;
	uint32_t uid, guard;
	unsigned joined, behind;
	struct subscriber *follows;
	uint64_t count;               /* events since it is */
	unsigned n;                   /* the last of them, kept while somebody is behind */
	struct event *kept[LANE_MAX]; /* the event of that number is at number % LANE_MAX */
};

static bool may_hear(const struct lane *lane, const struct event *event)
{
	return event->text[lane->face] && (!lane->uid || lane->uid == event->uid) &&
	       (!lane->guard || lane->guard == event->guard);
}

static void follow(struct subscriber *subscriber)
{
	struct lane *lane = subscriber->lane;

	subscriber->follows_next = lane->follows;
	subscriber->follows_slot = &lane->follows;
	if (lane->follows)
		lane->follows->follows_slot = &subscriber->follows_next;
	lane->follows = subscriber;
}

static void follow_end(struct subscriber *subscriber)
{
	if (!subscriber->follows_slot)
		return;
	*subscriber->follows_slot = subscriber->follows_next;
	if (subscriber->follows_next)
		subscriber->follows_next->follows_slot = subscriber->follows_slot;
	subscriber->follows_slot = NULL;
}

/* Nobody is behind any more: nothing needs to be kept. */
static void behind_end(struct subscriber *subscriber)
{
	struct lane *lane = subscriber->lane;

	subscriber->behind = false;
	if (--lane->behind)
		return;
	for (; lane->n; lane->n--)
		event_unref(lane->kept[(lane->count - lane->n) % LANE_MAX]);
}

int lane_join(struct lanes *lanes, struct subscriber *subscriber)
{
	struct lane *lane = lanes->first;

	while (lane && (lane->face != subscriber->face || lane->uid != subscriber->uid ||
			lane->guard != subscriber->guard))
		lane = lane->next;
	if (!lane) {
		lane = calloc(1, sizeof(*lane));
		if (!lane)
			return -ENOMEM;
		lane->face = subscriber->face;
		lane->uid = subscriber->uid;
		lane->guard = subscriber->guard;
		lane->next = lanes->first;
		lanes->first = lane;
	}
	lane->joined++;
	subscriber->lane = lane;
	follow(subscriber);
	return 0;
}

void lane_leave(struct lanes *lanes, struct subscriber *subscriber)
{
	struct lane *lane = subscriber->lane, **slot = &lanes->first;

	if (!lane)
		return;
	follow_end(subscriber);
	if (subscriber->behind)
		behind_end(subscriber);
	subscriber->lane = NULL;
	if (--lane->joined)
		return;
	while (*slot != lane)
		slot = &(*slot)->next;
	*slot = lane->next;
	free(lane);
}

bool lanes_hear(const struct lanes *lanes, enum face face)
{
	const struct lane *lane = lanes->first;

	while (lane && lane->face != face)
		lane = lane->next;
	return lane;
}

static void keep(struct lane *lane, struct event *event)
{
	struct event **place = &lane->kept[lane->count % LANE_MAX];

	if (lane->n == LANE_MAX)
		event_unref(*place);
	else
		lane->n++;
	*place = event_ref(event);
}

void lanes_publish(const struct lanes *lanes, struct event *event)
{
	for (struct lane *lane = lanes->first; lane; lane = lane->next) {
		if (!may_hear(lane, event))
			continue;
		if (lane->behind)
			keep(lane, event);
		lane->count++; /* whoever falls behind by this one has heard it */
		for (struct subscriber *s = lane->follows, *next; s; s = next) {
			next = s->follows_next;
			s->push(s, event);
		}
	}
}

void lane_mute(struct subscriber *subscriber, bool twice)
{
	if (subscriber->twice == twice || !subscriber->lane)
		return;
	subscriber->twice = twice;
	subscriber->until = subscriber->lane->count;
	if (subscriber->behind)
		return;
	if (twice)
		follow_end(subscriber);
	else
		follow(subscriber);
}

void lane_fall_behind(struct subscriber *subscriber)
{
	struct lane *lane = subscriber->lane;

	if (!lane || subscriber->behind)
		return;
	follow_end(subscriber);
	subscriber->behind = true;
	subscriber->heard = lane->count;
	lane->behind++;
}

void lane_catch_up(struct subscriber *subscriber,
		   void (*missed)(struct subscriber *subscriber, uint64_t count))
{
	struct lane *lane = subscriber->lane;
	uint64_t from = subscriber->heard, kept, to;

	if (!subscriber->behind)
		return;
	to = subscriber->twice ? subscriber->until : lane->count;
	kept = lane->count - lane->n;
	if (from < kept && from < to) {
		missed(subscriber, (kept < to ? kept : to) - from);
		from = kept;
	}
	for (; from < to; from++)
		subscriber->push(subscriber, lane->kept[from % LANE_MAX]);
	behind_end(subscriber);
	if (!subscriber->twice)
		follow(subscriber);
}
