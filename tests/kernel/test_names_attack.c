// SPDX-License-Identifier: Apache-2.0
/*
 * test_names_attack.c - ways around names, as a process in a guard would try them; and what
 * must not break where they are closed
 *
 * Names and addresses are written as the agent writes them; no resolver is needed for that.
 */
#include "support.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/event.h"
#include "domains.h"
#include "names.h"

#define ANSWER_MS 2000

static struct test_world *world;
static struct guard guard;
static struct names_book book;

static int setup(void **state)
{
	(void)state;
	world = test_world_new();
	test_load(world);
	guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	book = (struct names_book){};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dns_policy_free(book.policy);
	test_world_free(world);
	return 0;
}

static void say(const char *domain, enum terok_action action, uint32_t flags)
{
	struct domain_rule rule = { .value = { .action = action, .flags = flags } };
	int lock = kernel_lock(NULL);

	assert_true(lock >= 0);
	snprintf(rule.domain, sizeof(rule.domain), "%s", domain);
	assert_int_equal(names_put(world->kernel, guard.id, &rule, NULL), 0);
	close(lock);
}

/* The name has this address; what its asker would be told is in @told. */
static void learn(const char *name, const char *addr, char told[static INET6_ADDRSTRLEN])
{
	struct msg_learn lesson = { .guard = guard.id, .seconds = 60, .n = 1 };
	struct msg_learned learned;
	struct dest dest;

	assert_int_equal(dest_parse(addr, &dest, NULL), 0);
	snprintf(lesson.name, sizeof(lesson.name), "%s", name);
	memcpy(lesson.addr[0], dest.addr, 16);
	names_learn(world->kernel, &book, &lesson, &learned);
	assert_int_equal(learned.result, 0);
	assert_int_equal(learned.n, 1);
	assert_non_null(inet_ntop(AF_INET, learned.addr[0] + 12, told, INET6_ADDRSTRLEN));
}

/* The address ended a second ago, or ends in a second. */
static void ends(const char *addr, int64_t in_ns)
{
	struct terok_learned_key key = { .guard = guard.id };
	struct terok_learned value;
	struct dest dest;

	assert_int_equal(dest_parse(addr, &dest, NULL), 0);
	memcpy(key.addr, dest.addr, 16);
	assert_int_equal(bpf_map_lookup_elem(world->kernel->map[MAP_LEARNED], &key, &value), 0);
	for (unsigned i = 0; i < TEROK_SHARERS; i++)
		if (value.name[i])
			value.until_ns[i] = now_boot_ns() + in_ns;
	assert_int_equal(bpf_map_update_elem(world->kernel->map[MAP_LEARNED], &key, &value, 0), 0);
}

static struct sockaddr_in to(const char *addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, addr, &sin.sin_addr);
	return sin;
}

/* One datagram of an unconnected socket, and its answer, from whom it was sent to. */
static int asks(int fd, const char *addr)
{
	struct sockaddr_in sin = to(addr, TEST_ECHO), from;
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	socklen_t size = sizeof(from);
	char byte;

	if (sendto(fd, "x", 1, 0, (struct sockaddr *)&sin, sizeof(sin)) != 1)
		return errno;
	if (poll(&answer, 1, ANSWER_MS) != 1)
		return ETIMEDOUT;
	if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &size) != 1)
		return errno;
	return from.sin_addr.s_addr == sin.sin_addr.s_addr ? 0 : EBADMSG;
}

static int asks_unconnected(const void *addr)
{
	return asks(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), addr);
}

static void an_unconnected_socket_is_answered_by_a_learned_address(void **state)
{
	char told[INET6_ADDRSTRLEN];

	(void)state;
	say("a.example", TEROK_ALLOW, 0);
	learn("a.example", TEST_FAR, told);
	assert_string_equal(told, TEST_FAR);
	assert_int_equal(test_inside(world, asks_unconnected, told), 0);
}

static void an_unconnected_socket_is_answered_by_a_synthetic_address(void **state)
{
	char told[INET6_ADDRSTRLEN];

	(void)state;
	say("a.example", TEROK_ALLOW, TEROK_RULE_SYNTHETIC);
	learn("a.example", TEST_FAR, told);
	assert_string_not_equal(told, TEST_FAR);
	assert_int_equal(test_inside(world, asks_unconnected, told), 0);
	assert_int_equal(test_inside(world, asks_unconnected, TEST_FAR), EPERM);
}

static int asks_before_and_after(const void *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = asks(fd, addr);

	if (r)
		return 200;
	ends(addr, -SECOND_NS);
	return asks(fd, addr);
}

static void datagrams_go_on_and_are_answered_when_the_address_has_ended(void **state)
{
	char told[INET6_ADDRSTRLEN];

	(void)state;
	say("a.example", TEROK_ALLOW, 0);
	learn("a.example", TEST_FAR, told);
	ends(TEST_FAR, 5 * SECOND_NS);
	assert_int_equal(test_inside(world, asks_before_and_after, told), 0);
	assert_int_equal(test_inside(world, asks_unconnected, told), EPERM);
}

/* sendto() with no family: the hook must not take the peer for where the packet goes. */
static int sends_without_a_family(const void *addr)
{
	struct sockaddr_in near = to(TEST_NEAR, TEST_PORT), sin = to(addr, TEST_PORT);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&near, sizeof(near)))
		return 200;
	sin.sin_family = AF_UNSPEC;
	return sendto(fd, "x", 1, 0, (struct sockaddr *)&sin, sizeof(sin)) == 1 ? 0 : errno;
}

static void an_address_that_has_ended_is_not_reached_by_a_socket_of_another_peer(void **state)
{
	char told[INET6_ADDRSTRLEN];

	(void)state;
	say("a.example", TEROK_ALLOW, 0);
	learn("a.example", TEST_FAR, told);
	ends(TEST_FAR, -SECOND_NS);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_NEAR, 0), 0);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(test_records(world), 1);
	assert_int_equal(test_inside(world, sends_without_a_family, TEST_FAR), EPERM);
	assert_int_equal(test_records(world), 1);
	assert_int_equal(world->last.hook, TEROK_HOOK_SENDMSG4); /* so it has a process */
	assert_int_equal(world->far->datagrams, 0);
}

/* An IPv6 socket, connected to a mapped address, goes on when that has ended. */
static int goes_on_mapped(const void *addr)
{
	struct sockaddr_in6 sin = { .sin6_family = AF_INET6, .sin6_port = htons(TEST_PORT) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[INET6_ADDRSTRLEN + 8];

	snprintf(text, sizeof(text), "::ffff:%s", (const char *)addr);
	inet_pton(AF_INET6, text, &sin.sin6_addr);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		return 200;
	ends(addr, -SECOND_NS);
	return send(fd, "x", 1, 0) == 1 ? 0 : errno;
}

static void a_connected_flow_goes_on_when_its_address_has_ended(void **state)
{
	char told[INET6_ADDRSTRLEN];

	(void)state;
	say("a.example", TEROK_ALLOW, 0);
	learn("a.example", TEST_FAR, told);
	assert_int_equal(test_inside(world, goes_on_mapped, TEST_FAR), 0);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
}

/* What a resolver that was taken over would try: rules are made of names that it says. */
static void a_name_that_is_no_name_is_not_learned(void **state)
{
	static const char *const odd[] = { "*.example", "a\n.example", "a..example",
					   ".example",  "A.example",   "" };
	struct msg_learn lesson = { .guard = guard.id, .seconds = UINT32_MAX, .n = 1 };
	struct msg_learned learned;
	struct dest dest;

	(void)state;
	say("*.example", TEROK_ALLOW, 0);
	assert_int_equal(dest_parse(TEST_FAR, &dest, NULL), 0);
	memcpy(lesson.addr[0], dest.addr, 16);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(lesson.name, sizeof(lesson.name), "%s", odd[i]);
		names_learn(world->kernel, &book, &lesson, &learned);
		assert_int_equal(learned.result, -EINVAL);
	}
}

static int first_end(const struct name_address *address, void *user)
{
	*(uint64_t *)user = address->until_ns;
	return 1;
}

static void an_address_is_learned_for_minutes_whatever_is_said(void **state)
{
	struct msg_learn lesson = { .guard = guard.id, .seconds = UINT32_MAX - 60, .n = 1 };
	struct msg_learned learned;
	uint64_t until_ns = 0;
	struct dest dest;

	(void)state;
	say("a.example", TEROK_ALLOW, 0);
	assert_int_equal(dest_parse(TEST_FAR, &dest, NULL), 0);
	memcpy(lesson.addr[0], dest.addr, 16);
	snprintf(lesson.name, sizeof(lesson.name), "a.example");
	names_learn(world->kernel, &book, &lesson, &learned);
	assert_int_equal(learned.result, 0);
	assert_int_equal(names_addresses(world->kernel, guard.id, first_end, &until_ns), 1);
	assert_true(until_ns > now_boot_ns());
	assert_true(until_ns <= now_boot_ns() + (NAMES_TTL_MAX + NAMES_GRACE) * SECOND_NS);
}

static void what_a_name_had_is_closed_when_it_becomes_synthetic(void **state)
{
	char told[INET6_ADDRSTRLEN];

	(void)state;
	say("a.example", TEROK_ALLOW, 0);
	learn("a.example", TEST_FAR, told);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	say("a.example", TEROK_ALLOW, TEROK_RULE_SYNTHETIC);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
}

static void what_was_forgotten_does_not_come_back_with_its_name(void **state)
{
	char told[INET6_ADDRSTRLEN];

	(void)state;
	say("*.example", TEROK_ALLOW, 0);
	learn("a.example", TEST_FAR, told);
	learn("b.example", TEST_FAR, told);
	assert_int_equal(names_flush(world->kernel, guard.id, "a.example", NULL), 1);
	assert_int_equal(test_udp(world, TEST_FAR), 0); /* it is b's, too */
	assert_int_equal(names_flush(world->kernel, guard.id, "b.example", NULL), 1);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	learn("a.example", "192.0.2.7", told);
	learn("b.example", "192.0.2.7", told);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
}

static void learned_fill(uint32_t id, unsigned n, uint64_t until_ns)
{
	struct terok_learned_key key = { .guard = id };
	struct terok_learned value = { .name = { 1 }, .until_ns = { until_ns } };

	for (unsigned i = 0; i < n; i++) {
		memcpy(key.addr, &i, sizeof(i));
		if (bpf_map_update_elem(world->kernel->map[MAP_LEARNED], &key, &value, BPF_ANY)) {
			assert_int_equal(errno, E2BIG);
			break;
		}
	}
}

static int learn_again(void)
{
	struct msg_learn lesson = { .guard = guard.id, .seconds = 60, .n = 1 };
	struct msg_learned learned;
	struct dest dest;

	assert_int_equal(dest_parse(TEST_FAR, &dest, NULL), 0);
	memcpy(lesson.addr[0], dest.addr, 16);
	snprintf(lesson.name, sizeof(lesson.name), "a.example");
	names_learn(world->kernel, &book, &lesson, &learned);
	return learned.result;
}

/* Guards that were busy for weeks, and never so busy that they had to forget something. */
static void a_table_full_of_what_ended_has_room(void **state)
{
	(void)state;
	say("a.example", TEROK_ALLOW, 0);
	learned_fill(guard.id + 1, TEROK_MAX_LEARNED + 1, 1);
	assert_int_equal(learn_again(), 0);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
}

static void a_guard_at_its_limit_is_told_so_at_once(void **state)
{
	uint64_t begin_ns, first_ns;

	(void)state;
	say("a.example", TEROK_ALLOW, 0);
	learned_fill(guard.id, NAMES_ADDRESSES, now_boot_ns() + 3600 * SECOND_NS);
	begin_ns = now_boot_ns();
	assert_int_equal(learn_again(), -ENOSPC);
	first_ns = now_boot_ns() - begin_ns;
	begin_ns = now_boot_ns();
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(learn_again(), -ENOSPC);
	assert_true(now_boot_ns() - begin_ns < 4 * first_ns);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unconnected_socket_is_answered_by_a_learned_address),
		TEST(an_unconnected_socket_is_answered_by_a_synthetic_address),
		TEST(datagrams_go_on_and_are_answered_when_the_address_has_ended),
		TEST(an_address_that_has_ended_is_not_reached_by_a_socket_of_another_peer),
		TEST(a_connected_flow_goes_on_when_its_address_has_ended),
		TEST(a_name_that_is_no_name_is_not_learned),
		TEST(an_address_is_learned_for_minutes_whatever_is_said),
		TEST(what_a_name_had_is_closed_when_it_becomes_synthetic),
		TEST(what_was_forgotten_does_not_come_back_with_its_name),
		TEST(a_table_full_of_what_ended_has_room),
		TEST(a_guard_at_its_limit_is_told_so_at_once),
	};

	test_require("names_attack");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
