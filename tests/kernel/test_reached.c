// SPDX-License-Identifier: Apache-2.0
/*
 * test_reached.c - a guard that notes where it goes: every destination once, nothing lost unsaid
 */
#include "support.h"

#include <bpf/bpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "reached.h"

static struct test_world *world;
static struct reached seen[16];
static unsigned n_seen;
static uint64_t missed;

static int setup(void **state)
{
	(void)state;
	world = test_world_new();
	test_load(world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_world_free(world);
	return 0;
}

static int take(const struct reached *reached, void *user)
{
	(void)user;
	if (n_seen < sizeof(seen) / sizeof(seen[0]))
		seen[n_seen] = *reached;
	n_seen++;
	return 0;
}

static unsigned look(uint32_t guard)
{
	n_seen = 0;
	assert_int_equal(reached_each(world->kernel, guard, take, NULL, &missed), 0);
	return n_seen;
}

/* What was noted of "192.0.2.1:443/tcp"; NULL: nothing. */
static const struct reached *noted(uint32_t guard, const char *text)
{
	struct dest dest;

	assert_int_equal(dest_parse(text, &dest, NULL), 0);
	look(guard);
	for (unsigned i = 0; i < n_seen; i++)
		if (!memcmp(&seen[i].dest, &dest, sizeof(dest)))
			return &seen[i];
	return NULL;
}

static uint32_t guard_that_notes(enum terok_state state)
{
	struct guard guard = test_guard(world, state, 0, 0);

	assert_int_equal(reached_begin(world->kernel, guard.id, NULL), 0);
	return guard.id;
}

static void what_is_let_out_is_noted_once_and_counted(void **state)
{
	uint32_t id = guard_that_notes(TEROK_STATE_DOWN);
	const struct reached *tcp, *udp;

	(void)state;
	assert_int_equal(look(id), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_udp(world, TEST_FAR6), 0);
	tcp = noted(id, TEST_FAR ":7777/tcp");
	assert_non_null(tcp);
	assert_true(tcp->allowed);
	assert_int_equal(tcp->value.count, 2);
	assert_true(tcp->value.tgid > 0);
	assert_string_equal(tcp->value.comm, "test_reached");
	assert_true(tcp->value.last_ns > 0);
	udp = noted(id, "[" TEST_FAR6 "]:7777/udp");
	assert_non_null(udp);
	assert_int_equal(n_seen, 2);
	assert_int_equal(missed, 0);
	/* nothing of it is a record: the ring tells refusals */
	assert_int_equal(test_records(world), 0);
}

/* Resolvers do it with every address of a name, to sort them. */
static void to_connect_a_datagram_socket_reaches_nothing(void **state)
{
	struct test_dest dest = { .addr = TEST_FAR, .port = TEST_PORT, .type = SOCK_DGRAM };
	uint32_t id = guard_that_notes(TEROK_STATE_DOWN);

	(void)state;
	assert_int_equal(test_inside(world, test_connect, &dest), 0);
	assert_int_equal(look(id), 0);
	assert_int_equal(test_inside(world, test_connect_send, &dest), 0);
	assert_non_null(noted(id, TEST_FAR ":7777/udp"));
	assert_int_equal(noted(id, TEST_FAR ":7777/udp")->value.count, 1);
	assert_string_equal(noted(id, TEST_FAR ":7777/udp")->value.comm, "test_reached");
}

static int ping(const void *arg)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct icmphdr echo = { .type = ICMP_ECHO };
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);

	inet_pton(AF_INET, arg, &to.sin_addr);
	if (fd < 0 || sendto(fd, &echo, sizeof(echo), 0, (void *)&to, sizeof(to)) < 0)
		return errno;
	return 0;
}

static void an_echo_request_is_noted_without_a_process(void **state)
{
	uint32_t id = guard_that_notes(TEROK_STATE_DOWN);

	(void)state;
	assert_int_equal(system("echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range"), 0);
	assert_int_equal(test_inside(world, ping, TEST_FAR), 0);
	assert_non_null(noted(id, TEST_FAR "/icmp"));
	assert_string_equal(noted(id, TEST_FAR "/icmp")->value.comm, "");
}

static void what_is_refused_is_noted_as_refused(void **state)
{
	uint32_t id = guard_that_notes(TEROK_STATE_DOWN);

	(void)state;
	assert_int_equal(test_tcp(world, "10.0.0.1"), EHOSTUNREACH);
	assert_non_null(noted(id, "10.0.0.1:7777/tcp"));
	assert_false(noted(id, "10.0.0.1:7777/tcp")->allowed);
	assert_int_equal(test_records(world), 1); /* ... and told, as always */
}

static void what_never_leaves_is_not_noted(void **state)
{
	uint32_t id = guard_that_notes(TEROK_STATE_DOWN);

	(void)state;
	test_tcp(world, "127.0.0.1");
	test_tcp(world, TEST_NEAR);
	assert_int_equal(look(id), 0);
}

static void a_guard_that_was_not_asked_to_notes_nothing(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_DOWN, 0, 0);

	(void)state;
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(look(guard.id), 0);
}

static void nothing_stays_of_a_guard_that_ended(void **state)
{
	uint32_t id = guard_that_notes(TEROK_STATE_DOWN);
	struct terok_reached_key key;
	struct guard guard;

	(void)state;
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	assert_int_equal(guard_get(world->kernel, id, &guard), 0);
	assert_int_equal(guard_detach(world->kernel, &guard, NULL), 0);
	assert_int_equal(bpf_map_get_next_key(world->kernel->map[MAP_REACHED], NULL, &key),
			 -ENOENT);
}

/* Its table is one for all guards. */
static void what_has_no_room_is_counted_and_goes_out_all_the_same(void **state)
{
	uint32_t id = guard_that_notes(TEROK_STATE_DOWN);
	struct terok_reached_key key = { .guard = id + 1000, .port = 1 };
	const struct terok_reached none = {};
	int map = world->kernel->map[MAP_REACHED];

	(void)state;
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	for (uint32_t i = 0; !bpf_map_update_elem(map, &key, &none, BPF_ANY); i++)
		memcpy(key.addr, &i, sizeof(i));
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	assert_int_equal(test_udp(world, TEST_FAR6), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_null(noted(id, TEST_FAR ":7777/udp"));
	assert_int_equal(noted(id, TEST_FAR ":7777/tcp")->value.count, 2);
	assert_int_equal(missed, 2);
	assert_int_equal(reached_begin(world->kernel, id, NULL), 0); /* its number is there */
	assert_int_equal(reached_forget(world->kernel, id + 1000), 0);
	assert_int_equal(look(id), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_is_let_out_is_noted_once_and_counted),
		T(to_connect_a_datagram_socket_reaches_nothing),
		T(an_echo_request_is_noted_without_a_process),
		T(what_is_refused_is_noted_as_refused),
		T(what_never_leaves_is_not_noted),
		T(a_guard_that_was_not_asked_to_notes_nothing),
		T(nothing_stays_of_a_guard_that_ended),
		T(what_has_no_room_is_counted_and_goes_out_all_the_same),
	};

	test_require("kernel/reached");
	return cmocka_run_group_tests_name("kernel/reached", tests, NULL, NULL);
}
