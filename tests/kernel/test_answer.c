// SPDX-License-Identifier: Apache-2.0
/*
 * test_answer.c - how much an answer means: an address, its name, all below it; a port or all
 *
 * The agent is the one that ships; every socket is the guard's own.
 */
#include "lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE     "203.0.113.10"
#define TWO     "203.0.113.11"
#define REFUSED EHOSTUNREACH

static const char zone[] = "one.example A 60 " ONE "\n"
			   "below.one.example A 60 " TWO "\n"
			   "two.example A 60 " TWO "\n";

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

#define SAY(what, ...) people_say(what, &(const struct terok_answer){ __VA_ARGS__ })

static void assert_not_applied(const char *said_so, const char *text)
{
	assert_non_null(strstr(said_so, "org.terok.Firewall1.NotApplied: "));
	if (!strstr(said_so, text))
		fail_msg("'%s' is not in: %s", text, said_so);
}

static void an_answer_to_a_name_opens_the_name(void **state)
{
	(void)state;
	assert_unknown("one.example");
	people_await("request", "one.example");
	assert_string_equal(SAY("one.example", .action = "allow"),
			    "allow one.example port any any");
	assert_found("one.example", ONE);
	assert_int_equal(reach(ONE, TEST_PORT), 0);
	assert_unknown("below.one.example");
}

static void an_answer_with_children_opens_all_below_as_well(void **state)
{
	(void)state;
	assert_unknown("one.example");
	people_await("request", "one.example");
	assert_string_equal(SAY("one.example", .action = "allow", .reach = "children"),
			    "allow *.one.example port any any");
	assert_found("one.example", ONE);
	assert_found("below.one.example", TWO);
	assert_int_equal(reach(TWO, TEST_PORT), 0);
	assert_unknown("two.example"); /* control */
	assert_works("rules", "box");
	assert_said("*.one.example");
}

static void a_name_that_was_refused_has_no_address_to_open(void **state)
{
	(void)state;
	assert_unknown("one.example");
	people_await("request", "one.example");
	assert_not_applied(SAY("one.example", .action = "allow", .reach = "address"), "no address");
	assert_unknown("one.example");
	/* it is still open, and can be answered otherwise */
	assert_string_equal(SAY("one.example", .action = "deny", .scope = "task"),
			    "deny one.example port any any");
}

static void an_answer_to_an_address_opens_one_port_or_all(void **state)
{
	(void)state;
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	people_await("request", ONE);
	assert_not_applied(SAY(ONE, .action = "allow", .reach = "name"), "no name");
	assert_not_applied(SAY(ONE, .action = "allow", .reach = "children"), "no name");
	assert_string_equal(SAY(ONE, .action = "allow", .ports = "same"),
			    "allow " ONE " port 7777 tcp");
	assert_int_equal(reach(ONE, TEST_PORT), 0);
	assert_int_equal(reach(ONE, TEST_ECHO), REFUSED);

	assert_int_equal(reach(TWO, TEST_PORT), REFUSED);
	people_await("request", TWO);
	assert_string_equal(SAY(TWO, .action = "allow", .ports = "any", .reach = "address"),
			    "allow " TWO " port any any");
	assert_int_equal(reach(TWO, TEST_PORT), 0);
	assert_int_equal(throw_to(TWO, TEST_ECHO), 0);
}

/* The name is known by which that address was told: the answer is of the name, at that port. */
static void an_answer_to_an_address_of_a_name_is_of_the_name(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example", "--port", "1");
	assert_found("one.example", ONE);
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	people_await("request", "one.example");
	assert_string_equal(SAY("one.example", .action = "allow"),
			    "allow one.example port 7777 tcp");
	assert_int_equal(reach(ONE, TEST_PORT), 0);
	assert_int_equal(throw_to(ONE, TEST_PORT), EPERM); /* another protocol */
}

static void of_an_address_with_a_name_the_address_alone_can_be_opened(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example", "--port", "1");
	assert_found("one.example", ONE);
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	people_await("request", "one.example");
	assert_string_equal(SAY("one.example", .action = "allow", .reach = "address"),
			    "allow " ONE " port 7777 tcp");
	assert_int_equal(reach(ONE, TEST_PORT), 0);
}

/* A deny of all that is above the name came since it was asked. */
static void an_answer_by_name_that_would_not_hold_is_refused(void **state)
{
	(void)state;
	assert_unknown("one.example");
	people_await("request", "one.example");
	assert_works("deny", "box", "*.one.example");
	assert_not_applied(SAY("one.example", .action = "allow"), "no rule was made");
	assert_works("rules", "box");
	assert_null(strstr(said, "allow"));
	assert_works("deny", "box", "*.one.example", "--remove");
	/* the state block is above every rule as well */
	assert_works("block", "box");
	assert_non_null(strstr(SAY("one.example", .action = "allow"), "org.terok.Firewall1."));
	assert_works("up", "box");
	assert_unknown("one.example");
}

/* It is allowed for ever: an answer for a minute must not put an end to that. */
static void a_shorter_answer_leaves_a_longer_rule_as_it_is(void **state)
{
	(void)state;
	assert_unknown("one.example");
	people_await("request", "one.example");
	assert_works("allow", "box", "one.example");
	assert_string_equal(SAY("one.example", .action = "allow", .scope = "once"),
			    "allow one.example port any any");
	assert_works("rules", "box", "--json");
	assert_said("\"dest\":\"one.example\",\"port\":0,\"proto\":\"any\",\"ended\":false,"
		    "\"seconds_left\":0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(an_answer_to_a_name_opens_the_name),
		T(an_answer_with_children_opens_all_below_as_well),
		T(a_name_that_was_refused_has_no_address_to_open),
		T(an_answer_to_an_address_opens_one_port_or_all),
		T(an_answer_to_an_address_of_a_name_is_of_the_name),
		T(of_an_address_with_a_name_the_address_alone_can_be_opened),
		T(an_answer_by_name_that_would_not_hold_is_refused),
		T(a_shorter_answer_leaves_a_longer_rule_as_it_is),
	};

	test_require("kernel/answer");
	programs_find();
	return cmocka_run_group_tests_name("kernel/answer", tests, NULL, NULL);
}
