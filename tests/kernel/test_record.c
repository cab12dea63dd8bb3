// SPDX-License-Identifier: Apache-2.0
/* test_record.c - what a refusal leaves behind: the record, the counters, the budget */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void assert_addr(const uint8_t addr[16], const char *text)
{
	char buf[ADDR_TEXT];

	assert_string_equal(addr_format(buf, addr), text);
}

/* Field 22 of /proc/self/stat, in clock ticks. */
static uint64_t own_birth(pid_t pid)
{
	char path[32], stat[512], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(stat, sizeof(stat), f));
	fclose(f);
	p = strrchr(stat, ')');
	for (int field = 2; field < 22; field++)
		p = strchr(p + 1, ' ');
	return strtoull(p + 1, NULL, 10);
}

/* Bound first, so that the source is known; waits, so that /proc can be compared. */
static int bound_connect(const void *arg)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(4321) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), r;

	inet_pton(AF_INET, TEST_NEAR, &sin.sin_addr);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)))
		return 255;
	sin.sin_port = htons(TEST_PORT);
	inet_pton(AF_INET, TEST_FAR, &sin.sin_addr);
	r = connect(fd, (struct sockaddr *)&sin, sizeof(sin)) ? errno : 0;
	pause();
	(void)arg;
	return r;
}

static void a_record_says_who_where_and_why(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	const struct terok_record *rec = &world->last;
	uint64_t before = now_boot_ns(), tick = UINT64_C(1000000000) / sysconf(_SC_CLK_TCK);
	struct stat exe;
	pid_t pid = fork();

	if (!pid)
		_exit(cgroup_join(world->cgroup_fd) ? 255 : bound_connect(NULL));
	while (!test_records(world))
		;
	assert_int_equal(rec->version, TEROK_ABI_VERSION);
	assert_int_equal(rec->verdict, TEROK_DENY);
	assert_int_equal(rec->reason, TEROK_REASON_DEFAULT);
	assert_int_equal(rec->hook, TEROK_HOOK_CONNECT4);
	assert_int_equal(rec->family, AF_INET);
	assert_int_equal(rec->proto, IPPROTO_TCP);
	assert_in_range(rec->boot_ns, before, now_boot_ns());
	assert_int_equal(rec->guard, guard.id);
	assert_addr(rec->src, TEST_NEAR);
	assert_int_equal(rec->src_port, 4321);
	assert_addr(rec->dst, TEST_FAR);
	assert_int_equal(rec->dst_port, TEST_PORT);
	assert_int_equal(rec->cgroup, guard.info.cgroup);
	assert_true(rec->sock_cookie && rec->netns_cookie);

	assert_int_equal(rec->tgid, pid);
	assert_int_equal(rec->pid, pid);
	assert_int_equal(rec->start_ns / tick, own_birth(pid));
	assert_int_equal(rec->uid, 0);
	assert_int_equal(rec->gid, 0);
	assert_string_equal(rec->comm, "test_record");
	assert_int_equal(rec->ppid, getpid());
	assert_string_equal(rec->pcomm, "test_record");
	assert_int_equal(stat("/proc/self/exe", &exe), 0);
	assert_int_equal(rec->exe_ino, exe.st_ino);
	assert_int_equal(rec->exe_dev, major(exe.st_dev) << 20 | minor(exe.st_dev));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void every_family_and_hook_is_named(void **state)
{
	static const struct {
		const char *addr, *shown;
		int type, hook, family;
	} cases[] = {
		{ TEST_FAR, TEST_FAR, SOCK_STREAM, TEROK_HOOK_CONNECT4, AF_INET },
		{ TEST_FAR6, TEST_FAR6, SOCK_STREAM, TEROK_HOOK_CONNECT6, AF_INET6 },
		{ "::ffff:" TEST_FAR, TEST_FAR, SOCK_STREAM, TEROK_HOOK_CONNECT6, AF_INET },
		{ TEST_FAR, TEST_FAR, SOCK_DGRAM, TEROK_HOOK_SENDMSG4, AF_INET },
		{ TEST_FAR6, TEST_FAR6, SOCK_DGRAM, TEROK_HOOK_SENDMSG6, AF_INET6 },
		{ "::ffff:" TEST_FAR, TEST_FAR, SOCK_DGRAM, TEROK_HOOK_SENDMSG4, AF_INET },
	};
	struct test_world *world = *state;

	test_guard(world, TEROK_STATE_UP, 0, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_dest dest = { .addr = cases[i].addr,
					  .port = TEST_PORT,
					  .type = cases[i].type };

		test_inside(world, cases[i].type == SOCK_STREAM ? test_connect : test_sendto,
			    &dest);
		assert_int_equal(test_records(world), 1);
		assert_int_equal(world->last.hook, cases[i].hook);
		assert_int_equal(world->last.family, cases[i].family);
		assert_addr(world->last.dst, cases[i].shown);
		assert_int_equal(world->last.dst_port, TEST_PORT);
	}
}

static int attempts; /* how many refused calls a child makes */

static int many_connects(const void *arg)
{
	const struct test_dest *dest = arg;
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(dest->port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, dest->addr, &sin.sin_addr);
	for (int i = 0; i < attempts; i++)
		if (!connect(fd, (struct sockaddr *)&sin, sizeof(sin)) || errno != EHOSTUNREACH)
			return 1;
	return 0;
}

static void attempts_and_refusals_add_up_exactly(void **state)
{
	static const struct test_dest dest = { .addr = TEST_FAR, .port = TEST_PORT };
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, UINT32_MAX, UINT32_MAX);
	struct terok_counts counts;
	pid_t pids[4];

	/* four at once, two of them on each CPU, more than the ring holds */
	attempts = 20000;
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(cgroup_join(world->cgroup_fd) ? 255 : many_connects(&dest));
	}
	for (int i = 0; i < 4; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(test_udp(world, TEST_FAR), 0);

	assert_int_equal(guard_counts(world->kernel, &guard, &counts), 0);
	assert_int_equal(counts.allowed, 3);
	assert_int_equal(counts.refused, 80000);
	/* nothing spends that budget, but who lost it to the other CPU eight times goes without */
	assert_in_range(counts.limited, 0, 10);
	assert_true(counts.lost > 0);
	assert_int_equal(counts.refused, counts.delivered + counts.limited + counts.lost);
	assert_int_equal(test_records(world), counts.delivered);
}

static void a_noisy_guard_spends_its_own_budget(void **state)
{
	static const struct test_dest dest = { .addr = TEST_FAR, .port = TEST_PORT };
	struct test_world *world = *state;
	struct guard_spec spec = { .netns_fd = -1, .name = "quiet", .state = TEROK_STATE_UP };
	struct guard noisy = test_guard(world, TEROK_STATE_UP, 10, 50), quiet;
	struct terok_counts counts;
	char path[TEROK_PATH_LEN + 8];
	uint64_t start = now_boot_ns(), took_s;
	bool existing;

	attempts = 30000;
	assert_int_equal(test_inside(world, many_connects, &dest), 0);
	took_s = (now_boot_ns() - start) / UINT64_C(1000000000);
	assert_int_equal(guard_counts(world->kernel, &noisy, &counts), 0);
	assert_int_equal(counts.refused, 30000);
	assert_int_equal(counts.refused, counts.delivered + counts.limited + counts.lost);
	assert_in_range(counts.delivered, 50, 50 + 10 * (took_s + 1) + 1);
	test_records(world);

	/* its neighbour's first refusal still becomes a record */
	snprintf(path, sizeof(path), "%s-q", world->cgroup_path);
	spec.cgroup_fd = cgroup_create(path, NULL);
	assert_int_equal(guard_attach(world->kernel, &spec, &quiet, &existing, NULL), 0);
	close(world->cgroup_fd);
	world->cgroup_fd = spec.cgroup_fd;
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(test_records(world), 1);
	assert_int_equal(world->last.guard, quiet.id);
	assert_int_equal(guard_detach(world->kernel, &quiet, NULL), 0);
	assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
}

static void the_default_budget_is_a_thousand_a_second_and_two_thousand_at_once(void **state)
{
	static const struct test_dest dest = { .addr = TEST_FAR, .port = TEST_PORT };
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	uint64_t start = now_boot_ns(), took_ms;
	struct terok_counts counts;

	attempts = 3000;
	assert_int_equal(test_inside(world, many_connects, &dest), 0);
	took_ms = (now_boot_ns() - start) / 1000000;
	assert_int_equal(guard_counts(world->kernel, &guard, &counts), 0);
	assert_int_equal(counts.refused, 3000);
	assert_in_range(counts.delivered, 2000, 2000 + took_ms + 1);
}

static void sockets_that_dodge_the_hooks_are_not_made(void **state)
{
	static const struct {
		struct test_dest dest;
		int error;
	} cases[] = {
		{ { "127.0.0.1", 0, SOCK_RAW, IPPROTO_ICMP }, EPERM },
		{ { "127.0.0.1", 0, SOCK_RAW, IPPROTO_RAW }, EPERM },
		{ { "::1", 0, SOCK_RAW, IPPROTO_ICMPV6 }, EPERM },
		{ { "127.0.0.1", 0, SOCK_DGRAM, IPPROTO_UDPLITE }, EPERM },
		{ { "127.0.0.1", 0, SOCK_DGRAM, IPPROTO_ICMP }, EPERM },
	};
	struct test_world *world = *state;
	struct test_dest mptcp = { "127.0.0.1", 0, SOCK_STREAM, 262 };

	test_guard(world, TEROK_STATE_UP, 0, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].dest.proto == IPPROTO_ICMP && cases[i].dest.type == SOCK_DGRAM)
			assert_int_equal(
			    system("echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range"), 0);
		if (test_outside(test_socket, &cases[i].dest) == EPROTONOSUPPORT) {
			print_message("note: protocol %d is not in this kernel\n",
				      cases[i].dest.proto);
			continue;
		}
		assert_int_equal(test_outside(test_socket, &cases[i].dest), 0);
		assert_int_equal(test_inside(world, test_socket, &cases[i].dest), cases[i].error);
		assert_int_equal(test_records(world), 1);
		assert_int_equal(world->last.hook, TEROK_HOOK_SOCK_CREATE);
		assert_int_equal(world->last.reason, TEROK_REASON_SOCKET_KIND);
		assert_int_equal(world->last.sock_type, cases[i].dest.type);
	}
	/* applications that prefer MPTCP take TCP when the kernel says it has none */
	if (!test_outside(test_socket, &mptcp))
		assert_int_equal(test_inside(world, test_socket, &mptcp), EPROTONOSUPPORT);
	else
		print_message("note: this kernel makes no MPTCP sockets; that case did not run\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_record_says_who_where_and_why),
		T(every_family_and_hook_is_named),
		T(attempts_and_refusals_add_up_exactly),
		T(a_noisy_guard_spends_its_own_budget),
		T(the_default_budget_is_a_thousand_a_second_and_two_thousand_at_once),
		T(sockets_that_dodge_the_hooks_are_not_made),
	};

	test_require("kernel/record");
	return cmocka_run_group_tests_name("kernel/record", tests, NULL, NULL);
}
