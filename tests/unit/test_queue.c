// SPDX-License-Identifier: Apache-2.0
/* test_queue.c - hub/queue.c: the oldest gives way, is counted, and is let go */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hub/queue.h"

/* One event of which every reference counts. */
static struct event *counted(void)
{
	struct event *event = event_new(1, 0, "{}", NULL);

	assert_non_null(event);
	assert_int_equal(event->refs, 1);
	return event;
}

static void events_leave_in_the_order_they_came(void **state)
{
	struct event *events[3] = { counted(), counted(), counted() };
	struct queue queue = {};

	(void)state;
	assert_null(queue_pop(&queue));
	for (int i = 0; i < 3; i++)
		queue_push(&queue, events[i]);
	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(queue_pop(&queue), events[i]);
		assert_int_equal(events[i]->refs, 2); /* the queue's is handed over */
		event_unref(events[i]);
		event_unref(events[i]);
	}
	assert_null(queue_pop(&queue));
	assert_int_equal(queue.lost, 0);
}

static void the_oldest_gives_way_and_is_counted(void **state)
{
	struct event *events[QUEUE_MAX + 1];
	struct queue queue = {};

	(void)state;
	assert_int_equal(QUEUE_MAX, 128); /* the contract's */
	for (int i = 0; i < QUEUE_MAX; i++)
		queue_push(&queue, events[i] = counted());
	assert_int_equal(queue.n, QUEUE_MAX);
	assert_int_equal(queue.lost, 0);
	assert_int_equal(events[0]->refs, 2);

	queue_push(&queue, events[QUEUE_MAX] = counted());
	assert_int_equal(queue.n, QUEUE_MAX);
	assert_int_equal(queue.lost, 1);
	assert_int_equal(events[0]->refs, 1); /* let go, it alone */
	for (int i = 1; i <= QUEUE_MAX; i++) {
		assert_int_equal(events[i]->refs, 2);
		assert_ptr_equal(queue_pop(&queue), events[i]);
		event_unref(events[i]);
	}
	assert_null(queue_pop(&queue));
	assert_int_equal(queue.lost, 1); /* for ever */
	for (int i = 0; i <= QUEUE_MAX; i++)
		event_unref(events[i]);
}

static void going_round_many_times_loses_no_reference(void **state)
{
	struct event *event = counted();
	struct queue queue = {};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		queue_push(&queue, event);
		if (i % 3 == 0)
			event_unref(queue_pop(&queue));
	}
	assert_int_equal(queue.n + queue.lost, 1000 - 334);
	assert_int_equal(event->refs, 1 + queue.n);
	queue_done(&queue);
	assert_int_equal(queue.n, 0);
	assert_int_equal(event->refs, 1);
	queue_done(&queue);
	event_unref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_leave_in_the_order_they_came),
		cmocka_unit_test(the_oldest_gives_way_and_is_counted),
		cmocka_unit_test(going_round_many_times_loses_no_reference),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
