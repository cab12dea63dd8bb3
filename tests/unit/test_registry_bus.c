// SPDX-License-Identifier: Apache-2.0
/* test_registry_bus.c - user/registry/bus.c: who is told what, in which order, and who loses what */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "registry/bus.h"

static struct loop *loop;
static struct bus *bus;
static struct timer stop;
static unsigned applied, logged, order_wrong, rounds;

static void apply(void *user, const struct agent_event *event)
{
	(void)user;
	(void)event;
	applied++;
}

static void note(void *user, const struct agent_event *event)
{
	(void)user;
	(void)event;
	if (++logged != applied)
		order_wrong++;
}

/* What is over is said by an error: a loop that was stopped does not run again. */
static int on_round(struct timer *timer)
{
	if (!rounds--)
		return -ECANCELED;
	timer_arm(loop, timer, 1, on_round);
	return 0;
}

static void round_over(void)
{
	rounds = 2; /* what is published by who is told is told in the second */
	timer_arm(loop, &stop, 1, on_round);
	assert_int_equal(loop_run(loop), -ECANCELED);
}

static int setup(void **state)
{
	static const struct bus_first first = { .apply = apply, .log = note };

	(void)state;
	applied = logged = order_wrong = 0;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(bus_new(loop, &first, &bus), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bus_free(bus);
	timer_disarm(&stop);
	loop_free(loop);
	return 0;
}

struct hearer {
	struct bus_subscriber subscriber;
	unsigned ready, heard;
	uint32_t last;
	bool takes, leaves, publishes;
};

static bool publish(uint32_t number)
{
	return bus_publish(bus, &(struct agent_event){ .type = AGENT_EVENT_CONNECTED,
						       .container = "c0ffee",
						       .attempts = number });
}

static void take_all(struct hearer *hearer)
{
	struct agent_event *event;

	while ((event = bus_take(&hearer->subscriber))) {
		hearer->heard++;
		hearer->last = event->attempts;
		agent_event_unref(event);
	}
}

static void on_ready(struct bus_subscriber *subscriber)
{
	struct hearer *hearer = container_of(subscriber, struct hearer, subscriber);

	hearer->ready++;
	if (hearer->takes)
		take_all(hearer);
	if (hearer->publishes && hearer->ready == 1)
		assert_true(publish(1000));
	if (hearer->leaves)
		bus_leave(subscriber);
}

static void joins(struct hearer *hearer)
{
	hearer->subscriber.ready = on_ready;
	assert_int_equal(bus_subscribe(bus, &hearer->subscriber), 0);
}

static void an_event_is_applied_logged_then_told(void **state)
{
	struct hearer a = { .takes = true }, b = { .takes = true };

	(void)state;
	joins(&a);
	joins(&b);
	assert_true(publish(1));
	assert_true(publish(2));
	assert_int_equal(applied, 0); /* who publishes is not held up by who hears */
	round_over();
	assert_int_equal(applied, 2);
	assert_int_equal(logged, 2);
	assert_int_equal(order_wrong, 0);
	assert_int_equal(a.heard, 2);
	assert_int_equal(b.heard, 2);
	assert_int_equal(b.last, 2);
	assert_int_equal(a.ready, 1); /* once for both */
	bus_leave(&a.subscriber);
	bus_leave(&b.subscriber);
}

static void a_full_queue_says_so_and_counts(void **state)
{
	struct bus_stats stats;

	(void)state;
	for (unsigned i = 0; i < BUS_QUEUE_MAX; i++)
		assert_true(publish(i));
	assert_false(publish(0));
	assert_false(publish(0));
	bus_stats(bus, &stats);
	assert_int_equal(stats.published, BUS_QUEUE_MAX);
	assert_int_equal(stats.dropped, 2);
	assert_int_equal(stats.queue_depth, BUS_QUEUE_MAX);
	round_over();
	assert_int_equal(applied, BUS_QUEUE_MAX);
	assert_true(publish(0)); /* there is room again */
}

static void who_is_slow_loses_the_oldest_and_nobody_else_does(void **state)
{
	struct hearer slow = {}, quick = { .takes = true };
	struct bus_stats stats;
	struct agent_event *event;

	(void)state;
	joins(&slow);
	joins(&quick);
	for (uint32_t i = 1; i <= BUS_SUBSCRIBER_MAX + 3; i++) {
		assert_true(publish(i));
		round_over();
	}
	assert_int_equal(quick.heard, BUS_SUBSCRIBER_MAX + 3);
	assert_int_equal(bus_lost(&quick.subscriber), 0);
	assert_int_equal(bus_lost(&slow.subscriber), 3);
	assert_int_equal(bus_lost(&slow.subscriber), 0); /* said once */
	assert_int_equal(slow.ready, 1);                 /* and not asked again until it took */
	event = bus_take(&slow.subscriber);
	assert_non_null(event);
	assert_int_equal(event->attempts, 4);
	agent_event_unref(event);
	take_all(&slow);
	assert_int_equal(slow.heard, BUS_SUBSCRIBER_MAX - 1);
	assert_true(publish(7));
	round_over();
	assert_int_equal(slow.ready, 2);
	bus_stats(bus, &stats);
	assert_int_equal(stats.dropped, 3);
	bus_leave(&slow.subscriber);
	bus_leave(&quick.subscriber);
}

static bool wants_even(struct bus_subscriber *subscriber, const struct agent_event *event)
{
	(void)subscriber;
	return event->attempts % 2 == 0;
}

static void one_hears_the_types_it_asked_for_and_what_it_wants(void **state)
{
	struct hearer typed = { .takes = true, .subscriber.types = 1u << AGENT_EVENT_UNTRUSTED },
		      even = { .takes = true, .subscriber.wants = wants_even };

	(void)state;
	joins(&typed);
	joins(&even);
	for (uint32_t i = 1; i <= 4; i++)
		assert_true(publish(i));
	assert_true(bus_publish(bus, &(struct agent_event){ .type = AGENT_EVENT_UNTRUSTED,
							    .container = "c0ffee",
							    .attempts = 9 }));
	round_over();
	assert_int_equal(typed.heard, 1);
	assert_int_equal(typed.last, 9);
	assert_int_equal(even.heard, 2);
	bus_leave(&typed.subscriber);
	bus_leave(&even.subscriber);
}

static void whoever_is_told_may_leave_or_publish(void **state)
{
	struct hearer one = { .takes = true, .leaves = true },
		      two = { .takes = true, .publishes = true },
		      three = { .takes = true, .leaves = true };

	(void)state;
	joins(&one);
	joins(&two);
	joins(&three);
	assert_true(publish(1));
	round_over();
	assert_int_equal(one.heard, 1);
	assert_int_equal(three.heard, 1);
	assert_int_equal(two.heard, 2); /* its own as well, a round later */
	assert_int_equal(two.last, 1000);
	bus_leave(&one.subscriber); /* twice is once */
	bus_leave(&two.subscriber);
}

static void who_leaves_has_nothing_left(void **state)
{
	struct hearer one = {};

	(void)state;
	joins(&one);
	assert_true(publish(1));
	round_over();
	bus_leave(&one.subscriber);
	assert_null(bus_take(&one.subscriber));
	assert_true(publish(2));
	round_over();
	assert_null(bus_take(&one.subscriber));
}

static void a_closed_bus_takes_nothing_and_closes_twice(void **state)
{
	struct hearer one = {};
	struct bus_stats stats;

	(void)state;
	joins(&one);
	assert_true(publish(1));
	bus_close(bus);
	bus_close(bus);
	assert_false(publish(2));
	assert_int_equal(bus_subscribe(bus, &one.subscriber), -ESHUTDOWN);
	round_over();
	assert_int_equal(applied, 0);
	assert_int_equal(one.ready, 0);
	bus_stats(bus, &stats);
	assert_int_equal(stats.subscribers, 0);
}

static void an_event_owns_its_texts_and_is_told_by_its_contract(void **state)
{
	char step[] = "git", container[] = "c0ffee", action[] = "start";
	_cleanup_agent_event_ struct agent_event *event =
	    agent_event_new(&(struct agent_event){ .type = AGENT_EVENT_STEP_FAILED,
						   .container = container,
						   .agent = "dev",
						   .project = "",
						   .step = step,
						   .step_index = 2,
						   .duration_ns = 5,
						   .exit_code = -1,
						   .reason = "timeout",
						   .detail = "exit_code=-1; stderr: ",
						   .wall_ns = 7,
						   .attempts = 3 });
	_cleanup_agent_event_ struct agent_event *started =
	    agent_event_new(&(struct agent_event){ .type = AGENT_EVENT_CONTAINER,
						   .container = container,
						   .action = action,
						   .labels = "{\"a\":\"b\"}",
						   .wall_ns = 8 });
	_cleanup_json_ struct json json = {}, other = {};

	(void)state;
	memset(step, 'x', sizeof(step) - 1);
	memset(container, 'x', sizeof(container) - 1);
	memset(action, 'x', sizeof(action) - 1);
	agent_event_json(&json, NULL, event);
	assert_string_equal(json_done(&json),
			    "{\"event\":\"agent.init.step.failed\",\"time_unix_ns\":7,"
			    "\"container_id\":\"c0ffee\",\"agent\":\"dev\",\"project\":\"\","
			    "\"step\":\"git\",\"step_index\":2,\"duration\":5,\"exit_code\":-1,"
			    "\"reason\":\"timeout\",\"detail\":\"exit_code=-1; stderr: \"}");
	agent_event_json(&other, NULL, started);
	assert_string_equal(json_done(&other),
			    "{\"event\":\"docker.container.start\",\"time_unix_ns\":8,"
			    "\"container_id\":\"c0ffee\",\"labels\":{\"a\":\"b\"}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(an_event_is_applied_logged_then_told),
		TEST(a_full_queue_says_so_and_counts),
		TEST(who_is_slow_loses_the_oldest_and_nobody_else_does),
		TEST(one_hears_the_types_it_asked_for_and_what_it_wants),
		TEST(whoever_is_told_may_leave_or_publish),
		TEST(who_leaves_has_nothing_left),
		TEST(a_closed_bus_takes_nothing_and_closes_twice),
		cmocka_unit_test(an_event_owns_its_texts_and_is_told_by_its_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
