// SPDX-License-Identifier: Apache-2.0
/*
 * test_names_verbs.c - names as people see them: names, flush, explain, doctor, rules
 */
#include "programs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names.h"
#include "zone_server.h"

#define ONE    "203.0.113.1"
#define TWO    "203.0.113.2"
#define SHARED "203.0.113.3"

static const char zone[] = "one.example A 300 " ONE "\n"
			   "two.example A 300 " TWO "\n"
			   "evil.example A 300 " TWO "\n"
			   "same.example A 300 " SHARED "\n"
			   "other.example A 300 " SHARED "\n"
			   "inner.example A 300 10.1.2.3\n";

#define NXDOMAIN 3

static int setup(void **state)
{
	programs_setup(state);
	setenv("TEROK_CONFIG", world->dir, 1);
	setenv("TEROK_DATA", "/nowhere", 1);
	return 0;
}

/* Everything that answers: a name server, an agent, a guard. */
static int setup_served(void **state)
{
	setup(state);
	zone_server_start(world, bpfd, zone);
	agent_start();
	attach_box();
	return 0;
}

static int teardown(void **state)
{
	int r = programs_teardown(state);

	zone_server_stop();
	return r;
}

static void assert_not_said(const char *text)
{
	if (strstr(said, text))
		fail_msg("'%s' is in: %s", text, said);
}

/* It is asked for, and answered with this. */
static void asks(const char *name, const char *addr)
{
	char got[ADDR_TEXT];

	assert_int_equal(zone_ask(world, name, got), 0);
	assert_string_equal(got, addr);
}

static void asks_in_vain(const char *name)
{
	char got[ADDR_TEXT];

	assert_int_equal(zone_ask(world, name, got), NXDOMAIN);
	assert_string_equal(got, "");
}

/* --- names -------------------------------------------------------------------------------- */

static void names_lists_what_was_asked_for_by_name(void **state)
{
	const char *one, *two;

	(void)state;
	assert_works("allow", "box", "two.example", "--port", "7777", "--proto", "tcp");
	assert_works("allow", "box", "one.example", "--check");
	assert_works("names", "box");
	assert_said("names learn, resolver at port ");
	assert_said(", 0 names\n");
	asks("two.example", TWO);
	asks("one.example", ONE);
	asks_in_vain("evil.example");
	assert_int_equal(test_tcp(world, TWO), 0);
	assert_works("names", "box");
	one = strstr(said, "one.example   ");
	two = strstr(said, "two.example   ");
	assert_non_null(one);
	assert_true(two > one);
	assert_said("learned, check, 0 hits, asked 0 s ago; allow\n    " ONE "  ");
	assert_said("learned, 1 hit, asked 0 s ago; allow port 7777 tcp\n    " TWO "  ");
	assert_not_said("evil.example");
}

static void names_in_json_have_all_of_it(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example");
	asks("one.example", ONE);
	assert_works("names", "box", "--json");
	assert_said("{\"guard\":1,\"name\":\"box\",\"mode\":\"learn\",\"resolver_port\":");
	assert_said("\"names\":[{\"name\":\"one.example\",\"mode\":\"learned\",\"check\":false,"
		    "\"hits\":0,\"asked_seconds_ago\":0,\"grants\":[{\"action\":\"allow\",");
	assert_said("\"addresses\":[{\"addr\":\"" ONE "\",\"real\":\"" ONE
		    "\",\"synthetic\":false,\"ended\":false,\"seconds_left\":");
	assert_said("\"queries\":{\"asked\":");
}

static void a_synthetic_address_is_shown_with_what_it_stands_for(void **state)
{
	char addr[ADDR_TEXT], line[160];

	(void)state;
	assert_works("allow", "box", "one.example", "--synthetic");
	assert_int_equal(zone_ask(world, "one.example", addr), 0);
	assert_string_not_equal(addr, ONE);
	assert_int_equal(test_tcp(world, addr), 0);
	assert_int_equal(test_tcp(world, ONE), EHOSTUNREACH);
	assert_works("names", "box");
	assert_said("synthetic, 1 hit");
	snprintf(line, sizeof(line), "    %s -> " ONE "  with its name\n", addr);
	assert_said(line);
	assert_works("names", "box", "--json");
	assert_said("\"real\":\"" ONE "\",\"synthetic\":true,\"ended\":false,\"seconds_left\":0}");
}

static void an_address_that_ended_is_shown_as_such(void **state)
{
	struct terok_learned_key key = { .guard = 1 };
	struct terok_learned value;
	struct dest dest;

	(void)state;
	assert_works("allow", "box", "one.example");
	asks("one.example", ONE);
	assert_int_equal(dest_parse(ONE, &dest, NULL), 0);
	memcpy(key.addr, dest.addr, sizeof(key.addr));
	assert_int_equal(bpf_map_lookup_elem(world->kernel->map[MAP_LEARNED], &key, &value), 0);
	for (unsigned i = 0; i < TEROK_SHARERS; i++)
		value.until_ns[i] = value.name[i] ? 1 : 0;
	assert_int_equal(bpf_map_update_elem(world->kernel->map[MAP_LEARNED], &key, &value, 0), 0);
	assert_works("names", "box");
	assert_said("    " ONE "  ended\n");
	assert_works("names", "box", "--json");
	assert_said("\"ended\":true,\"seconds_left\":0}");
}

static void names_says_when_there_is_no_resolver(void **state)
{
	(void)state;
	attach_box();
	assert_works("names", "box");
	assert_said("guard 1 (box): names learn, no resolver, 0 names\n");
	assert_said("queries: 0 asked");
	assert_mistake(VERB("names", "nobody"), 1, "nobody");
}

/* --- flush -------------------------------------------------------------------------------- */

static void what_is_flushed_opens_nothing_until_it_is_asked_for_again(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example");
	assert_works("allow", "box", "two.example");
	asks("one.example", ONE);
	asks("two.example", TWO);
	assert_int_equal(test_tcp(world, ONE), 0);
	assert_works("flush", "box", "one.example");
	assert_said("1 name forgotten");
	assert_int_equal(test_tcp(world, ONE), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, TWO), 0);
	/* not from the resolver's memory, in which it would open nothing */
	asks("one.example", ONE);
	assert_int_equal(test_tcp(world, ONE), 0);
	assert_works("flush", "box", "--json");
	assert_said("{\"guard\":1,\"name\":\"box\",\"forgotten\":2,\"flows_ended\":0}");
	assert_int_equal(test_tcp(world, ONE), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, TWO), EHOSTUNREACH);
	assert_works("names", "box");
	assert_said(", 0 names\n");
}

static void a_flushed_address_does_not_come_back_with_its_name(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example");
	asks("one.example", ONE);
	assert_works("flush", "box", "one.example");
	zone_server_stop();
	zone_server_start(world, bpfd, "one.example A 300 " TWO "\n");
	agent_end(SIGTERM);
	agent_start();
	asks("one.example", TWO);
	assert_int_equal(test_tcp(world, TWO), 0);
	assert_int_equal(test_tcp(world, ONE), EHOSTUNREACH);
}

static void a_name_that_becomes_synthetic_leaves_its_learned_addresses(void **state)
{
	char addr[ADDR_TEXT];

	(void)state;
	assert_works("allow", "box", "one.example");
	asks("one.example", ONE);
	assert_works("allow", "box", "one.example", "--synthetic");
	assert_int_equal(test_tcp(world, ONE), EHOSTUNREACH);
	assert_int_equal(zone_ask(world, "one.example", addr), 0);
	assert_int_equal(test_tcp(world, addr), 0);
	assert_int_equal(test_tcp(world, ONE), EHOSTUNREACH);
}

static void flush_wants_one_name_that_is_there(void **state)
{
	(void)state;
	attach_box();
	assert_mistake(VERB("flush", "box", "one.example"), 1, "has no name one.example");
	assert_mistake(VERB("flush", "box", "*.one.example"), 2, "one name is expected");
	assert_mistake(VERB("flush", "box", "192.0.2.1"), 2, "one name is expected");
	assert_mistake(VERB("flush", "box", "one.example:443"), 2, "one name is expected");
	assert_works("flush", "box");
	assert_said("0 names forgotten");
}

int main(int argc, char **argv)
{
#define plain_test(t)  cmocka_unit_test_setup_teardown(t, setup, teardown)
#define served_test(t) cmocka_unit_test_setup_teardown(t, setup_served, teardown)
	const struct CMUnitTest tests[] = {
		served_test(names_lists_what_was_asked_for_by_name),
		served_test(names_in_json_have_all_of_it),
		served_test(a_synthetic_address_is_shown_with_what_it_stands_for),
		served_test(an_address_that_ended_is_shown_as_such),
		plain_test(names_says_when_there_is_no_resolver),
		served_test(what_is_flushed_opens_nothing_until_it_is_asked_for_again),
		served_test(a_flushed_address_does_not_come_back_with_its_name),
		served_test(a_name_that_becomes_synthetic_leaves_its_learned_addresses),
		plain_test(flush_wants_one_name_that_is_there),
	};

	test_require("names_verbs");
	programs_find();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("names_verbs", tests, NULL, NULL);
}
