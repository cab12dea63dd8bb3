// SPDX-License-Identifier: Apache-2.0
/* test_lane.c - hub/lane.c: who follows, who is behind, what is kept for them and what gave way */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/event.h"
#include "hub/lane.h"

static struct lanes lanes;

/* One who notes the numbers of what it hears; events are numbered by their guard. */
struct hearer {
	struct subscriber subscriber;
	unsigned n, full_at; /* full_at: it has no room when it has heard so many */
	uint64_t missed;
	uint32_t last;
};

static void push(struct subscriber *subscriber, struct event *event)
{
	struct hearer *hearer = container_of(subscriber, struct hearer, subscriber);

	if (hearer->n)
		assert_true(event->guard > hearer->last); /* in order, none twice */
	hearer->last = event->guard;
	if (++hearer->n == hearer->full_at)
		lane_fall_behind(subscriber);
}

static void on_missed(struct subscriber *subscriber, uint64_t count)
{
	container_of(subscriber, struct hearer, subscriber)->missed += count;
}

static void joins(struct hearer *hearer, uint32_t uid, enum face face)
{
	*hearer = (struct hearer){ .subscriber = { .uid = uid, .face = face, .push = push } };
	assert_int_equal(lane_join(&lanes, &hearer->subscriber), 0);
}

static int setup(void **state)
{
	(void)state;
	lanes = (struct lanes){};
	return 0;
}

/* A number, of user 7's, of which every reference counts. */
static struct event *counted(uint32_t number)
{
	struct event *event = event_new(number, 7, NULL, "{}");

	assert_non_null(event);
	return event;
}

static void publish(uint32_t from, uint32_t to)
{
	for (uint32_t number = from; number <= to; number++) {
		struct event *event = counted(number);

		lanes_publish(&lanes, event);
		event_unref(event);
	}
}

static void who_follows_hears_what_it_may(void **state)
{
	struct hearer root, owner, other, old;

	(void)state;
	joins(&root, 0, FACE_FIREWALL);
	joins(&owner, 7, FACE_FIREWALL);
	joins(&other, 8, FACE_FIREWALL);
	assert_false(lanes_hear(&lanes, FACE_CLEARANCE));
	joins(&old, 0, FACE_CLEARANCE);
	assert_true(lanes_hear(&lanes, FACE_CLEARANCE));
	publish(1, 3);
	assert_int_equal(root.n, 3);
	assert_int_equal(owner.n, 3);
	assert_int_equal(other.n, 0);
	assert_int_equal(old.n, 0); /* there is no text for it */
	lane_leave(&lanes, &owner.subscriber);
	publish(4, 4);
	assert_int_equal(owner.n, 3);
	lane_leave(&lanes, &root.subscriber);
	lane_leave(&lanes, &other.subscriber);
	lane_leave(&lanes, &old.subscriber);
	lane_leave(&lanes, &old.subscriber); /* again is fine */
	assert_null(lanes.first);
}

static void who_is_behind_gets_the_newest_and_the_number_of_the_others(void **state)
{
	struct hearer fast, slow, slower;

	(void)state;
	assert_int_equal(LANE_MAX, 128); /* the contract's */
	joins(&fast, 0, FACE_FIREWALL);
	joins(&slow, 0, FACE_FIREWALL);
	joins(&slower, 0, FACE_FIREWALL);
	slow.full_at = 10;
	slower.full_at = 5;
	publish(1, 100);
	assert_int_equal(fast.n, 100);
	assert_int_equal(slow.n, 10);
	assert_int_equal(slower.n, 5);
	lane_catch_up(&slow.subscriber, on_missed);
	assert_int_equal(slow.n, 100);
	assert_int_equal(slow.missed, 0);
	publish(101, 5 + LANE_MAX);
	lane_catch_up(&slower.subscriber, on_missed); /* the last moment at which all is there */
	assert_int_equal(slower.n, 5 + LANE_MAX);
	assert_int_equal(slower.missed, 0);
	lane_fall_behind(&slow.subscriber);
	publish(200, 199 + LANE_MAX + 17);
	lane_catch_up(&slow.subscriber, on_missed);
	assert_int_equal(slow.missed, 17);
	assert_int_equal(slow.last, 199 + LANE_MAX + 17);
	publish(1000, 1000); /* they follow again */
	assert_int_equal(slow.last, 1000);
	assert_int_equal(slower.last, 1000);
	assert_int_equal(fast.n, 5 + LANE_MAX + LANE_MAX + 17 + 1);
	lane_leave(&lanes, &fast.subscriber);
	lane_leave(&lanes, &slow.subscriber);
	lane_leave(&lanes, &slower.subscriber);
}

static void nothing_is_kept_when_nobody_is_behind(void **state)
{
	struct event *events[3] = { counted(1), counted(2), counted(3) };
	struct hearer one, two;

	(void)state;
	joins(&one, 0, FACE_FIREWALL);
	joins(&two, 0, FACE_FIREWALL);
	lanes_publish(&lanes, events[0]);
	assert_int_equal(events[0]->refs, 1);
	lane_fall_behind(&one.subscriber);
	lane_fall_behind(&two.subscriber);
	lane_fall_behind(&two.subscriber); /* again is fine */
	lanes_publish(&lanes, events[1]);
	lanes_publish(&lanes, events[2]);
	assert_int_equal(events[1]->refs, 2); /* once for both of them */
	lane_catch_up(&one.subscriber, on_missed);
	assert_int_equal(events[1]->refs, 2);
	lane_leave(&lanes, &two.subscriber);
	assert_int_equal(events[1]->refs, 1);
	assert_int_equal(events[2]->refs, 1);
	for (int i = 0; i < 3; i++)
		event_unref(events[i]);
	lane_leave(&lanes, &one.subscriber);
}

static void who_hears_it_elsewhere_hears_nothing_here(void **state)
{
	struct hearer one;

	(void)state;
	joins(&one, 0, FACE_FIREWALL);
	publish(1, 2);
	lane_mute(&one.subscriber, true);
	publish(3, 4);
	assert_int_equal(one.n, 2);
	lane_mute(&one.subscriber, false);
	publish(5, 5);
	assert_int_equal(one.n, 3);
	/* behind, and then elsewhere: it still gets what was its own */
	lane_fall_behind(&one.subscriber);
	publish(6, 7);
	lane_mute(&one.subscriber, true);
	publish(8, 9);
	lane_catch_up(&one.subscriber, on_missed);
	assert_int_equal(one.last, 7);
	assert_int_equal(one.missed, 0);
	publish(10, 10);
	assert_int_equal(one.last, 7);
	lane_leave(&lanes, &one.subscriber);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_follows_hears_what_it_may, setup),
		cmocka_unit_test_setup(who_is_behind_gets_the_newest_and_the_number_of_the_others,
				       setup),
		cmocka_unit_test_setup(nothing_is_kept_when_nobody_is_behind, setup),
		cmocka_unit_test_setup(who_hears_it_elsewhere_hears_nothing_here, setup),
	};

	return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
