// SPDX-License-Identifier: Apache-2.0
/*
 * test_budget.c - an agent that installs packages does not bury its operator
 *
 * Requests are grouped by name, no guard has more than its budget of them open, what is beyond
 * is counted and said, and one answer decides all that it is of. The agent is the one that
 * ships; every socket is the guard's own.
 */
#include "lookup.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "base/event.h"

#define REFUSED EHOSTUNREACH

static const char zone[] = "cdn.example A 60 203.0.113.1\n"
			   "cdn.example A 60 203.0.113.2\n"
			   "cdn.example A 60 203.0.113.3\n"
			   "*.packages.example A 60 203.0.113.20\n"
			   "packages.example A 60 203.0.113.20\n"
			   "other.example A 60 203.0.113.30\n";

static int setup(void **state)
{
	programs_setup(state);
	lookup_begin(zone, "learn");
	people_listen();
	return 0;
}

static int teardown(void **state)
{
	people_leave();
	lookup_end();
	return programs_teardown(state);
}

/* Whatever was refused before has been told when this one is. */
static void all_is_told(const char *marker)
{
	assert_unknown(marker);
	people_await("request", marker);
}

static void all_addresses_of_one_name_are_one_request(void **state)
{
	(void)state;
	assert_works("allow", "box", "cdn.example", "--port", "1");
	assert_int_equal(lookup("cdn.example", TYPE_A)->n, 3);
	assert_int_equal(reach("203.0.113.1", TEST_PORT), REFUSED);
	assert_int_equal(reach("203.0.113.2", TEST_PORT), REFUSED);
	assert_int_equal(reach("203.0.113.3", TEST_PORT), REFUSED);
	all_is_told("other.example");
	assert_int_equal(people_heard("request", "cdn.example", NULL), 1);
	people_answer("cdn.example", "allow", "task");
	assert_int_equal(reach("203.0.113.1", TEST_PORT), 0);
	assert_int_equal(reach("203.0.113.2", TEST_PORT), 0);
	assert_int_equal(reach("203.0.113.3", TEST_PORT), 0);
}

/* The journal is written a moment after. */
static void await_journal(const char *what, unsigned n)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);
	unsigned found;

	do {
		poll(NULL, 0, 20);
		assert_works("history", "--json", "--lines", "100");
		found = 0;
		for (const char *at = said; (at = strstr(at, what)); at++)
			found++;
		assert_true(now_boot_ns() < until);
	} while (found != n);
}

static void one_answer_for_all_below_a_name_ends_every_request_of_it(void **state)
{
	static const struct terok_answer children = { .action = "allow",
						      .scope = "task",
						      .reach = "children" };
	char name[64];

	(void)state;
	assert_unknown("packages.example");
	for (int i = 0; i < 7; i++) {
		snprintf(name, sizeof(name), "p%d.packages.example", i);
		assert_unknown(name);
	}
	all_is_told("other.example");
	people_await_open(9);
	assert_string_equal(people_say("packages.example", &children),
			    "allow *.packages.example port any any");
	people_await_open(1);                     /* the other one is of another name */
	await_journal("\"type\":\"verdict\"", 8); /* each with its end */
	assert_found("p5.packages.example", "203.0.113.20");
	assert_int_equal(reach("203.0.113.20", TEST_PORT), 0);
	/* an answer to one that was decided hears what decided it */
	assert_non_null(strstr(people_say("p5.packages.example", &children),
			       "org.terok.Firewall1.AlreadyAnswered"));
}

static void beyond_the_budget_people_hear_a_number(void **state)
{
	char dest[32];

	(void)state;
	for (int i = 1; i <= ASKED_OPEN_MAX + 50; i++) {
		snprintf(dest, sizeof(dest), "203.0.113.%d", i);
		assert_int_equal(reach(dest, TEST_PORT), REFUSED);
	}
	people_await_held(50);
	assert_int_equal(people_open(), ASKED_OPEN_MAX);
	assert_int_equal(people_held(), 50);
	/* there is room again for one that tries again */
	people_answer("203.0.113.1", "deny", "task");
	assert_int_equal(reach(dest, TEST_PORT), REFUSED);
	people_await("request", dest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(all_addresses_of_one_name_are_one_request),
		T(one_answer_for_all_below_a_name_ends_every_request_of_it),
		T(beyond_the_budget_people_hear_a_number),
	};

	test_require("kernel/budget");
	programs_find();
	return cmocka_run_group_tests_name("kernel/budget", tests, NULL, NULL);
}
