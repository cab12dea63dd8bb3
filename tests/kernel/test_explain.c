// SPDX-License-Identifier: Apache-2.0
/*
 * test_explain.c - what explain says is what the hooks do, and bypass windows
 *
 * Every answer of explain_dest() is compared with a datagram that is really sent and with
 * the reason in its record.
 */
#include "support.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/event.h"
#include "explain.h"

#define HOUR_NS (3600 * SECOND_NS)

static int setup(void **state)
{
	struct test_world *world = test_world_new();

	test_load(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	test_world_free(*state);
	return 0;
}

static struct explanation explain(struct test_world *world, uint32_t id, const char *addr)
{
	struct dest dest;
	struct guard guard;

	assert_int_equal(dest_parse(addr, &dest, NULL), 0);
	dest.port = TEST_PORT;
	dest.proto = IPPROTO_UDP;
	assert_int_equal(guard_get(world->kernel, id, &guard), 0);
	return explain_dest(world->kernel, &guard.value, &dest);
}

/* The datagram, its errno and its record say the same as the explanation. */
static struct explanation agree(struct test_world *world, uint32_t id, const char *addr)
{
	struct explanation said = explain(world, id, addr);
	int r = test_udp(world, addr);

	test_records(world);
	if (said.action == TEROK_ALLOW) {
		assert_int_equal(r, 0);
	} else {
		assert_int_equal(r, EPERM);
		assert_int_equal(world->last.reason, said.reason);
	}
	return said;
}

static void it_says_what_the_hooks_do_in_every_state(void **state)
{
	static const char *const dests[] = {
		TEST_FAR,
		TEST_FAR6,
		"203.0.113.1",
		"203.0.113.77",
		"203.0.113.129",
		"10.1.2.3",
		"10.9.9.9",
		"169.254.169.254",
		"169.254.1.1",
		"127.0.0.1",
		TEST_NEAR,
		"224.0.0.1",
		"64:ff9b::a01:203",
		"2002:a01:203::1",
		"fd00:1::1",
		"192.0.2.1",
		"::ffff:203.0.113.1",
	};
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 100000, 100000);
	uint64_t now = now_boot_ns();
	unsigned allowed = 0, refused = 0;

	test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR6, 0);
	test_rule(world, guard.id, TEROK_ALLOW, "203.0.113.0/24", 0);
	test_rule(world, guard.id, TEROK_DENY, "203.0.113.128/25", 0);
	test_rule(world, guard.id, TEROK_DENY, "203.0.113.77:7777", 0);
	test_rule(world, guard.id, TEROK_ALLOW, "10.1.2.3/udp", 0);
	test_rule(world, guard.id, TEROK_ALLOW, "169.254.169.254:7777/udp", 0);
	test_rule(world, guard.id, TEROK_ALLOW, "192.0.2.1", now);
	for (int s = TEROK_STATE_UP; s < TEROK_STATE_MAX_; s++) {
		assert_int_equal(guard_set_state(world->kernel, guard.id, s, NULL), 0);
		for (size_t i = 0; i < sizeof(dests) / sizeof(dests[0]); i++) {
			struct explanation said = agree(world, guard.id, dests[i]);

			allowed += said.action == TEROK_ALLOW;
			refused += said.action == TEROK_DENY;
		}
	}
	/* both answers were really asked for */
	assert_true(allowed > 10 && refused > 10);
}

static void it_names_the_rule_that_decides(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct explanation said;
	char text[ADDR_TEXT];

	test_rule(world, guard.id, TEROK_ALLOW, "203.0.113.1:7777", 0);
	said = agree(world, guard.id, "203.0.113.1");
	assert_true(said.by_rule);
	assert_string_equal(dest_format(text, &said.rule.dest), "203.0.113.1");
	assert_int_equal(said.rule.dest.port, TEST_PORT);
	assert_int_equal(said.rule.value.action, TEROK_ALLOW);

	test_rule(world, guard.id, TEROK_DENY, "203.0.113.0/25", 0);
	said = agree(world, guard.id, "203.0.113.1");
	assert_int_equal(said.reason, TEROK_REASON_RULE_DENY);
	assert_string_equal(dest_format(text, &said.rule.dest), "203.0.113.0/25");

	said = agree(world, guard.id, "203.0.113.200");
	assert_int_equal(said.reason, TEROK_REASON_DEFAULT);
	assert_false(said.by_rule);
}

static void a_kind_of_socket_that_no_guard_has_is_refused(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct dest dest;

	test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, 0);
	assert_int_equal(dest_parse(TEST_FAR, &dest, NULL), 0);
	assert_int_equal(guard_get(world->kernel, guard.id, &guard), 0);
	dest.proto = IPPROTO_SCTP;
	assert_int_equal(explain_dest(world->kernel, &guard.value, &dest).reason,
			 TEROK_REASON_SOCKET_KIND);
	dest.proto = IPPROTO_ICMP;
	assert_int_equal(explain_dest(world->kernel, &guard.value, &dest).action, TEROK_ALLOW);
}

static void a_bypass_window_is_down_and_the_kernel_ends_it(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct problem why = {};

	test_rule(world, guard.id, TEROK_DENY, "203.0.113.9", 0);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(guard_set_bypass(world->kernel, guard.id, now_boot_ns() + HOUR_NS, &why),
			 0);
	assert_int_equal(guard_get(world->kernel, guard.id, &guard), 0);
	assert_int_equal(guard.state, TEROK_STATE_DOWN);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_tcp(world, "203.0.113.9"), EHOSTUNREACH);
	test_records(world);
	assert_int_equal(test_tcp(world, "10.1.1.1"), EHOSTUNREACH);
	assert_int_equal(test_records(world), 1);
	assert_int_equal(world->last.state, TEROK_STATE_DOWN);

	/* its time has come: nothing else was written */
	assert_int_equal(guard_set_bypass(world->kernel, guard.id, now_boot_ns(), &why), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	test_records(world);
	assert_int_equal(world->last.state, TEROK_STATE_UP);
	assert_int_equal(guard_get(world->kernel, guard.id, &guard), 0);
	assert_int_equal(guard.state, TEROK_STATE_UP);
}

static void a_transition_ends_the_window_and_only_up_can_have_one(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	uint64_t later = now_boot_ns() + HOUR_NS;
	struct problem why = {};

	assert_int_equal(guard_set_bypass(world->kernel, guard.id, later, &why), 0);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, &why), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_UP, &why), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, &why), 0);
	assert_int_equal(guard_set_bypass(world->kernel, guard.id, later, &why), -EPERM);
	assert_non_null(strstr(why.text, "only state up"));
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(it_says_what_the_hooks_do_in_every_state),
		T(it_names_the_rule_that_decides),
		T(a_kind_of_socket_that_no_guard_has_is_refused),
		T(a_bypass_window_is_down_and_the_kernel_ends_it),
		T(a_transition_ends_the_window_and_only_up_can_have_one),
	};

	test_require("kernel/explain");
	return cmocka_run_group_tests_name("kernel/explain", tests, NULL, NULL);
}
