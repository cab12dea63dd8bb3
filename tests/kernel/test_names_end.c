// SPDX-License-Identifier: Apache-2.0
/*
 * test_names_end.c - how what a name opened ends: by time for what is new, by a word for all
 *
 * Time is moved in the kernel's table, as if it had passed.
 */
#include "lookup.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "names.h"

#define ADDR  "203.0.113.10"
#define ADDR6 "2001:db8:9::10"

static const char zone[] = "api.example A 60 " ADDR "\n"
			   "api.example AAAA 60 " ADDR6 "\n"
			   "twin.example A 60 " ADDR "\n"
			   "other.example A 60 203.0.113.11\n";

/* What a program inside has open: a connection, a connected socket, one that is not. */
static struct flows {
	int tcp, udp, sends;
} flows;

static int setup(void **state)
{
	programs_setup(state);
	lookup_begin(zone, "learn");
	assert_works("allow", "box", "api.example");
	assert_found("api.example", ADDR);
	return 0;
}

static int teardown(void **state)
{
	people_leave();
	lookup_end();
	return programs_teardown(state);
}

/* From now on the address holds for so long, or has ended that long ago. */
static void learned_shift(const char *text, int64_t seconds)
{
	int map = world->kernel->map[MAP_LEARNED];
	struct terok_learned_key key = { .guard = 1 };
	struct terok_learned value;
	struct dest dest;

	assert_int_equal(dest_parse(text, &dest, NULL), 0);
	memcpy(key.addr, dest.addr, sizeof(key.addr));
	assert_int_equal(bpf_map_lookup_elem(map, &key, &value), 0);
	for (unsigned i = 0; i < TEROK_SHARERS; i++)
		if (value.name[i])
			value.until_ns[i] = now_boot_ns() + seconds * SECOND_NS;
	assert_int_equal(bpf_map_update_elem(map, &key, &value, BPF_ANY), 0);
}

static void flows_open(const char *addr)
{
	const struct sockaddr *stream = to(addr, TEST_PORT), *echo = to(addr, TEST_ECHO);

	flows.tcp = inside_socket(stream->sa_family, SOCK_STREAM);
	flows.udp = inside_socket(stream->sa_family, SOCK_DGRAM);
	flows.sends = inside_socket(stream->sa_family, SOCK_DGRAM);
	assert_int_equal(connect(flows.tcp, stream, to_size(stream)), 0);
	assert_int_equal(connect(flows.udp, echo, to_size(echo)), 0);
}

static void assert_flows_move(const char *addr)
{
	assert_int_equal(stream_moves(flows.tcp, LIMIT_MS), 0);
	assert_int_equal(call_by(flows.udp, NULL), 0);
	assert_int_equal(call_by(flows.sends, addr), 0);
}

static void assert_flows_ended(const char *addr)
{
	assert_int_equal(stream_moves(flows.tcp, 300), ECONNABORTED);
	assert_int_equal(call_by(flows.udp, NULL), EPERM);
	assert_int_equal(call_by(flows.sends, addr), EPERM);
}

static void flows_close(void)
{
	close(flows.tcp);
	close(flows.udp);
	close(flows.sends);
}

/* --- time ----------------------------------------------------------------------------------- */

static void when_an_address_ends_nothing_new_goes_there(void **state)
{
	(void)state;
	people_listen();
	learned_shift(ADDR, -1);
	assert_int_equal(reach(ADDR, TEST_PORT), EHOSTUNREACH);
	assert_int_equal(throw_to(ADDR, TEST_PORT), EPERM);
	people_await("request", "api.example"); /* by the name that had it */
	assert_true(people_heard("request", "api.example", "expired") > 0);
}

static void when_an_address_ends_what_flows_flows_on(void **state)
{
	int udp = inside_socket(AF_INET, SOCK_DGRAM);

	(void)state;
	flows_open(ADDR);
	learned_shift(ADDR, 10); /* soon: who sends now is remembered */
	assert_flows_move(ADDR);
	learned_shift(ADDR, -1);
	assert_flows_move(ADDR);
	assert_flows_move(ADDR);
	/* but no other socket, nor this one to another port */
	assert_int_equal(call_by(udp, ADDR), EPERM);
	assert_int_equal(sendto(flows.sends, "x", 1, 0, to(ADDR, 9), sizeof(struct sockaddr_in)),
			 -1);
	assert_int_equal(errno, EPERM);
	close(udp);
	flows_close();
}

static void when_an_ipv6_address_ends_what_flows_flows_on(void **state)
{
	(void)state;
	assert_found("api.example", ADDR6);
	flows_open(ADDR6);
	learned_shift(ADDR6, 10);
	assert_flows_move(ADDR6);
	learned_shift(ADDR6, -1);
	assert_flows_move(ADDR6);
	assert_int_equal(reach(ADDR6, TEST_PORT), EACCES);
	flows_close();
}

/* An unconnected socket that sent long before, and is silent since, begins anew. */
static void who_was_silent_when_it_ended_is_refused(void **state)
{
	(void)state;
	flows_open(ADDR);
	assert_flows_move(ADDR);
	learned_shift(ADDR, -1);
	assert_int_equal(call_by(flows.sends, ADDR), EPERM);
	assert_int_equal(stream_moves(flows.tcp, LIMIT_MS), 0);
	flows_close();
}

/* Asked for again it holds again, for as long as the name server says and a while. */
static void an_address_that_is_asked_for_again_is_open_again(void **state)
{
	(void)state;
	learned_shift(ADDR, -1);
	assert_int_equal(reach(ADDR, TEST_PORT), EHOSTUNREACH);
	assert_works("allow", "box", "other.example"); /* so nothing is answered from memory */
	assert_found("api.example", ADDR);
	assert_int_equal(reach(ADDR, TEST_PORT), 0);
}

/* A socket that was connected to it while it held, and connects elsewhere, takes nothing along. */
static void a_socket_that_is_connected_anew_begins_anew(void **state)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	const struct sockaddr *echo = to(ADDR, TEST_ECHO), *far = to(TEST_FAR, TEST_ECHO);

	(void)state;
	flows_open(ADDR);
	learned_shift(ADDR, -1);
	assert_int_equal(call_by(flows.udp, NULL), 0);
	assert_int_equal(connect(flows.udp, far, to_size(far)), -1);
	assert_int_equal(connect(flows.udp, &none, sizeof(none)), 0);
	assert_int_equal(call_by(flows.udp, ADDR), EPERM);
	assert_int_equal(connect(flows.udp, echo, to_size(echo)), -1);
	flows_close();
}

/* --- a word --------------------------------------------------------------------------------- */

static void taking_the_name_back_ends_what_flows(void **state)
{
	(void)state;
	flows_open(ADDR);
	assert_flows_move(ADDR);
	assert_works("allow", "box", "api.example", "--remove");
	assert_said("1 connection ended");
	assert_flows_ended(ADDR);
	assert_int_equal(reach(ADDR, TEST_PORT), EHOSTUNREACH);
	assert_unknown("api.example");
	flows_close();
}

static void denying_the_name_ends_what_flows(void **state)
{
	(void)state;
	flows_open(ADDR);
	assert_flows_move(ADDR);
	assert_works("deny", "box", "api.example");
	assert_flows_ended(ADDR);
	assert_int_equal(reach(ADDR, TEST_PORT), EHOSTUNREACH);
	assert_unknown("api.example");
	flows_close();
}

/* A flow that outlived its address ends as well: it lived by the name. */
static void taking_the_name_back_ends_what_outlived_its_address(void **state)
{
	(void)state;
	flows_open(ADDR);
	learned_shift(ADDR, 10);
	assert_flows_move(ADDR);
	learned_shift(ADDR, -1);
	assert_flows_move(ADDR);
	assert_works("allow", "box", "api.example", "--remove");
	assert_flows_ended(ADDR);
	flows_close();
}

static void connections_that_are_to_be_kept_are_silent_all_the_same(void **state)
{
	(void)state;
	flows_open(ADDR);
	assert_works("allow", "box", "api.example", "--remove", "--keep-flows");
	assert_int_equal(stream_moves(flows.tcp, 300), ETIMEDOUT);
	assert_int_equal(call_by(flows.udp, NULL), EPERM);
	flows_close();
}

static void taking_one_of_two_names_back_leaves_the_other(void **state)
{
	(void)state;
	assert_works("allow", "box", "twin.example");
	assert_found("twin.example", ADDR);
	flows_open(ADDR);
	assert_works("allow", "box", "api.example", "--remove");
	assert_flows_move(ADDR);
	assert_int_equal(reach(ADDR, TEST_PORT), 0);
	assert_works("allow", "box", "twin.example", "--remove");
	assert_flows_ended(ADDR);
	flows_close();
}

/* What is ended for a rule of one name is what that rule alone held. */
static void taking_another_name_back_leaves_what_outlived_its_address(void **state)
{
	(void)state;
	assert_works("allow", "box", "other.example");
	assert_works("allow", "box", "203.0.113.99");
	flows_open(ADDR);
	learned_shift(ADDR, -1);
	assert_works("allow", "box", "other.example", "--remove");
	assert_works("deny", "box", "other.example");
	assert_works("allow", "box", "203.0.113.99", "--remove");
	assert_works("up", "box");
	assert_int_equal(stream_moves(flows.tcp, LIMIT_MS), 0);
	assert_int_equal(call_by(flows.udp, NULL), 0);
	flows_close();
}

static void a_block_ends_what_flows_and_up_brings_the_name_back(void **state)
{
	(void)state;
	flows_open(ADDR);
	assert_works("block", "box");
	assert_flows_ended(ADDR);
	assert_int_equal(reach(ADDR, TEST_PORT), EHOSTUNREACH);
	assert_works("up", "box");
	assert_int_equal(reach(ADDR, TEST_PORT), 0);
	flows_close();
}

/* --- nobody there ----------------------------------------------------------------------------- */

static void a_name_for_a_while_ends_by_the_kernels_clock(void **state)
{
	uint64_t start = now_boot_ns();

	(void)state;
	assert_works("allow", "box", "other.example", "--for", "2s");
	assert_found("other.example", "203.0.113.11");
	assert_int_equal(reach("203.0.113.11", TEST_PORT), 0);
	agent_end(SIGKILL);
	while (!reach("203.0.113.11", TEST_PORT)) {
		assert_true(now_boot_ns() - start < 5 * SECOND_NS);
		poll(NULL, 0, 20);
	}
	assert_true(now_boot_ns() - start >= 2 * SECOND_NS);
	assert_int_equal(throw_to("203.0.113.11", TEST_PORT), EPERM);
	assert_int_equal(reach(ADDR, TEST_PORT), 0); /* the other one has no end */
}

static void a_name_for_a_while_is_not_answered_for_longer(void **state)
{
	uint64_t until = now_boot_ns() + 5 * SECOND_NS;

	(void)state;
	assert_works("allow", "box", "other.example", "--for", "1s");
	assert_found("other.example", "203.0.113.11");
	while (!lookup("other.example", TYPE_A)->rcode) {
		assert_true(now_boot_ns() < until);
		poll(NULL, 0, 20);
	}
	assert_unknown("other.example");
}

static void without_an_agent_a_name_can_be_taken_back(void **state)
{
	(void)state;
	flows_open(ADDR);
	agent_end(SIGKILL);
	assert_flows_move(ADDR);
	assert_works("allow", "box", "api.example", "--remove");
	assert_flows_ended(ADDR);
	flows_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(when_an_address_ends_nothing_new_goes_there),
		T(when_an_address_ends_what_flows_flows_on),
		T(when_an_ipv6_address_ends_what_flows_flows_on),
		T(who_was_silent_when_it_ended_is_refused),
		T(an_address_that_is_asked_for_again_is_open_again),
		T(a_socket_that_is_connected_anew_begins_anew),
		T(taking_the_name_back_ends_what_flows),
		T(denying_the_name_ends_what_flows),
		T(taking_the_name_back_ends_what_outlived_its_address),
		T(connections_that_are_to_be_kept_are_silent_all_the_same),
		T(taking_one_of_two_names_back_leaves_the_other),
		T(taking_another_name_back_leaves_what_outlived_its_address),
		T(a_block_ends_what_flows_and_up_brings_the_name_back),
		T(a_name_for_a_while_ends_by_the_kernels_clock),
		T(a_name_for_a_while_is_not_answered_for_longer),
		T(without_an_agent_a_name_can_be_taken_back),
	};

	test_require("kernel/names_end");
	programs_find();
	return cmocka_run_group_tests_name("kernel/names_end", tests, NULL, NULL);
}
