// SPDX-License-Identifier: Apache-2.0
/*
 * test_race.c - ways around the guard in time: while it comes, changes, and is left alone
 *
 * A process inside tries without a pause, by every call that opens a way. It counts its
 * rounds in shared memory: when two have passed since a change, whatever was under way at
 * that moment has ended.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/event.h"
#include "cgroup.h"
#include "stage.h"

#define RETRANSMITS_MS 1000 /* the first two of an unanswered segment: after 0.2 and 0.4 s more */
#define ROUNDS         200  /* that must bring nothing through; a millisecond each at most */

static struct stage stage;
static volatile unsigned *rounds; /* shared with the process that tries */

static int setup(void **state)
{
	struct test_world *world = test_world_new();

	(void)state;
	test_load(world);
	stage_open(&stage, world);
	rounds =
	    mmap(NULL, sizeof(*rounds), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(rounds != MAP_FAILED);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap((void *)rounds, sizeof(*rounds));
	stage_close(&stage);
	test_world_free(stage.world);
	return 0;
}

static void try_once(const struct target *target, int old)
{
	int udp = socket(target->family, SOCK_DGRAM, 0);
	int tcp = socket(target->family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	sendto(old, target->marker, MARKER_LEN, 0, &target->to.sa, target->len);
	sendto(udp, target->marker, MARKER_LEN, 0, &target->to.sa, target->len);
	if (!connect(udp, &target->to.sa, target->len))
		send(udp, target->marker, MARKER_LEN, 0);
	connect(tcp, &target->to.sa, target->len);
	close(udp);
	close(tcp);
}

static pid_t try_for_ever(const struct target *target)
{
	pid_t pid = fork();
	int old;

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(20);
	if (cgroup_join(target->cgroup_fd))
		_exit(1);
	old = socket(target->family, SOCK_DGRAM, 0);
	for (;;) {
		try_once(target, old);
		(*rounds)++;
	}
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Two rounds: the one that was under way at the time of the call is over. */
static void await_rounds(unsigned n)
{
	unsigned from = *rounds;
	time_t limit = time(NULL) + 10;

	while (*rounds - from < n) {
		sched_yield();
		assert_true(time(NULL) < limit);
	}
}

static struct seen window(const struct target *target)
{
	struct seen seen;

	assert_int_equal(capture_window(&stage.capture, target, false, &seen), 0);
	return seen;
}

/* A window of so many milliseconds, or until something is in it. */
static struct seen window_of(const struct target *target, int ms)
{
	struct pollfd ready = { .fd = stage.capture.fd, .events = POLLIN };
	uint64_t end = now_boot_ns() + ms * UINT64_C(1000000);
	struct seen seen = window(target);

	while (!seen.frames && now_boot_ns() < end) {
		poll(&ready, 1, (end - now_boot_ns()) / 1000000 + 1);
		seen = window(target);
	}
	return seen;
}

static void assert_nothing_new(const struct target *target)
{
	struct seen seen;

	await_rounds(2);
	window(target);
	await_rounds(ROUNDS);
	seen = window(target);
	if (seen.frames)
		fail_msg("ESCAPE: %u frames; the first: %s", seen.frames, seen.first);
}

static void assert_arrives(const struct target *target)
{
	await_rounds(2);
	window(target);
	await_rounds(2);
	assert_true(window(target).reached > 0);
}

static struct target new_target(int family, const char *cgroup)
{
	struct target target;

	stage_target(&target, ++stage.n, family, NULL);
	target.cgroup_fd = stage_cgroup(&stage, cgroup);
	return target;
}

static void attach_in_the_middle(int family, const char *cgroup)
{
	struct target target = new_target(family, cgroup);
	pid_t pid = try_for_ever(&target);

	assert_arrives(&target);
	stage_guard(&stage, target.cgroup_fd);
	assert_nothing_new(&target);
	end(pid);
	close(target.cgroup_fd);
}

static void nothing_new_arrives_once_the_guard_is_attached(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "attach-%d", i);
		attach_in_the_middle(i % 2 ? AF_INET6 : AF_INET, name);
	}
}

static void set_state(const struct guard *guard, enum terok_state state)
{
	assert_int_equal(guard_set_state(stage.world->kernel, guard->id, state, NULL), 0);
}

static void only_the_down_window_is_open(void **state)
{
	struct target target = new_target(AF_INET, "down");
	struct guard guard = stage_guard(&stage, target.cgroup_fd);
	pid_t pid = try_for_ever(&target);

	(void)state;
	/* a benchmark network, which down takes for public */
	for (int i = 0; i < 3; i++) {
		assert_nothing_new(&target);
		set_state(&guard, i ? TEROK_STATE_DOWN : TEROK_STATE_DOWN_ALL);
		assert_arrives(&target);
		set_state(&guard, i ? TEROK_STATE_UP : TEROK_STATE_BLOCK);
		assert_nothing_new(&target);
	}
	end(pid);
	close(target.cgroup_fd);
}

/* An agent: it opens what is pinned, guards, and is killed where it stands. */
static void agent(int cgroup_fd, int ready)
{
	struct guard_spec spec = {
		.cgroup_fd = cgroup_fd, .netns_fd = -1, .name = "alone", .state = TEROK_STATE_UP
	};
	struct kernel *kernel;
	struct guard guard;
	bool existing;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kernel_open(&kernel, NULL) || guard_attach(kernel, &spec, &guard, &existing, NULL) ||
	    write(ready, "1", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void nobody_needs_to_live_for_the_guard_to_hold(void **state)
{
	struct target target = new_target(AF_INET, "alone");
	pid_t pid = try_for_ever(&target), other;
	int ready[2];
	char byte;

	(void)state;
	assert_arrives(&target);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	other = fork();
	assert_true(other >= 0);
	if (!other)
		agent(target.cgroup_fd, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	end(other);
	assert_nothing_new(&target);
	end(pid);
	close(target.cgroup_fd);
}

/* Connects while it may, writes when it may no more, and is gone. */
static void write_and_die(const struct target *target, int go)
{
	int fd;
	char byte;

	if (cgroup_join(target->cgroup_fd))
		_exit(1);
	fd = socket(target->family, SOCK_STREAM, 0);
	if (connect(fd, &target->to.sa, target->len) || write(go, "1", 1) != 1 ||
	    read(go, &byte, 1) != 1 || send(fd, target->marker, MARKER_LEN, 0) != MARKER_LEN)
		_exit(1);
	_exit(0);
}

/* A process writes what is refused and ends; then the guard does, and its cgroup: in which order? */
static void refused_and_gone(bool cgroup_first)
{
	struct target target = new_target(AF_INET, "gone");
	struct guard guard = stage_guard(&stage, target.cgroup_fd);
	int go[2], status;
	char byte, path[TEROK_PATH_LEN + 8];
	struct seen seen;
	pid_t pid;

	set_state(&guard, TEROK_STATE_DOWN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		write_and_die(&target, go[1]);
	assert_int_equal(read(go[0], &byte, 1), 1);
	set_state(&guard, TEROK_STATE_BLOCK);
	window(&target);
	assert_int_equal(write(go[0], "g", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	seen = window(&target);
	assert_int_equal(seen.frames, 0);
	snprintf(path, sizeof(path), "%s/gone", stage.world->cgroup_path);
	if (cgroup_first) {
		close(target.cgroup_fd);
		assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
		assert_int_equal(guard_detach(stage.world->kernel, &guard, NULL), 0);
	} else {
		assert_int_equal(guard_retire(stage.world->kernel, &guard, NULL), 0);
		close(target.cgroup_fd);
		assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
	}
	seen = window_of(&target, RETRANSMITS_MS);
	if (seen.frames)
		fail_msg("ESCAPE: %u frames; the first: %s", seen.frames, seen.first);
}

/* As exec ends. */
static void what_was_refused_does_not_leave_when_the_guard_does(void **state)
{
	(void)state;
	refused_and_gone(false);
}

/* As a stopped container does: somebody else removes the cgroup, the agent hears of it. */
static void nor_when_its_cgroup_goes_first(void **state)
{
	(void)state;
	refused_and_gone(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_new_arrives_once_the_guard_is_attached),
		cmocka_unit_test(only_the_down_window_is_open),
		cmocka_unit_test(nobody_needs_to_live_for_the_guard_to_hold),
		cmocka_unit_test(what_was_refused_does_not_leave_when_the_guard_does),
		cmocka_unit_test(nor_when_its_cgroup_goes_first),
	};

	test_require("kernel/escape/race");
	return cmocka_run_group_tests_name("kernel/escape/race", tests, setup, teardown);
}
