// SPDX-License-Identifier: Apache-2.0
/*
 * test_clock.c - the wall clock is set forth and back by years: no rule lasts longer for it
 *
 * The linker puts a clock of the test's in the place of time(); the machine's stays as it is.
 */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/db.h"
#include "base/event.h"
#include "journal.h"

#define HOUR_S   3600
#define MONTHS_S (300 * 24 * HOUR_S)
#define YEARS_S  (10 * 366 * 24 * HOUR_S)
#define OTHER    "203.0.113.9"

static struct test_world *world;
static time_t ahead; /* of the machine's clock */

time_t __real_time(time_t *ret);
time_t __wrap_time(time_t *ret);

time_t __wrap_time(time_t *ret)
{
	time_t now = __real_time(NULL) + ahead;

	if (ret)
		*ret = now;
	return now;
}

static int setup(void **state)
{
	(void)state;
	ahead = 0;
	world = test_world_new();
	test_load(world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	journal_close();
	test_world_free(world);
	return 0;
}

static void keep(uint32_t guard, enum terok_action action, const char *dest, uint64_t seconds)
{
	struct rule rule = { .guard = guard,
			     .keep = true,
			     .value = { .action = action,
					.until_ns = seconds ? now_boot_ns() + seconds * SECOND_NS
							    : 0 } };

	assert_int_equal(dest_parse(dest, &rule.dest, NULL), 0);
	assert_int_equal(policy_add(world->kernel, &rule, NULL), 0);
}

static struct guard come_back(struct guard guard)
{
	struct guard_spec spec = { .cgroup_fd = world->cgroup_fd,
				   .netns_fd = -1,
				   .name = "again",
				   .state = TEROK_STATE_UP,
				   .state_kept = true };
	bool existing;

	assert_int_equal(guard_detach(world->kernel, &guard, NULL), 0);
	journal_close();
	assert_int_equal(guard_attach(world->kernel, &spec, &guard, &existing, NULL), 0);
	return guard;
}

/* As if the machine had been started anew since. */
static void boot(void)
{
	char path[128];
	sqlite3 *db;

	journal_close();
	snprintf(path, sizeof(path), "%s/policy.db", getenv("TEROK_STATE"));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(db_exec(db, "UPDATE rule SET boot = 'another', boot_until = 7", NULL), 0);
	sqlite3_close(db);
}

static int find_end(const struct rule *rule, void *user)
{
	*(uint64_t *)user = rule->value.until_ns;
	return 0;
}

static int64_t seconds_left(uint32_t guard)
{
	uint64_t until_ns = 0;

	assert_int_equal(policy_each(world->kernel, guard, find_end, &until_ns), 0);
	return until_ns ? (int64_t)(until_ns - now_boot_ns()) / (int64_t)SECOND_NS : -1;
}

static void await(uint64_t until_ns)
{
	struct timespec end = { until_ns / SECOND_NS, until_ns % SECOND_NS };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
}

static void the_kernel_ends_rules_and_windows_by_no_wall_clock(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	uint64_t until_ns = now_boot_ns() + SECOND_NS;

	(void)state;
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, until_ns), 0);
	assert_int_equal(guard_set_bypass(world->kernel, guard.id, until_ns, NULL), 0);
	ahead = -YEARS_S;
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	assert_int_equal(test_udp(world, OTHER), 0);
	ahead = YEARS_S;
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	ahead = -YEARS_S;
	await(until_ns);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(test_udp(world, OTHER), EPERM);
}

static void within_a_boot_the_wall_clock_counts_for_nothing(void **state)
{
	/* further ahead it is a guard that did not come back for a year */
	static const time_t steps[] = { MONTHS_S, -YEARS_S, HOUR_S, -HOUR_S / 2, 0 };
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	uint64_t until_ns;

	(void)state;
	keep(guard.id, TEROK_ALLOW, TEST_FAR, HOUR_S);
	policy_each(world->kernel, guard.id, find_end, &until_ns);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t now_ns = 0;

		ahead = steps[i];
		guard = come_back(guard);
		policy_each(world->kernel, guard.id, find_end, &now_ns);
		assert_int_equal(now_ns, until_ns);
		assert_int_equal(test_udp(world, TEST_FAR), 0);
	}
}

static void over_a_boot_it_lasts_what_was_left(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	(void)state;
	keep(guard.id, TEROK_ALLOW, TEST_FAR, HOUR_S);
	boot();
	ahead = HOUR_S / 2;
	guard = come_back(guard);
	assert_in_range(seconds_left(guard.id), HOUR_S / 2 - 10, HOUR_S / 2);
	/* from here on it is this boot's: what is set back gives nothing back */
	ahead = 0;
	guard = come_back(guard);
	assert_in_range(seconds_left(guard.id), HOUR_S / 2 - 20, HOUR_S / 2);
	boot();
	guard = come_back(guard); /* a boot later the clock is behind: nobody knows */
	assert_int_equal(seconds_left(guard.id), -1);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
}

static void a_clock_that_went_back_over_a_boot_ends_allows_and_spares_denies(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_DOWN, 0, 0);

	(void)state;
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_DOWN, NULL), 0);
	keep(guard.id, TEROK_DENY, TEST_FAR, HOUR_S);
	boot();
	ahead = -YEARS_S;
	guard = come_back(guard);
	assert_int_equal(test_udp(world, OTHER), 0);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_in_range(seconds_left(guard.id), HOUR_S - 10, HOUR_S);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_UP, NULL), 0);
	keep(guard.id, TEROK_ALLOW, TEST_FAR, HOUR_S);
	boot();
	ahead = -2 * YEARS_S;
	guard = come_back(guard);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(seconds_left(guard.id), -1);
}

static void over_a_boot_years_ahead_it_has_ended(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	(void)state;
	keep(guard.id, TEROK_ALLOW, TEST_FAR, HOUR_S);
	boot();
	ahead = YEARS_S;
	guard = come_back(guard);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	ahead = 0;
	guard = come_back(guard);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
}

/* Who was not seen for a year is forgotten; by a clock that is wrong for a day, nobody who denies. */
static void what_denies_outlives_a_clock_years_ahead(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_DOWN, 0, 0);

	(void)state;
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_DOWN, NULL), 0);
	keep(guard.id, TEROK_DENY, TEST_FAR, 0);
	ahead = YEARS_S;
	guard = come_back(guard);
	assert_int_equal(guard.state, TEROK_STATE_DOWN);
	assert_int_equal(test_udp(world, OTHER), 0);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	ahead = 0;
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, NULL), 0);
	ahead = 2 * YEARS_S;
	guard = come_back(guard);
	assert_int_equal(guard.state, TEROK_STATE_BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_kernel_ends_rules_and_windows_by_no_wall_clock),
		T(within_a_boot_the_wall_clock_counts_for_nothing),
		T(over_a_boot_it_lasts_what_was_left),
		T(a_clock_that_went_back_over_a_boot_ends_allows_and_spares_denies),
		T(over_a_boot_years_ahead_it_has_ended),
		T(what_denies_outlives_a_clock_years_ahead),
	};

	test_require("kernel/clock");
	return cmocka_run_group_tests_name("kernel/clock", tests, NULL, NULL);
}
