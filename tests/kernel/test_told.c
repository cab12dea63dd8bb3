// SPDX-License-Identifier: Apache-2.0
/*
 * test_told.c - what people are told of a refusal beside the refusal: the rule, the ancestors, and
 * of an answer the program that gave it
 *
 * The agent is the one that ships; every socket is the guard's own.
 */
#include "lookup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ONE     "203.0.113.10"
#define TWO     "203.0.113.11"
#define REFUSED EHOSTUNREACH

static const char zone[] = "one.example A 60 " ONE "\n"
			   "below.one.example A 60 " TWO "\n";

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

static const char *rule_told(const char *type, const char *what)
{
	people_await(type, what);
	return people_last(type, what)->rule;
}

static void nothing_stood_in_the_way_but_that_nobody_allowed_it(void **state)
{
	(void)state;
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	assert_string_equal(rule_told("request", ONE), "");
	assert_unknown("one.example");
	assert_string_equal(rule_told("request", "one.example"), "");
}

static void the_deny_that_refused_it_is_told(void **state)
{
	(void)state;
	assert_works("deny", "box", "203.0.113.0/24", "--port", "7777");
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	assert_string_equal(rule_told("refused", ONE), "deny 203.0.113.0/24 port 7777 any");
	assert_works("deny", "box", "*.one.example");
	assert_unknown("below.one.example");
	assert_string_equal(rule_told("refused", "below.one.example"),
			    "deny *.one.example port any any");
}

static void a_rule_that_missed_by_its_port_is_told(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example", "--port", "1");
	assert_found("one.example", ONE);
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	assert_string_equal(rule_told("request", "one.example"), "allow one.example port 1 any");
}

static void a_rule_that_has_ended_is_told(void **state)
{
	(void)state;
	assert_works("allow", "box", ONE, "--port", "7777", "--proto", "tcp", "--for", "1s");
	while (!reach(ONE, TEST_PORT))
		usleep(10000); /* the kernel's clock, not the agent, ends it */
	assert_string_equal(rule_told("request", ONE), "allow " ONE " port 7777 tcp");
}

static void comm_of(pid_t pid, char ret[static 16])
{
	char path[32];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(ret, 16, f));
	ret[strcspn(ret, "\n")] = '\0';
	fclose(f);
}

static void the_ancestors_of_who_was_refused_are_told(void **state)
{
	char parent[16];

	(void)state;
	comm_of(getppid(), parent);
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	people_await("request", ONE);
	assert_string_equal(people_last("request", ONE)->parent, parent);
}

static void the_program_that_answered_is_told(void **state)
{
	char self[16];

	(void)state;
	comm_of(getpid(), self);
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	people_await("request", ONE);
	people_answer(ONE, "allow", "session");
	people_await_verdict();
	assert_string_equal(people_last("verdict", NULL)->client, self);
	assert_string_equal(people_last("verdict", NULL)->rule, "allow " ONE " port 7777 tcp");
}

static void stop_worker(pid_t pid)
{
	char path[64], state = 0;
	FILE *f;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'T') {
		f = fopen(path, "r");
		assert_non_null(f);
		assert_int_equal(fscanf(f, "%*d %*s %c", &state), 1);
		fclose(f);
	}
}

#define FLOOD 1900 /* more than the core's socket takes, less than a guard's burst of records */

/* Nothing refused is silent: what the hub was too busy for is counted, and said. */
static void what_a_busy_hub_was_not_told_is_said_as_a_number(void **state)
{
	int fd = inside_socket(AF_INET, SOCK_DGRAM);
	pid_t worker = test_worker(agent, "hub");

	(void)state;
	assert_works("deny", "box", "203.0.113.0/24");
	assert_true(worker > 0);
	stop_worker(worker);
	for (int port = 1000; port < 1000 + FLOOD; port++)
		assert_int_equal(sendto(fd, "x", 1, 0, to(ONE, port), to_size(to(ONE, port))), -1);
	close(fd);
	assert_works("down", "box"); /* of which the agent tells when it has read them all */
	assert_works("up", "box");
	assert_int_equal(kill(worker, SIGCONT), 0);
	people_await_all(FLOOD);
	assert_true(people_missed() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(nothing_stood_in_the_way_but_that_nobody_allowed_it),
		T(the_deny_that_refused_it_is_told),
		T(a_rule_that_missed_by_its_port_is_told),
		T(a_rule_that_has_ended_is_told),
		T(the_ancestors_of_who_was_refused_are_told),
		T(the_program_that_answered_is_told),
		T(what_a_busy_hub_was_not_told_is_said_as_a_number),
	};

	test_require("kernel/told");
	programs_find();
	return cmocka_run_group_tests_name("kernel/told", tests, NULL, NULL);
}
