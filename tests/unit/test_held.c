// SPDX-License-Identifier: Apache-2.0
/* test_held.c - user/held.c: what nobody is asked about is counted and said, all of it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/event.h"
#include "held.h"

static struct loop *loop;
static struct held *held;
static struct {
	unsigned said;
	uint64_t count[2 * HELD_MAX], guard[2 * HELD_MAX], last[2 * HELD_MAX];
} told;

static void on_say(const struct asked *last, uint64_t count, void *user)
{
	assert_ptr_equal(user, &told);
	assert_true(told.said < 2 * HELD_MAX);
	told.count[told.said] = count;
	told.guard[told.said] = last->record.guard;
	told.last[told.said++] = last->id;
}

static int setup(void **state)
{
	(void)state;
	memset(&told, 0, sizeof(told));
	return loop_new(&loop) || held_new(loop, on_say, &told, &held);
}

static int teardown(void **state)
{
	(void)state;
	held_free(held);
	loop_free(loop);
	return 0;
}

static void note(uint32_t guard, uint64_t id)
{
	const struct asked asked = { .id = id, .held = true, .record = { .guard = guard } };

	held_note(held, &asked);
}

static int on_end(struct timer *timer)
{
	(void)timer;
	loop_stop(loop);
	return 0;
}

/* Until everything that is due by then has been said. */
static void live(uint64_t ns)
{
	struct timer end = {};

	timer_arm(loop, &end, now_boot_ns() + ns, on_end);
	assert_int_equal(loop_run(loop), 0);
}

static void the_first_is_said_at_once_and_the_rest_together(void **state)
{
	(void)state;
	note(7, 1);
	assert_int_equal(told.said, 1);
	assert_int_equal(told.count[0], 1);
	for (uint64_t id = 2; id <= 1000; id++)
		note(7, id);
	assert_int_equal(told.said, 1);
	live(HELD_EVERY_NS + HELD_EVERY_NS / 10);
	assert_int_equal(told.said, 2);
	assert_int_equal(told.count[1], 999);
	assert_int_equal(told.last[1], 1000);
	live(HELD_EVERY_NS + HELD_EVERY_NS / 10);
	assert_int_equal(told.said, 2); /* nothing happened */
}

static void each_guard_has_a_count_of_its_own(void **state)
{
	(void)state;
	note(7, 1);
	note(8, 2);
	note(7, 3);
	assert_int_equal(told.said, 2);
	assert_int_equal(told.guard[1], 8);
	held_forget(held, 7); /* nobody hears of a guard that is gone */
	live(HELD_EVERY_NS + HELD_EVERY_NS / 10);
	assert_int_equal(told.said, 2);
}

static void what_gives_way_is_said_first(void **state)
{
	(void)state;
	note(1, 1);
	note(1, 2);
	for (uint32_t guard = 2; guard <= HELD_MAX; guard++)
		note(guard, guard);
	assert_int_equal(told.said, HELD_MAX);
	note(HELD_MAX + 1, 99);
	assert_int_equal(told.said, HELD_MAX + 2);
	assert_int_equal(told.guard[HELD_MAX], 1);
	assert_int_equal(told.count[HELD_MAX], 1);
	assert_int_equal(told.last[HELD_MAX], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_first_is_said_at_once_and_the_rest_together),
		T(each_guard_has_a_count_of_its_own),
		T(what_gives_way_is_said_first),
	};

	return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}
