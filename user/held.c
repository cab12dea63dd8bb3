// SPDX-License-Identifier: Apache-2.0
#include "held.h"

#include <errno.h>
#include <stdlib.h>

struct place {
	uint32_t guard;   /* 0: free */
	uint64_t said_ns; /* 0: never */
	uint64_t count;   /* since then */
	struct asked last;
};

struct held {
	struct loop *loop;
	held_fn say;
	void *user;
	struct timer timer;
	struct place place[HELD_MAX];
};

int held_new(struct loop *loop, held_fn say, void *user, struct held **ret)
{
	struct held *held = calloc(1, sizeof(*held));

	if (!held)
		return -ENOMEM;
	held->loop = loop;
	held->say = say;
	held->user = user;
	*ret = held;
	return 0;
}

void held_free(struct held *held)
{
	if (!held)
		return;
	timer_disarm(&held->timer);
	free(held);
}

static void place_say(struct held *held, struct place *place, uint64_t now)
{
	uint64_t count = place->count;

	place->count = 0;
	place->said_ns = now;
	held->say(&place->last, count, held->user);
}

static int on_timer(struct timer *timer);

/* For the first that is due; those of which nothing is to be said wait for nothing. */
static void timer_set(struct held *held)
{
	uint64_t at = UINT64_MAX;

	for (unsigned i = 0; i < HELD_MAX; i++) {
		const struct place *place = &held->place[i];

		if (place->guard && place->count && place->said_ns + HELD_EVERY_NS < at)
			at = place->said_ns + HELD_EVERY_NS;
	}
	timer_disarm(&held->timer);
	if (at != UINT64_MAX)
		timer_arm(held->loop, &held->timer, at, on_timer);
}

static int on_timer(struct timer *timer)
{
	struct held *held = container_of(timer, struct held, timer);
	uint64_t now = now_boot_ns();

	for (unsigned i = 0; i < HELD_MAX; i++) {
		struct place *place = &held->place[i];

		if (place->guard && place->count && place->said_ns + HELD_EVERY_NS <= now)
			place_say(held, place, now);
	}
	timer_set(held);
	return 0;
}

/* Its own, a free one, or the one that was said longest ago, of which the rest is said now. */
static struct place *place_take(struct held *held, uint32_t guard)
{
	struct place *oldest = &held->place[0];

	for (unsigned i = 0; i < HELD_MAX; i++) {
		struct place *place = &held->place[i];

		if (place->guard == guard)
			return place;
		if (!place->guard || (oldest->guard && place->said_ns < oldest->said_ns))
			oldest = place;
	}
	if (oldest->guard && oldest->count)
		place_say(held, oldest, now_boot_ns());
	*oldest = (struct place){ .guard = guard };
	return oldest;
}

void held_note(struct held *held, const struct asked *asked)
{
	struct place *place = place_take(held, asked->record.guard);
	uint64_t now = now_boot_ns();

	place->count++;
	place->last = *asked;
	if (!place->said_ns || place->said_ns + HELD_EVERY_NS <= now)
		place_say(held, place, now);
	timer_set(held);
}

void held_forget(struct held *held, uint32_t guard)
{
	for (unsigned i = 0; i < HELD_MAX; i++)
		if (held->place[i].guard == guard)
			held->place[i] = (struct place){};
	timer_set(held);
}
