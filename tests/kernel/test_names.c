// SPDX-License-Identifier: Apache-2.0
/*
 * test_names.c - policy by names, answered with real addresses: what is asked, told, opened
 *
 * The agent is the one that ships, its name server is tests/names/server, and every socket is
 * the guard's own. What a resolver library makes of it is tests/names/test_clients.sh; what
 * ends is test_names_end.c.
 */
#include "lookup.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "control.h"
#include "domains.h"
#include "names.h"
#include "unit/dns_message.h"

#define LABEL63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static const char zone[] =
    "* A 60 203.0.113.250\n" /* there is nothing that upstream does not know */
    "api.example A 60 203.0.113.10\n"
    "api.example AAAA 60 2001:db8:9::10\n"
    "other.example A 60 203.0.113.11\n"
    "exact.example A 60 203.0.113.12\n"
    "wild.example A 60 203.0.113.13\n"
    "*.wild.example A 60 203.0.113.14\n" LABEL63 ".example A 60 203.0.113.15\n"
    "many.example do many 119\n"
    "many.example A 60 203.0.113.100\n"
    "inside.example A 60 10.1.2.3\n"
    "mixed.example A 60 192.168.1.1\n"
    "mixed.example A 60 203.0.113.16\n";

static int setup(void **state)
{
	programs_setup(state);
	lookup_begin(zone, "learn");
	return 0;
}

static int teardown(void **state)
{
	people_leave();
	lookup_end();
	return programs_teardown(state);
}

/* Is that address in the kernel's table for the only guard? */
static bool is_learned(const char *text)
{
	struct terok_learned_key key = { .guard = 1 };
	struct terok_learned value;
	struct dest dest;

	assert_int_equal(dest_parse(text, &dest, NULL), 0);
	memcpy(key.addr, dest.addr, sizeof(key.addr));
	return !bpf_map_lookup_elem(world->kernel->map[MAP_LEARNED], &key, &value);
}

static unsigned learned_count(void)
{
	struct terok_learned_key key, *prev = NULL;
	unsigned n = 0;

	while (!bpf_map_get_next_key(world->kernel->map[MAP_LEARNED], prev, &key)) {
		prev = &key;
		n++;
	}
	return n;
}

/* Many of them, as verbs do it, with one word to the agent at the end. */
static void allow_all(const char *format, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct domain_rule rule = { .value = { .action = TEROK_ALLOW } };
		int lock = kernel_lock(NULL);

		snprintf(rule.domain, sizeof(rule.domain), format, i);
		assert_int_equal(names_put(world->kernel, 1, &rule, NULL), 0);
		close(lock);
	}
	assert_int_equal(control_notify(1), 0);
}

/* --- what leaves ---------------------------------------------------------------------------- */

static void a_name_that_nobody_allowed_does_not_leave_the_host(void **state)
{
	(void)state;
	assert_works("allow", "box", "api.example");
	assert_unknown("secret.example");
	assert_int_equal(lookup("secret.example", TYPE_AAAA)->rcode, DNS_NXDOMAIN);
	assert_int_equal(lookup("secret.example", TYPE_HTTPS)->rcode, DNS_NXDOMAIN);
	assert_int_equal(lookup_tcp("secret.example", TYPE_A)->rcode, DNS_NXDOMAIN);
	assert_int_equal(lookup("5.113.0.203.in-addr.arpa", TYPE_PTR)->rcode, DNS_NXDOMAIN);
	assert_found("api.example", "203.0.113.10"); /* control: what is asked is seen */
	lookup_await_asked(2);
	assert_int_equal(lookup_asked("query"), 2); /* both families, whichever was asked for */
	assert_int_equal(lookup_asked("query api.example A "), 1);
	assert_int_equal(lookup_asked("query api.example AAAA "), 1);
}

static void one_name_is_one_request_however_often_it_is_asked_for(void **state)
{
	(void)state;
	people_listen();
	for (int i = 0; i < 3; i++) {
		assert_unknown("secret.example");
		assert_int_equal(lookup("secret.example", TYPE_AAAA)->rcode, DNS_NXDOMAIN);
		assert_int_equal(lookup_tcp("secret.example", TYPE_A)->rcode, DNS_NXDOMAIN);
	}
	people_await("request", "secret.example");
	assert_unknown("later.example");
	people_await("request", "later.example");
	assert_int_equal(people_heard("request", "secret.example", NULL), 1);
	/* asked for again after it was told: within the quiet time that is no news */
	assert_unknown("secret.example");
	assert_unknown("last.example");
	people_await("request", "last.example");
	assert_int_equal(people_heard("request", "secret.example", NULL), 1);
}

static void what_a_search_suffix_makes_of_a_name_is_not_asked_of_people(void **state)
{
	/* the suffix first (ndots), the suffix last; known by now, though alone */
	static const char *const names[] = { "one.example.corp.lan", "one.example", "two.example",
					     "two.example.home.lan", "three.example.corp.lan" };
	int fd = inside_socket(AF_INET, SOCK_DGRAM); /* one after another, as a resolver does */

	(void)state;
	people_listen();
	for (int i = 0; i < 5; i++)
		assert_int_equal(lookup_by(fd, names[i], TYPE_A, LIMIT_MS)->rcode, DNS_NXDOMAIN);
	close(fd);
	people_await("request", "one.example");
	people_await("request", "two.example");
	assert_unknown("later.example");
	people_await("request", "later.example");
	assert_int_equal(people_heard("request", "one.example", NULL), 1);
	assert_int_equal(people_heard("request", "two.example", NULL), 1);
	assert_int_equal(people_heard("request", "one.example.corp.lan", NULL), 0);
	assert_int_equal(people_heard("request", "two.example.home.lan", NULL), 0);
	assert_int_equal(people_heard("request", "three.example.corp.lan", NULL), 0);
}

/* getaddrinfo() connects UDP sockets to sort addresses; port 0, and 65535 of musl. */
static void probes_of_resolvers_ask_nobody_and_know_what_is_known(void **state)
{
	const uint16_t ports[] = { 0, 65535 };

	(void)state;
	people_listen();
	assert_works("allow", "box", "api.example");
	assert_found("api.example", "203.0.113.10");
	for (int i = 0; i < 2; i++) {
		const struct sockaddr *known = to("203.0.113.10", ports[i]);
		const struct sockaddr *unknown = to("203.0.113.11", ports[i]);
		int fd = inside_socket(AF_INET, SOCK_DGRAM);

		assert_int_equal(connect(fd, known, to_size(known)), 0);
		assert_int_equal(connect(fd, unknown, to_size(unknown)), -1);
		close(fd);
	}
	assert_int_equal(reach("203.0.113.12", TEST_PORT), EHOSTUNREACH);
	people_await("request", "203.0.113.12");
	assert_int_equal(people_heard("request", "203.0.113.11", NULL), 0);
	assert_int_equal(people_heard("request", "203.0.113.10", NULL), 0);
}

/* --- verdicts ------------------------------------------------------------------------------- */

static void a_verdict_on_a_name_is_in_force_when_its_reply_comes(void **state)
{
	(void)state;
	people_listen();
	assert_unknown("api.example");
	people_await("request", "api.example");
	people_answer("api.example", "allow", "session");
	assert_found("api.example", "203.0.113.10"); /* no waiting here */
	assert_int_equal(reach("203.0.113.10", TEST_PORT), 0);
	assert_int_equal(throw_to("203.0.113.10", TEST_PORT), 0);

	assert_unknown("other.example");
	people_await("request", "other.example");
	people_answer("other.example", "deny", "session");
	assert_unknown("other.example");
	assert_unknown("later.example");
	people_await("request", "later.example");
	assert_int_equal(people_heard("request", "other.example", NULL), 1);
	assert_int_equal(lookup_asked("other.example"), 0);
}

/* The same while others of the guard ask all the time: their questions do not stand before it. */
static void a_verdict_on_a_name_is_in_force_while_others_ask(void **state)
{
	int flood[8];
	char name[32];

	(void)state;
	for (int i = 0; i < 8; i++) {
		const struct sockaddr *server = to(LOOKUP_SERVER, 53);

		flood[i] = inside_socket(AF_INET, SOCK_DGRAM);
		assert_int_equal(connect(flood[i], server, to_size(server)), 0);
	}
	for (int round = 0; round < 50; round++) {
		static struct message m;
		struct domain_rule rule = { .value = { .action = TEROK_ALLOW } };
		int lock = kernel_lock(NULL);

		snprintf(name, sizeof(name), "n%d.example", round);
		message_begin(&m, 1, 0x100, "flood.example", TYPE_A);
		for (int i = 0; i < 400; i++)
			send(flood[i % 8], m.bytes, m.n, MSG_DONTWAIT);
		snprintf(rule.domain, sizeof(rule.domain), "%s", name);
		assert_int_equal(names_put(world->kernel, 1, &rule, NULL), 0);
		close(lock);
		assert_int_equal(control_notify(1), 0);
		if (lookup(name, TYPE_A)->rcode)
			fail_msg("round %d: refused by what was said before", round);
	}
	for (int i = 0; i < 8; i++)
		close(flood[i]);
}

/* A policy of many domains takes a while to say: meanwhile nobody is answered by half of it. */
static void a_long_policy_is_not_answered_by_half(void **state)
{
	enum { N = 1000 };
	int fd =
	    inside_socket(AF_INET, SOCK_DGRAM); /* made before: what is asked is asked at once */
	char name[32];

	(void)state;
	allow_all("n%u.example", N);
	for (int round = 0; round < 10; round++) {
		struct domain_rule rule = { .value = { .action = TEROK_ALLOW } };
		int lock = kernel_lock(NULL);

		snprintf(rule.domain, sizeof(rule.domain), "x%d.example", round);
		assert_int_equal(names_put(world->kernel, 1, &rule, NULL), 0);
		close(lock);
		assert_int_equal(control_notify(1), 0);
		for (int i = 0; i < 10; i++) {
			unsigned rcode;

			snprintf(name, sizeof(name), "n%d.example", (round * 10 + i) * 10);
			rcode = lookup_by(fd, name, TYPE_A, LIMIT_MS)->rcode;
			if (rcode)
				fail_msg("round %d: %s is refused (%u)", round, name, rcode);
		}
	}
	close(fd);
}

/* --- which names ------------------------------------------------------------------------------ */

static void a_name_is_itself_and_a_wildcard_what_is_below(void **state)
{
	(void)state;
	assert_works("allow", "box",
		     "Exact.EXAMPLE."); /* case and the dot at the end are nothing */
	assert_works("allow", "box", "*.wild.example");
	assert_found("exact.example", "203.0.113.12");
	assert_found("eXaCt.ExAmPlE", "203.0.113.12");
	assert_memory_equal(lookup("eXaCt.ExAmPlE", TYPE_A)->name, "eXaCt", 5);
	assert_unknown("a.exact.example");
	assert_unknown("xexact.example");
	assert_unknown("example");
	assert_found("wild.example", "203.0.113.13");
	assert_found("a.wild.example", "203.0.113.14");
	assert_found("b.a.wild.example", "203.0.113.14");
	assert_unknown("awild.example");
	assert_unknown("wild.example.example");
	/* a deny of one child stands above */
	assert_works("deny", "box", "bad.wild.example");
	assert_unknown("bad.wild.example");
	assert_found("a.bad.wild.example", "203.0.113.14");
	assert_int_equal(lookup_asked(" bad.wild.example"), 0);
}

/* A label of 64 bytes cannot be written: its length is that of another kind of label. */
static void labels_are_63_bytes_at_most(void **state)
{
	static struct message m;
	const struct sockaddr *server = to(LOOKUP_SERVER, 53);
	uint8_t bytes[512];
	int fd;

	(void)state;
	assert_works("allow", "box", LABEL63 ".example");
	assert_works("allow", "box", "*.wild.example");
	assert_mistake(VERB("allow", "box", "x" LABEL63 ".example"), 2, "is no domain");
	assert_found(LABEL63 ".example", "203.0.113.15");

	fd = inside_socket(AF_INET, SOCK_DGRAM);
	message_begin(&m, 7, 0x100, "x" LABEL63 ".wild.example", TYPE_A);
	assert_int_equal(m.bytes[12], 64);
	assert_int_equal(sendto(fd, m.bytes, m.n, 0, server, to_size(server)), m.n);
	assert_true(recv(fd, bytes, sizeof(bytes), 0) >= 12);
	assert_int_equal(bytes[3] & 0xf, DNS_FORMERR);
	close(fd);
	assert_int_equal(lookup_asked("wild"), 0);
}

static void bytes_that_no_host_name_has_are_not_passed_on(void **state)
{
	static const char *const odd[] = { "a b",   "a\x01", "a\xff", "a/b", "a*b",
					   "\\046", "a\"b",  "a\nb",  "a@b", "a:b" };
	(void)state;
	assert_works("allow", "box", "*.wild.example");
	people_listen();
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s.wild.example", odd[i]);
		assert_no_data(name, TYPE_A);
	}
	assert_no_data("", TYPE_A);
	assert_found("a-b_c.wild.example", "203.0.113.14"); /* control */
	assert_int_equal(lookup_asked("query"), 2);
	assert_int_equal(lookup_asked("query a-b_c.wild.example "), 2);
	assert_unknown("later.example");
	people_await("request", "later.example");
	assert_int_equal(people_heard("request", "", NULL), 0);
}

/* --- what is opened ----------------------------------------------------------------------------- */

static void addresses_are_in_the_kernel_before_anybody_is_told(void **state)
{
	static char many[8192];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		n += snprintf(many + n, sizeof(many) - n, "n%d.example A 60 203.0.113.%d\n", i,
			      100 + i);
	lookup_zone(many);
	allow_all("n%u.example", 100);
	for (int i = 0; i < 100; i++) {
		char name[32], addr[32];

		snprintf(name, sizeof(name), "n%d.example", i);
		snprintf(addr, sizeof(addr), "203.0.113.%d", 100 + i);
		assert_false(is_learned(addr));
		assert_int_equal(lookup(name, TYPE_A)->n, 1);
		assert_true(is_learned(addr));
	}
}

static void what_was_told_is_open_and_nothing_else(void **state)
{
	(void)state;
	assert_works("allow", "box", "api.example");
	assert_int_equal(reach("203.0.113.10", TEST_PORT), EHOSTUNREACH); /* not asked for yet */
	assert_int_equal(reach("2001:db8:9::10", TEST_PORT), EACCES);
	assert_found("api.example", "203.0.113.10");
	assert_int_equal(reach("203.0.113.10", TEST_PORT), 0);
	assert_int_equal(throw_to("203.0.113.10", TEST_PORT), 0);
	assert_int_equal(reach("203.0.113.11", TEST_PORT), EHOSTUNREACH);
	assert_int_equal(throw_to("203.0.113.11", TEST_PORT), EPERM);
	assert_found("api.example", "2001:db8:9::10");
	assert_int_equal(reach("2001:db8:9::10", TEST_PORT), 0);
	assert_int_equal(reach("2001:db8:9::11", TEST_PORT), EACCES);
	assert_int_equal(reach("::ffff:203.0.113.10", TEST_PORT), 0);
}

/* Port 9 is nobody's there: refused by the host behind is let out, by the guard is not. */
static void a_name_for_one_port_opens_that_one(void **state)
{
	(void)state;
	assert_works("allow", "box", "api.example", "--port", "7777", "--proto", "tcp");
	assert_works("allow", "box", "other.example", "--port", "7777");
	assert_found("api.example", "203.0.113.10");
	assert_found("other.example", "203.0.113.11");
	assert_int_equal(reach("203.0.113.10", TEST_PORT), 0);
	assert_int_equal(reach("203.0.113.10", 9), EHOSTUNREACH);
	assert_int_equal(throw_to("203.0.113.10", TEST_PORT), EPERM);
	assert_int_equal(reach("203.0.113.11", TEST_PORT), 0);
	assert_int_equal(throw_to("203.0.113.11", TEST_PORT), 0);
	assert_int_equal(throw_to("203.0.113.11", TEST_ECHO), EPERM);
	/* one more port: of the name that was asked for already, at once */
	assert_works("allow", "box", "api.example", "--port", "9");
	assert_int_equal(reach("203.0.113.10", 9), ECONNREFUSED);
	/* one port denied of a name that is allowed */
	assert_works("allow", "box", "exact.example");
	assert_works("deny", "box", "exact.example", "--port", "9");
	assert_found("exact.example", "203.0.113.12");
	assert_int_equal(reach("203.0.113.12", TEST_PORT), 0);
	assert_int_equal(reach("203.0.113.12", 9), EHOSTUNREACH);
}

static void all_of_119_addresses_are_told_and_open(void **state)
{
	const struct lookup *answer;

	(void)state;
	assert_works("allow", "box", "many.example");
	answer =
	    lookup("many.example", TYPE_A); /* what fits is whole, and says that there is more */
	assert_true(answer->truncated && answer->n > 20 && answer->n < 119);
	answer = lookup_tcp("many.example", TYPE_A);
	assert_int_equal(answer->n, 119);
	assert_int_equal(learned_count(), 119);
	for (unsigned i = 0; i < 119; i++)
		assert_true(is_learned(lookup_address(answer, i)));
	assert_int_equal(reach(lookup_address(answer, 118), TEST_PORT), 0);
}

static void an_address_of_many_names_is_open_while_one_is_allowed(void **state)
{
	char name[32];

	(void)state;
	allow_all("n%u.example", 20);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		assert_found(name, "203.0.113.250");
	}
	assert_int_equal(learned_count(), 1);
	assert_int_equal(reach("203.0.113.250", TEST_PORT), 0);
	for (int i = 0; i < 19; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		assert_works("allow", "box", name, "--remove");
		assert_int_equal(reach("203.0.113.250", TEST_PORT), 0);
	}
	assert_works("allow", "box", "n19.example", "--remove");
	assert_int_equal(reach("203.0.113.250", TEST_PORT), EHOSTUNREACH);
}

/* --- what no name may open ------------------------------------------------------------------------ */

static void a_name_opens_nothing_private(void **state)
{
	static const char *const addrs[] = {
		"169.254.169.254",
		"10.1.2.3",
		"172.16.0.1",
		"192.168.0.1",
		"100.64.0.1",
		"127.0.0.1",
		"0.0.0.0",
		"198.18.0.1",
		"198.19.255.254",
		"224.0.0.1",
		"::1",
		"::",
		"fe80::1",
		"fd00::1",
		"fd73:796e::1",
		"::ffff:10.0.0.1",
		"::ffff:203.0.113.1",
		"64:ff9b::a00:1",
		"fd00:ec2::254",
		"ff02::1",
	};
	enum { N = sizeof(addrs) / sizeof(addrs[0]) };
	static char names[4096];
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++)
		n += snprintf(names + n, sizeof(names) - n, "n%u.example %s 60 %s\n", i,
			      strchr(addrs[i], ':') ? "AAAA" : "A", addrs[i]);
	lookup_zone(names);
	allow_all("n%u.example", N);
	people_listen();
	for (unsigned i = 0; i < N; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		assert_no_data(name, strchr(addrs[i], ':') ? TYPE_AAAA : TYPE_A);
		/* one that says what cannot be is nobody's: it is passed over as upstream's mistake */
		if (strncmp(addrs[i], "::ffff:", 7))
			people_await("refused", name);
	}
	assert_int_equal(learned_count(), 0);
	assert_int_equal(people_heard("refused", "n0.example", "private"), 1);
	assert_int_equal(reach("10.1.2.3", TEST_PORT), EHOSTUNREACH);
}

static void of_public_and_private_addresses_the_public_are_told(void **state)
{
	(void)state;
	assert_works("allow", "box", "mixed.example");
	assert_found("mixed.example", "203.0.113.16");
	assert_int_equal(learned_count(), 1);
	assert_int_equal(reach("192.168.1.1", TEST_PORT), EHOSTUNREACH);
}

/* An answer that something was left out of is remembered for a second: only time ends it. */
static void await_found(const char *name, const char *addr)
{
	uint64_t until = now_boot_ns() + 3 * SECOND_NS;

	while (!lookup(name, TYPE_A)->n && now_boot_ns() < until)
		poll(NULL, 0, 50);
	assert_found(name, addr);
}

static void a_private_address_that_a_rule_names_is_told(void **state)
{
	(void)state;
	assert_works("allow", "box", "inside.example");
	assert_no_data("inside.example", TYPE_A);
	assert_works("allow", "box", "10.1.2.3");
	await_found("inside.example", "10.1.2.3");
	assert_int_equal(reach("10.1.2.3", TEST_PORT), 0);
	assert_int_equal(learned_count(), 0); /* the rule opens it, not the name */
	assert_works("allow", "box", "10.1.2.3", "--remove");
	assert_int_equal(reach("10.1.2.3", TEST_PORT), EHOSTUNREACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_name_that_nobody_allowed_does_not_leave_the_host),
		T(one_name_is_one_request_however_often_it_is_asked_for),
		T(what_a_search_suffix_makes_of_a_name_is_not_asked_of_people),
		T(probes_of_resolvers_ask_nobody_and_know_what_is_known),
		T(a_verdict_on_a_name_is_in_force_when_its_reply_comes),
		T(a_verdict_on_a_name_is_in_force_while_others_ask),
		T(a_long_policy_is_not_answered_by_half),
		T(a_name_is_itself_and_a_wildcard_what_is_below),
		T(labels_are_63_bytes_at_most),
		T(bytes_that_no_host_name_has_are_not_passed_on),
		T(addresses_are_in_the_kernel_before_anybody_is_told),
		T(what_was_told_is_open_and_nothing_else),
		T(a_name_for_one_port_opens_that_one),
		T(all_of_119_addresses_are_told_and_open),
		T(an_address_of_many_names_is_open_while_one_is_allowed),
		T(a_name_opens_nothing_private),
		T(of_public_and_private_addresses_the_public_are_told),
		T(a_private_address_that_a_rule_names_is_told),
	};

	test_require("kernel/names");
	programs_find();
	return cmocka_run_group_tests_name("kernel/names", tests, NULL, NULL);
}
