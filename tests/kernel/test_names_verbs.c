// SPDX-License-Identifier: Apache-2.0
/*
 * test_names_verbs.c - names as people see them: names, flush, explain, doctor, rules
 */
#include "doctor_ask.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
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

static bool covered; /* the host's own files are behind the test's */

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
	int r;

	if (covered) {
		umount2("/etc/hosts", MNT_DETACH);
		umount2("/etc/nsswitch.conf", MNT_DETACH);
	}
	covered = false;
	r = programs_teardown(state);
	zone_server_stop();
	return r;
}

static void assert_not_said(const char *text)
{
	if (strstr(said, text))
		fail_msg("'%s' is in: %s", text, said);
}

/* What the host's own resolver finds; the C library over a file of the test's own. */
static void host_knows(const char *hosts)
{
	static const char *const files[][2] = { { "nsswitch.conf", "/etc/nsswitch.conf" },
						{ "hosts", "/etc/hosts" } };
	char path[128];

	covered = true;
	for (unsigned i = 0; i < 2; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", world->dir, files[i][0]);
		file = fopen(path, "we");
		assert_non_null(file);
		fputs(i ? hosts : "hosts: files\n", file);
		fclose(file);
		assert_int_equal(chmod(path, 0644), 0);
		if (access(files[i][1], F_OK))
			close(open(files[i][1], O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
		assert_int_equal(mount(path, files[i][1], NULL, MS_BIND, NULL), 0);
	}
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

static void rules_say_how_a_domain_is_in_force(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example");
	assert_said("one.example (by name)");
	assert_works("allow", "box", "two.example", "--synthetic", "--check");
	assert_works("rules", "box");
	assert_said("one.example (by name)");
	assert_said("two.example (by name, synthetic, check)");
	assert_works("rules", "box", "--json");
	assert_said("\"by_name\":true,\"synthetic\":false,\"check\":false,\"addresses\":0}");
	assert_said("\"by_name\":true,\"synthetic\":true,\"check\":true,\"addresses\":0}");
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

/* --- explain ------------------------------------------------------------------------------ */

static void explain_says_how_a_name_is_answered_and_what_its_addresses_meet(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example:7777/tcp");
	assert_works("explain", "box", "one.example");
	assert_said("state up: one.example is answered with its addresses\n");
	assert_said("because: its rules are: allow port 7777 tcp\n");
	assert_said("nobody in it has asked yet");
	asks("one.example", ONE);
	assert_works("explain", "box", "one.example:7777");
	assert_said(ONE " port 7777 tcp would be allowed\n"
			"because: one.example is allowed and has this address for ");
	assert_said(" s more (name)\nname:    one.example has it, ");
	assert_works("explain", "box", "one.example");
	assert_said(ONE " port 443 tcp would be refused\n");
	assert_works("explain", "box", "one.example:7777", "--json");
	assert_said("\"domain\":\"one.example\",\"answer\":\"addresses\",\"synthetic\":false,");
	assert_said("\"action\":\"allow\",\"reason\":\"name\",\"rule\":null,"
		    "\"by_name\":\"one.example\",\"names\":[{\"name\":\"one.example\",");
}

static void explain_says_who_is_asked_for_a_name_that_is_not_allowed(void **state)
{
	(void)state;
	assert_works("explain", "box", "one.example");
	assert_said("one.example is answered \"no such name\"\n");
	assert_said("because: nobody allowed it; asked would be root, as clients of the hub\n");
	asks_in_vain("one.example");
	assert_works("deny", "box", "*.one.example");
	assert_works("explain", "box", "x.one.example");
	assert_said("because: it is denied; nobody is asked\n");
	assert_works("explain", "box", "x.one.example", "--json");
	assert_said("\"answer\":\"denied\"");
	assert_said("\"asks\":false");
	assert_works("block", "box");
	assert_works("explain", "box", "one.example");
	assert_said("state block lets nothing out");
	agent_end(SIGTERM);
	assert_works("explain", "box", "one.example");
	assert_said("no agent runs: no name is answered until one does\n");
}

static void explain_says_what_a_synthetic_address_stands_for(void **state)
{
	char addr[ADDR_TEXT], line[160];

	(void)state;
	assert_works("allow", "box", "one.example", "--synthetic");
	assert_int_equal(zone_ask(world, "one.example", addr), 0);
	assert_works("explain", "box", addr);
	snprintf(line, sizeof(line), "%s port 443 tcp would be allowed\n", addr);
	assert_said(line);
	assert_said("because: one.example is allowed, and this address stands for " ONE " of it");
	assert_works("flush", "box");
	assert_works("explain", "box", addr);
	assert_said(
	    "would be refused\nbecause: it is of the synthetic range and stands for nothing");
}

/* The host finds the denied domain's address, the guard the allowed one's: they are the same. */
static void an_address_of_an_allowed_and_a_denied_name_is_reported(void **state)
{
	char addr[ADDR_TEXT];

	(void)state;
	host_knows(SHARED " other.example\n");
	assert_works("allow", "box", "same.example");
	assert_works("deny", "box", "other.example");
	asks("same.example", SHARED);
	assert_int_equal(test_tcp(world, SHARED), EHOSTUNREACH);
	assert_works("explain", "box", SHARED);
	assert_said("shared:  other.example is denied and has this address too: same.example is "
		    "not reached by it\n");
	assert_said("allow box same.example --synthetic");
	assert_works("explain", "box", "same.example", "--json");
	assert_said("\"shared\":[{\"how\":\"denied\",\"name\":\"same.example\","
		    "\"other\":\"other.example\",\"fix\":");
	/* and what it advises helps */
	assert_works("allow", "box", "same.example", "--synthetic");
	assert_int_equal(zone_ask(world, "same.example", addr), 0);
	assert_int_equal(test_tcp(world, addr), 0);
	assert_int_equal(test_tcp(world, SHARED), EHOSTUNREACH);
	asks_in_vain("other.example");
	assert_works("explain", "box", addr);
	assert_not_said("shared:");
}

static void a_name_that_is_allowed_less_is_reported_beside_the_wider_one(void **state)
{
	(void)state;
	assert_works("allow", "box", "same.example:443/tcp");
	assert_works("allow", "box", "other.example");
	asks("same.example", SHARED);
	asks("other.example", SHARED);
	assert_works("explain", "box", SHARED);
	assert_said("shared:  same.example, which is allowed less, has this address too: it is "
		    "reached as other.example is\n"
		    "fix:     terok-bpfd allow box other.example --synthetic\n");
	assert_works("allow", "box", "other.example", "--synthetic");
	assert_works("explain", "box", SHARED);
	assert_not_said("shared:");
	/* two that may do the same share nothing that matters */
	assert_works("allow", "box", "one.example:443/tcp");
	assert_works("explain", "box", ONE);
	assert_not_said("shared:");
}

/* --- doctor ------------------------------------------------------------------------------- */

/* The rest of it is test_doctor.c's, and some of that depends on the machine. */
#define DOCTOR_OF_NAMES "doctor", "--only", "agent", "--only", "names"

static void doctor_is_content_with_what_answers(void **state)
{
	pid_t pid = move_in();

	(void)state;
	assert_works(DOCTOR_OF_NAMES);
	assert_said("ok    agent      running, pid ");
	assert_said("ok    upstream   1 name server in ");
	assert_said("ok    resolver   box: port ");
	assert_said("ok    shared     box: ");
	assert_not_said("warn");
	assert_works(DOCTOR_OF_NAMES, "box", "--json");
	assert_said("{\"checks\":[{\"check\":\"agent\",\"guard\":null,\"name\":null,"
		    "\"verdict\":\"ok\",\"detail\":\"running, pid ");
	assert_said("\"verdict\":\"ok\"}");
	move_out(pid);
	assert_works(DOCTOR_OF_NAMES, "box");
	assert_said("nobody lives in it");
}

static void wrong_port(struct terok_guard *value, void *user)
{
	(void)user;
	value->dns_port = 1;
}

static void doctor_finds_a_resolver_that_does_not_answer(void **state)
{
	pid_t pid;
	int lock;

	(void)state;
	kill(agent, SIGSTOP); /* it mends it when it hears that somebody moved in */
	pid = move_in();
	lock = kernel_lock(NULL);
	assert_int_equal(guard_change(world->kernel, 1, wrong_port, NULL, NULL), 0);
	close(lock);
	assert_int_equal(VERB(DOCTOR_OF_NAMES, "box"), 2);
	assert_said("fail  resolver   box: port 1 does not answer: Connection refused\n");
	assert_said("fix: ");
	move_out(pid);
}

static void doctor_misses_an_agent_and_name_servers(void **state)
{
	char conf[128];

	(void)state;
	attach_box();
	assert_int_equal(VERB(DOCTOR_OF_NAMES), 1);
	assert_said("warn  agent      not running");
	assert_works("deny", "box", "one.example");
	assert_int_equal(VERB(DOCTOR_OF_NAMES), 2);
	assert_said("fail  agent      not running");
	snprintf(conf, sizeof(conf), "%s/none.conf", world->dir);
	setenv("TEROK_RESOLV_CONF", conf, 1);
	agent_start();
	assert_int_equal(VERB(DOCTOR_OF_NAMES), 2);
	assert_said("fail  upstream   ");
	assert_said("none.conf names no name server");
	assert_int_equal(VERB(DOCTOR_OF_NAMES, "nobody"), 2);
	unsetenv("TEROK_RESOLV_CONF");
}

static void doctor_warns_of_wildcards_where_names_are_off(void **state)
{
	(void)state;
	assert_works("attach", world->cgroup_path, "--names", "off");
	assert_works(DOCTOR_OF_NAMES);
	assert_said("ok    mode       box: names are off");
	host_knows(ONE " one.example\n");
	assert_works("allow", "box", "*.one.example");
	assert_int_equal(VERB(DOCTOR_OF_NAMES), 1);
	assert_said(
	    "warn  mode       box: names are off: 1 wildcard covers the domain itself only");
}

static void doctor_warns_of_shared_addresses(void **state)
{
	(void)state;
	assert_works("allow", "box", "same.example:443/tcp");
	assert_works("allow", "box", "other.example");
	asks("same.example", SHARED);
	assert_works(DOCTOR_OF_NAMES, "box");
	asks("other.example", SHARED);
	assert_int_equal(VERB(DOCTOR_OF_NAMES, "box"), 1);
	assert_said("warn  shared     box: " SHARED " is of other.example and of same.example");
	assert_said("fix: terok-bpfd allow box other.example --synthetic\n");
}

static void doctor_warns_of_what_the_resolver_counted(void **state)
{
	static const struct terok_queries counts = {
		.asked = 100, .forwarded = 90, .spent = 5, .failed = 20, .alarms = 3, .rebound = 2
	};
	const uint32_t guard = 1;

	(void)state;
	assert_int_equal(
	    bpf_map_update_elem(world->kernel->map[MAP_QUERIES], &guard, &counts, BPF_ANY), 0);
	assert_int_equal(VERB(DOCTOR_OF_NAMES, "box"), 1);
	assert_said("box: 5 questions were over its budget");
	assert_said("box: 3 names that were passed on look like data");
	assert_said("box: 2 private or local addresses were left out");
	assert_said("box: 20 of 90 questions that were passed on had no answer");
}

static void doctor_warns_before_a_table_is_full(void **state)
{
	struct terok_name_key key = { .guard = 1 };
	struct terok_name name = { .n = 1 };

	(void)state;
	for (key.name = 1; key.name < NAMES_PER_GUARD * 8 / 10; key.name++)
		bpf_map_update_elem(world->kernel->map[MAP_NAMES], &key, &name, BPF_ANY);
	assert_works(DOCTOR_OF_NAMES, "box");
	for (; key.name <= NAMES_PER_GUARD * 8 / 10 + 1; key.name++)
		bpf_map_update_elem(world->kernel->map[MAP_NAMES], &key, &name, BPF_ANY);
	assert_int_equal(VERB(DOCTOR_OF_NAMES, "box"), 1);
	assert_said("warn  names      box: 6554 of 8192 names\n");
	for (; key.name <= NAMES_PER_GUARD; key.name++)
		bpf_map_update_elem(world->kernel->map[MAP_NAMES], &key, &name, BPF_ANY);
	assert_int_equal(VERB(DOCTOR_OF_NAMES, "box"), 2);
	assert_said("fix: terok-bpfd flush box\n");
	assert_works("flush", "box");
	assert_said("8192 names forgotten");
	assert_works(DOCTOR_OF_NAMES, "box");
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
		served_test(rules_say_how_a_domain_is_in_force),
		served_test(explain_says_how_a_name_is_answered_and_what_its_addresses_meet),
		served_test(explain_says_who_is_asked_for_a_name_that_is_not_allowed),
		served_test(explain_says_what_a_synthetic_address_stands_for),
		served_test(an_address_of_an_allowed_and_a_denied_name_is_reported),
		served_test(a_name_that_is_allowed_less_is_reported_beside_the_wider_one),
		served_test(doctor_is_content_with_what_answers),
		served_test(doctor_finds_a_resolver_that_does_not_answer),
		plain_test(doctor_misses_an_agent_and_name_servers),
		served_test(doctor_warns_of_wildcards_where_names_are_off),
		served_test(doctor_warns_of_shared_addresses),
		served_test(doctor_warns_of_what_the_resolver_counted),
		served_test(doctor_warns_before_a_table_is_full),
	};

	test_require("names_verbs");
	programs_find();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("names_verbs", tests, NULL, NULL);
}
