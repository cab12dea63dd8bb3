// SPDX-License-Identifier: Apache-2.0
/*
 * test_upgrade.c - builds replace each other while 1,000 connects a second go on
 *
 * Two guards, and in each a process that connects without pause to what is allowed (by address,
 * by prefix, for a time), denied, over, or named by nobody; the agent is ended, by either
 * signal, and the other build starts over what stands. Each connect must be decided as policy
 * says, and each that was refused be read by one of the agents: what they read they note in a
 * file (builds/counted.c).
 */
#include "programs.h"
#include "builds/counted.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "hooks.h"
#include "terok/names.h"

#define ROUNDS      12      /* agents that are replaced */
#define GAP_NS      1250000 /* of the busy process: 800 a second; the other makes 200 */
#define FLAT_ROUNDS 40      /* a gap of 5 us is met in one of four */
#define FIRST_PORT  1024
#define SETTLE_MS   300 /* of load between two agents' ends */

/* What is tried: the last byte of the address is the kind. Whatever gets through meets no listener. */
static const struct kind {
	const char *what, *addr;
	bool passes;
} kinds[COUNTED_KINDS] = {
	[1] = { "allowed by address", "198.51.101.1", true },
	[2] = { "denied within an allowed prefix", "198.51.101.2", false },
	[3] = { "allowed by prefix", "198.51.101.3", true },
	[4] = { "allowed for an hour", "203.0.113.4", true },
	[5] = { "allowed until a moment ago", "203.0.113.5", false },
	[6] = { "named by nobody", "203.0.113.6", false },
	[7] = { "allowed, but its guard is blocked", "203.0.113.7", false },
};

static struct load {
	volatile bool stop;
	volatile unsigned tries[COUNTED_KINDS], wrong[COUNTED_KINDS];
	volatile int got[COUNTED_KINDS]; /* what the first wrong one got */
} * load;

static struct counted *counted;
static char builds[560], first[600], other[600];
static int shut_fd = -1;
static char shut_path[TEROK_PATH_LEN];
static struct guard box, shut;

/* --- the load ------------------------------------------------------------------------------ */

static int try(unsigned kind, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	inet_pton(AF_INET, kinds[kind].addr, &to.sin_addr);
	r = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
	close(fd);
	return r;
}

static void try_next(unsigned kind)
{
	unsigned n = load->tries[kind];
	int r = try(kind, FIRST_PORT + n);

	if (r != (kinds[kind].passes ? ECONNREFUSED : EHOSTUNREACH) && !load->wrong[kind]++)
		load->got[kind] = r;
	load->tries[kind] = n + 1;
}

/* In a child: the kinds @from to @to in turn until it is told to stop. */
static void connect_on(int cgroup_fd, unsigned from, unsigned to, long gap_ns)
{
	struct timespec at;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (cgroup_join(cgroup_fd))
		_exit(1);
	clock_gettime(CLOCK_MONOTONIC, &at);
	for (unsigned kind = from; !load->stop; kind = kind == to ? from : kind + 1) {
		try_next(kind);
		at.tv_nsec += gap_ns;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	_exit(0);
}

static pid_t load_start(int cgroup_fd, unsigned from, unsigned to, long gap_ns)
{
	pid_t pid = fork();

	if (!pid)
		connect_on(cgroup_fd, from, to, gap_ns);
	assert_true(pid > 0);
	return pid;
}

static void load_end(pid_t pid)
{
	int status;

	load->stop = true;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static unsigned tries(bool refused)
{
	unsigned n = 0;

	for (unsigned kind = 1; kind < COUNTED_KINDS; kind++)
		n += refused && kinds[kind].passes ? 0 : load->tries[kind];
	return n;
}

/* So long that the load has gone on under what stands now. */
static void load_goes_on(void)
{
	unsigned want = tries(false) + SETTLE_MS;

	for (unsigned i = 0; tries(false) < want; i++) {
		assert_true(i < LIMIT_MS);
		usleep(1000);
	}
}

/* In a child: as often as it can, on one datagram socket; nothing is sent. */
static void connect_flat_out(void)
{
	struct sockaddr_in to[2] = { { .sin_family = AF_INET, .sin_port = htons(9) },
				     { .sin_family = AF_INET, .sin_port = htons(9) } };
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (cgroup_join(world->cgroup_fd))
		_exit(1);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, kinds[1].addr, &to[0].sin_addr);
	inet_pton(AF_INET, kinds[6].addr, &to[1].sin_addr);
	while (!load->stop) {
		load->wrong[1] += connect(fd, (struct sockaddr *)&to[0], sizeof(to[0])) != 0;
		load->wrong[6] += connect(fd, (struct sockaddr *)&to[1], sizeof(to[1])) == 0;
		load->tries[6]++;
	}
	_exit(0);
}

/* --- the world ------------------------------------------------------------------------------ */

static struct guard guard_new(int cgroup_fd, const char *name, enum terok_state state)
{
	struct guard_spec spec = { .cgroup_fd = cgroup_fd,
				   .netns_fd = -1,
				   .name = name,
				   .state = state,
				   .rate = UINT32_MAX,
				   .burst = UINT32_MAX };
	struct problem why = {};
	struct guard guard;
	bool existing;

	if (guard_attach(world->kernel, &spec, &guard, &existing, &why))
		fail_msg("attach %s: %s", name, why.text);
	return guard;
}

static void guards_make(void)
{
	uint64_t now = now_boot_ns();

	box = guard_new(world->cgroup_fd, "box", TEROK_STATE_UP);
	assert_int_equal(test_rule(world, box.id, TEROK_ALLOW, kinds[1].addr, 0), 0);
	assert_int_equal(test_rule(world, box.id, TEROK_ALLOW, "198.51.101.0/28", 0), 0);
	assert_int_equal(test_rule(world, box.id, TEROK_DENY, kinds[2].addr, 0), 0);
	assert_int_equal(
	    test_rule(world, box.id, TEROK_ALLOW, kinds[4].addr, now + 3600 * SECOND_NS), 0);
	assert_int_equal(test_rule(world, box.id, TEROK_ALLOW, kinds[5].addr, now + 1), 0);

	snprintf(shut_path, sizeof(shut_path), "%.200s-shut", world->cgroup_path);
	shut_fd = cgroup_create(shut_path, NULL);
	assert_true(shut_fd >= 0);
	shut = guard_new(shut_fd, "shut", TEROK_STATE_BLOCK);
	assert_int_equal(test_rule(world, shut.id, TEROK_ALLOW, kinds[7].addr, 0), 0);
}

static void counted_make(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/counted", world->dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, sizeof(*counted)), 0);
	counted = mmap(NULL, sizeof(*counted), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(counted != MAP_FAILED);
	close(fd);
	setenv(COUNTED_FILE, path, 1);
}

static int setup(void **state)
{
	load = mmap(NULL, sizeof(*load), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(load != MAP_FAILED);
	strcpy(bpfd, first);
	programs_setup(state);
	counted_make();
	guards_make();
	return 0;
}

static int teardown(void **state)
{
	load->stop = true;
	if (shut_fd >= 0) {
		close(shut_fd);
		assert_int_equal(cgroup_remove(shut_path, NULL, NULL), 0);
	}
	munmap(counted, sizeof(*counted));
	munmap(load, sizeof(*load));
	return programs_teardown(state);
}

/* --- what is asked of it -------------------------------------------------------------------- */

static struct terok_counts counts_of(const struct guard *guard)
{
	struct terok_counts counts;

	assert_int_equal(guard_counts(world->kernel, guard, &counts), 0);
	return counts;
}

static void nothing_was_decided_wrongly(void)
{
	for (unsigned kind = 1; kind < COUNTED_KINDS; kind++) {
		assert_true(load->tries[kind] > ROUNDS);
		if (load->wrong[kind])
			fail_msg("%u of %u to what is %s: %s", load->wrong[kind], load->tries[kind],
				 kinds[kind].what, strerror(load->got[kind]));
	}
}

/* read = emitted, and what the kernel counted as lost is lost in its counts as well. */
static void everything_refused_was_read(unsigned killed)
{
	struct terok_counts a = counts_of(&box), b = counts_of(&shut);
	unsigned missing = 0, again = 0;

	for (unsigned kind = 1; kind < COUNTED_KINDS; kind++)
		for (unsigned n = 0; !kinds[kind].passes && n < load->tries[kind]; n++) {
			unsigned times = counted->times[kind][FIRST_PORT + n];

			missing += !times;
			again += times > 1 ? times - 1 : 0;
		}
	assert_int_equal(a.limited + a.lost + b.limited + b.lost, 0);
	assert_int_equal(a.refused + b.refused, tries(true));
	assert_int_equal(a.delivered + b.delivered, tries(true));
	assert_int_equal(missing, 0);
	/* who is killed between reading a record and saying so leaves it for the next */
	assert_true(again <= killed);
	assert_int_equal(counted->read, tries(true) + again);
}

static void wait_until_all_is_read(void)
{
	for (unsigned i = 0; counted->read < tries(true) && i < LIMIT_MS; i++)
		usleep(1000);
}

static void replaced_under_load(const int *signals, unsigned n)
{
	pid_t busy, calm;
	unsigned killed = 0;

	agent_start();
	busy = load_start(world->cgroup_fd, 1, 6, GAP_NS);
	calm = load_start(shut_fd, 7, 7, 4 * GAP_NS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int sig = signals[i % n];

		load_goes_on();
		killed += sig == SIGKILL;
		agent_end(sig);
		strcpy(bpfd, i % 2 ? first : other);
		agent_start();
	}
	load_goes_on();
	load_end(busy);
	load_end(calm);
	wait_until_all_is_read();
	nothing_was_decided_wrongly();
	everything_refused_was_read(killed);
	agent_end(SIGTERM);
	assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), TEROK_HOOK_MAX_ - 1);
}

static void an_agent_that_ends_loses_nothing_to_the_next_build(void **state)
{
	(void)state;
	replaced_under_load((const int[]){ SIGTERM }, 1);
}

static void an_agent_that_is_killed_loses_nothing_to_the_next_build(void **state)
{
	(void)state;
	replaced_under_load((const int[]){ SIGKILL, SIGKILL, SIGTERM }, 3);
}

/* Without an agent: the programs alone are exchanged, and records wait for whoever comes. */
static void programs_that_are_exchanged_decide_without_a_gap(void **state)
{
	pid_t busy, calm;

	(void)state;
	busy = load_start(world->cgroup_fd, 1, 6, GAP_NS);
	calm = load_start(shut_fd, 7, 7, 4 * GAP_NS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		strcpy(bpfd, i % 2 ? first : other);
		assert_works("load");
		assert_said("replaced the programs of another build");
	}
	load_goes_on();
	load_end(busy);
	load_end(calm);
	agent_start();
	wait_until_all_is_read();
	nothing_was_decided_wrongly();
	everything_refused_was_read(0);
	agent_end(SIGTERM);
}

/* The same flat out, so that a gap of microseconds is met by somebody. */
static void no_gap_is_so_short_that_nobody_meets_it(void **state)
{
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid)
		connect_flat_out();
	assert_true(pid > 0);
	for (unsigned i = 0; i < FLAT_ROUNDS; i++) {
		strcpy(bpfd, i % 2 ? first : other);
		assert_works("load");
		assert_said("replaced the programs of another build");
	}
	load_end(pid);
	assert_true(load->tries[6] > 10000);
	assert_int_equal(load->wrong[1], 0);
	assert_int_equal(load->wrong[6], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(an_agent_that_ends_loses_nothing_to_the_next_build),
		T(an_agent_that_is_killed_loses_nothing_to_the_next_build),
		T(programs_that_are_exchanged_decide_without_a_gap),
		T(no_gap_is_so_short_that_nobody_meets_it),
	};

	test_require("kernel/upgrade");
	programs_find();
	snprintf(builds, sizeof(builds), "%.*s/tests/kernel/builds",
		 (int)(strrchr(bpfd, '/') - bpfd), bpfd);
	snprintf(first, sizeof(first), "%s/first", builds);
	snprintf(other, sizeof(other), "%s/other/bpfd", builds);
	return cmocka_run_group_tests_name("kernel/upgrade", tests, NULL, NULL);
}
