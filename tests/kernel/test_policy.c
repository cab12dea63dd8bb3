// SPDX-License-Identifier: Apache-2.0
/*
 * test_policy.c - states and rules on a real cgroup: what gets out, with which errno
 *
 * Each refusal has its control: the same attempt from outside the guard arrives.
 */
#include "support.h"

#include <errno.h>
#include <unistd.h>
#include <sys/wait.h>
#include <sys/mman.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "cgroup.h"

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

static void without_a_state_nothing_leaves_not_even_to_loopback(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_NONE, 0, 0);
	struct test_dest loopback = { .addr = "127.0.0.1", .port = 9, .type = SOCK_DGRAM };

	assert_int_equal(test_outside(test_sendto, &loopback), 0);
	assert_int_equal(test_inside(world, test_sendto, &loopback), EPERM);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_true(test_records(world) >= 2);
	assert_int_equal(world->last.reason, TEROK_REASON_NO_GUARD);
	assert_int_equal(guard.state, TEROK_STATE_NONE);
}

/* One cell of the table: what a state does with a destination, and why. */
static void cell(struct test_world *world, const char *addr, bool passes, enum terok_reason reason)
{
	struct test_dest tcp = { .addr = addr, .port = TEST_PORT };
	struct test_dest udp = { .addr = addr, .port = TEST_PORT, .type = SOCK_DGRAM };
	int refused = strchr(addr, ':') && strncmp(addr, "::ffff:", 7) ? EACCES : EHOSTUNREACH;
	unsigned streams = world->far->streams;

	assert_int_equal(test_outside(test_connect, &tcp), 0);
	assert_int_equal(test_inside(world, test_connect, &tcp), passes ? 0 : refused);
	assert_int_equal(test_records(world), !passes);
	if (!passes)
		assert_int_equal(world->last.reason, reason);
	while (world->far->streams < streams + 1)
		;
	assert_int_equal(test_inside(world, test_sendto, &udp), passes ? 0 : EPERM);
	assert_int_equal(test_records(world), !passes);
}

static void each_state_lets_out_what_its_table_says(void **state)
{
	static const char *const open[] = { TEST_FAR, TEST_FAR6, "::ffff:" TEST_FAR };
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 100000, 100000);

	for (int i = 0; i < 3; i++)
		cell(world, open[i], false, TEROK_REASON_DEFAULT);
	cell(world, "10.1.2.3", false, TEROK_REASON_PRIVATE);
	cell(world, "fd00:1::1", false, TEROK_REASON_PRIVATE);
	cell(world, "169.254.169.254", false, TEROK_REASON_HARD);
	cell(world, "fd00:ec2::254", false, TEROK_REASON_HARD);

	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_DOWN, NULL), 0);
	for (int i = 0; i < 3; i++)
		cell(world, open[i], true, 0);
	cell(world, "192.168.7.7", false, TEROK_REASON_PRIVATE);
	cell(world, "100.64.0.9", false, TEROK_REASON_PRIVATE);
	cell(world, "169.254.169.254", false, TEROK_REASON_HARD);

	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_DOWN_ALL, NULL), 0);
	for (int i = 0; i < 3; i++)
		cell(world, open[i], true, 0);
	cell(world, "172.16.1.1", true, 0);
	cell(world, "169.254.169.254", false, TEROK_REASON_HARD);

	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, NULL), 0);
	for (int i = 0; i < 3; i++)
		cell(world, open[i], false, TEROK_REASON_BLOCKED);
	cell(world, "10.1.2.3", false, TEROK_REASON_BLOCKED);
}

static void loopback_and_own_addresses_pass_in_every_state(void **state)
{
	static const char *const own[] = { "127.0.0.1",       "127.9.9.9", "::1",
					   "0.0.0.0",         TEST_NEAR,   "2001:db8::1",
					   "::ffff:127.0.0.1" };
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	for (int s = TEROK_STATE_UP; s < TEROK_STATE_MAX_; s++) {
		assert_int_equal(guard_set_state(world->kernel, guard.id, s, NULL), 0);
		for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
			assert_int_equal(test_udp(world, own[i]), 0);
	}
	assert_int_equal(test_records(world), 0);
	/* the neighbour's address is not one's own */
	assert_int_equal(test_udp(world, "198.51.100.3"), EPERM);
}

static void a_rule_names_address_port_and_protocol_or_any(void **state)
{
	static const char *const rules[] = { "203.0.113.10", "203.0.113.11/tcp",
					     "203.0.113.12:7777", "203.0.113.13:7777/udp",
					     "203.0.113.14:80" };
	static const int tcp[] = { 0, 0, 0, EHOSTUNREACH, EHOSTUNREACH };
	static const int udp[] = { 0, EPERM, 0, 0, EPERM };
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	for (int i = 0; i < 5; i++) {
		char addr[32];

		snprintf(addr, sizeof(addr), "203.0.113.%d", 10 + i);
		assert_int_equal(test_tcp(world, addr), EHOSTUNREACH);
		assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, rules[i], 0), 0);
		assert_int_equal(test_tcp(world, addr), tcp[i]);
		assert_int_equal(test_udp(world, addr), udp[i]);
		snprintf(addr, sizeof(addr), "::ffff:203.0.113.%d", 10 + i);
		assert_int_equal(test_tcp(world, addr), tcp[i]);
	}
}

static void deny_wins_over_allow_whatever_the_prefix_lengths(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "203.0.113.0/24", 0), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "2001:db8:7::/48", 0), 0);
	assert_int_equal(test_tcp(world, "203.0.113.5"), 0);
	assert_int_equal(test_tcp(world, "2001:db8:7::5"), 0);

	/* a shorter deny over a longer allow, and a longer one inside it */
	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, "203.0.0.0/16", 0), 0);
	assert_int_equal(test_tcp(world, "203.0.113.5"), EHOSTUNREACH);
	test_records(world);
	assert_int_equal(world->last.reason, TEROK_REASON_RULE_DENY);
	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, "2001:db8:7::5", 0), 0);
	assert_int_equal(test_tcp(world, "2001:db8:7::5"), EACCES);
	assert_int_equal(test_tcp(world, "2001:db8:7::6"), 0);
	/* an exact allow does not outrank a prefix that denies */
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "203.0.113.5:7777/tcp", 0), 0);
	assert_int_equal(test_tcp(world, "203.0.113.5"), EHOSTUNREACH);
	/* deny holds when open */
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_DOWN_ALL, NULL), 0);
	assert_int_equal(test_tcp(world, "203.0.113.5"), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, "203.1.113.5"), 0);
}

static void saying_the_opposite_replaces_a_rule(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	for (int i = 0; i < 2; i++) {
		const char *dest = i ? "203.0.113.0/24" : "203.0.113.9";

		assert_int_equal(test_rule(world, guard.id, TEROK_DENY, dest, 0), 0);
		assert_int_equal(test_tcp(world, "203.0.113.9"), EHOSTUNREACH);
		assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, dest, 0), 0);
		assert_int_equal(test_tcp(world, "203.0.113.9"), 0);
	}
}

static void a_rule_ends_by_the_kernels_clock(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	uint64_t past = now_boot_ns(), later = past + UINT64_C(3600000000000);

	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, later), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, past), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	test_records(world);
	assert_int_equal(world->last.reason, TEROK_REASON_EXPIRED);

	/* an ended long prefix hides neither a shorter allow nor a shorter deny */
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "203.0.0.0/8", 0), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "203.0.113.0/24", past), 0);
	assert_int_equal(test_tcp(world, "203.0.113.5"), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, "203.0.0.0/9", 0), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, "203.0.113.0/28", past), 0);
	assert_int_equal(test_tcp(world, "203.0.113.5"), EHOSTUNREACH);
}

static int create_child_cgroup(const void *arg)
{
	int fd = cgroup_create(arg, NULL);
	struct test_dest dest = { .addr = TEST_FAR, .port = TEST_PORT };

	return fd < 0 || cgroup_join(fd) ? 255 : test_connect(&dest);
}

static void a_child_cgroup_has_the_same_guard(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	char path[TEROK_PATH_LEN + 16];

	snprintf(path, sizeof(path), "%s/child/deep", world->cgroup_path);
	assert_int_equal(test_outside(create_child_cgroup, path), EHOSTUNREACH);
	test_records(world);
	assert_int_equal(world->last.guard, guard.id);
	assert_int_not_equal(world->last.cgroup, guard.info.cgroup);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, 0), 0);
	assert_int_equal(test_outside(create_child_cgroup, path), 0);
}

static void a_name_for_metadata_by_the_operator_opens_it(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "0.0.0.0/0", 0), 0);
	assert_int_equal(test_tcp(world, "169.254.169.254"), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, "169.254.3.3"), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, "10.3.3.3"), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "169.254.169.254:7777", 0), 0);
	assert_int_equal(test_tcp(world, "169.254.169.254"), 0);
}

static void rules_of_one_guard_are_not_anothers(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct terok_rule value = { .action = TEROK_ALLOW, .bits = 128 };
	struct rule rule = { .guard = guard.id + 1, .value = value };
	struct problem why = {};

	assert_int_equal(dest_parse(TEST_FAR, &rule.dest, NULL), 0);
	assert_int_equal(policy_add(world->kernel, &rule, &why), -ENOENT);
	assert_non_null(strstr(why.text, "no guard"));
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
}

/* Connects as fast as it goes until told to stop: what both states agree on must never differ. */
static int hammer(int cgroup_fd, volatile unsigned *stop, volatile unsigned *calls)
{
	struct sockaddr_in yes = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) }, no = yes;
	int fd;

	if (cgroup_join(cgroup_fd))
		return 2;
	inet_pton(AF_INET, "203.0.113.1", &yes.sin_addr);
	inet_pton(AF_INET, "203.0.113.2", &no.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	while (!*stop) {
		if (connect(fd, (struct sockaddr *)&yes, sizeof(yes)))
			return 3;
		if (!connect(fd, (struct sockaddr *)&no, sizeof(no)))
			return 4;
		*calls += 2;
	}
	return 0;
}

#define RULES       10000
#define TRANSITIONS 2000

/*
 * Up and down agree on two destinations, one that a rule allows and one that a rule denies.
 * A decision by half of one state and half of the other would not.
 */
static void a_transition_is_never_half(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 1, 1);
	volatile unsigned *shared =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	assert_ptr_not_equal(shared, MAP_FAILED);
	for (int i = 0; i < RULES; i++) {
		char dest[32];

		snprintf(dest, sizeof(dest), "192.0.%d.%d", i / 250, i % 250 + 1);
		assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, dest, 0), 0);
	}
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "203.0.113.1", 0), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, "203.0.113.0/30", 0), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, "203.0.113.2", 0), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), EHOSTUNREACH); /* deny wins */
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "203.0.113.0/30", 0), 0);
	pid = fork();
	if (!pid)
		_exit(hammer(world->cgroup_fd, &shared[0], &shared[1]));
	while (!shared[1] && !waitpid(pid, &status, WNOHANG))
		;
	for (int i = 0; i < TRANSITIONS; i++)
		assert_int_equal(guard_set_state(world->kernel, guard.id,
						 i % 2 ? TEROK_STATE_UP : TEROK_STATE_DOWN, NULL),
				 0);
	shared[0] = 1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(shared[1] > TRANSITIONS);
	munmap((void *)shared, 4096);
}

/* Each refusal says the state that decided it, and a reason that this state has. */
static int hammer_refused(int cgroup_fd, volatile unsigned *stop, volatile unsigned *calls)
{
	struct sockaddr_in kept = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) },
			   other = kept;
	int fd;

	if (cgroup_join(cgroup_fd))
		return 2;
	inet_pton(AF_INET, "10.1.2.3", &kept.sin_addr);
	inet_pton(AF_INET, "203.0.113.2", &other.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	while (!*stop) {
		connect(fd, (struct sockaddr *)&kept, sizeof(kept));
		connect(fd, (struct sockaddr *)&other, sizeof(other));
		*calls += 2;
	}
	return 0;
}

static void a_record_is_of_one_state(void **state)
{
	static const enum terok_state cycle[] = { TEROK_STATE_DOWN, TEROK_STATE_BLOCK,
						  TEROK_STATE_UP };
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 1000000000, 1000000000);
	volatile unsigned *shared =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	assert_ptr_not_equal(shared, MAP_FAILED);
	/* private: up lets it out, down does not */
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "10.1.2.3", 0), 0);
	memset(world->reasons_in, 0, sizeof(world->reasons_in));
	pid = fork();
	if (!pid)
		_exit(hammer_refused(world->cgroup_fd, &shared[0], &shared[1]));
	while (!shared[1] && !waitpid(pid, &status, WNOHANG))
		;
	for (int i = 0; i < 3 * TRANSITIONS; i++) {
		assert_int_equal(guard_set_state(world->kernel, guard.id, cycle[i % 3], NULL), 0);
		test_records(world);
	}
	shared[0] = 1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	test_records(world);
	assert_int_equal(world->reasons_in[TEROK_STATE_UP], 1 << TEROK_REASON_DEFAULT);
	assert_int_equal(world->reasons_in[TEROK_STATE_DOWN], 1 << TEROK_REASON_PRIVATE);
	assert_int_equal(world->reasons_in[TEROK_STATE_BLOCK], 1 << TEROK_REASON_BLOCKED);
	munmap((void *)shared, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(without_a_state_nothing_leaves_not_even_to_loopback),
		T(each_state_lets_out_what_its_table_says),
		T(loopback_and_own_addresses_pass_in_every_state),
		T(a_rule_names_address_port_and_protocol_or_any),
		T(deny_wins_over_allow_whatever_the_prefix_lengths),
		T(saying_the_opposite_replaces_a_rule),
		T(a_rule_ends_by_the_kernels_clock),
		T(a_child_cgroup_has_the_same_guard),
		T(a_name_for_metadata_by_the_operator_opens_it),
		T(rules_of_one_guard_are_not_anothers),
		T(a_transition_is_never_half),
		T(a_record_is_of_one_state),
	};

	test_require("kernel/policy");
	return cmocka_run_group_tests_name("kernel/policy", tests, NULL, NULL);
}
