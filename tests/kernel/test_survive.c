// SPDX-License-Identifier: Apache-2.0
/*
 * test_survive.c - every call to the kernel and to the disk fails once, in turn
 *
 * Each verb is run again and again: its first bpf() fails for want of memory, its second,
 * until it has no more; then its writes to maps that are full, then those to a disk that is.
 * After each it has done all and says so, or it has failed with one line that says why; what
 * a guarded process reaches is what it reached before, what it reaches afterwards, or less;
 * the same verb again completes; and nothing is left over.
 */
#include "answers.h"
#include "faults.h"
#include "programs.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hooks.h"
#include "pins.h"
#include "terok/names.h"

#define OTHER "203.0.113.9"

static const struct fault no_memory = { fault_bpf, ENOMEM };
static const struct fault too_big = { fault_update, E2BIG };
static const struct fault no_space = { fault_update, ENOSPC };
static const struct fault disk_full = { fault_disk, ENOSPC };
static const struct fault disk_broken = { fault_disk, EIO };
static const struct fault *const all_faults[] = { &no_memory, &too_big, &no_space, &disk_full,
						  &disk_broken };
#define N_FAULTS (sizeof(all_faults) / sizeof(all_faults[0]))

/* What a guarded process gets there: as allowed by @was, by @becomes, or denied. */
static void assert_bounds(const char *const argv[], unsigned n, int was, int becomes)
{
	int r = test_udp(world, TEST_FAR);

	if (r != was && r != becomes && r != EPERM)
		fail_msg("%s, call %u: %d", argv[1], n, r);
}

/* Run @argv, each of its calls fails in turn; @before puts things back. */
static unsigned change_fails(const struct fault *fault, const char *const argv[],
			     const char *const before[], int was, int becomes)
{
	unsigned failed = 0;
	bool hit = true;

	for (unsigned n = 1; hit && n < CALLS_MAX; n++) {
		int code;

		assert_int_equal(verb(before), 0);
		assert_int_equal(test_udp(world, TEST_FAR), was);
		hit = faults_run(argv, fault, n, &code);
		assert_clear(argv, code, fault, n);
		assert_bounds(argv, n, was, becomes);
		if (!code && test_udp(world, TEST_FAR) != becomes)
			fail_msg("%s, call %u: it says it is done: %s", argv[1], n, said);
		failed += code != 0;
		if (verb(argv) && !strstr(said, "no such rule"))
			fail_msg("%s again after call %u: %s", argv[1], n, said);
		assert_int_equal(test_udp(world, TEST_FAR), becomes);
		assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), TEROK_HOOK_MAX_ - 1);
	}
	assert_false(hit);
	return failed;
}

static void change_survives(const char *const argv[], const char *const before[], int was,
			    int becomes)
{
	for (size_t i = 0; i < N_FAULTS; i++)
		change_fails(all_faults[i], argv, before, was, becomes);
}

static void transitions_that_fail_are_made_or_not(void **state)
{
	(void)state;
	attach_box();
	change_survives(ARGV("block", "box"), ARGV("down", "box"), 0, EPERM);
	change_fails(&no_memory, ARGV("up", "box"), ARGV("down", "box"), 0, EPERM);
	change_fails(&disk_full, ARGV("up", "box"), ARGV("down", "box"), 0, EPERM);
	change_survives(ARGV("down", "box"), ARGV("up", "box"), EPERM, 0);
	/* which writes no disk */
	change_fails(&no_memory, ARGV("bypass", "box", "--for", "1h"), ARGV("up", "box"), EPERM, 0);
}

static void rules_that_fail_are_made_or_not(void **state)
{
	(void)state;
	attach_box();
	assert_works("deny", "box", TEST_FAR);
	change_survives(ARGV("allow", "box", TEST_FAR), ARGV("deny", "box", TEST_FAR), EPERM, 0);
	change_fails(&no_memory, ARGV("deny", "box", TEST_FAR), ARGV("allow", "box", TEST_FAR), 0,
		     EPERM);
	change_survives(ARGV("allow", "box", TEST_FAR, "--remove"), ARGV("allow", "box", TEST_FAR),
			0, EPERM);
	change_survives(ARGV("allow", "box", "198.51.100.0/24"),
			ARGV("deny", "box", "198.51.100.0/24"), EPERM, 0);
	change_survives(ARGV("deny", "box", "198.51.100.0/24"),
			ARGV("allow", "box", "198.51.100.0/24"), 0, EPERM);
}

/* --- attach, detach ------------------------------------------------------------------------ */

static void assert_nobody_guards(const char *what, unsigned n)
{
	int hooks = hooks_count(world->kernel, world->cgroup_fd);

	if (hooks)
		fail_msg("%s, call %u: %d hooks are left: %s", what, n, hooks, said);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	assert_works("status");
	assert_said("guards:  none");
}

/* It is not there, or it denies what it will deny; again, and it is. */
static unsigned attach_fails(const struct fault *fault)
{
	const char *const *argv = ARGV("attach", world->cgroup_path, "--name", "box");
	unsigned failed = 0;
	bool hit = true;

	for (unsigned n = 1; hit && n < CALLS_MAX; n++) {
		int code, r;

		hit = faults_run(argv, fault, n, &code);
		assert_clear(argv, code, fault, n);
		r = test_udp(world, TEST_FAR);
		assert_int_equal(r, hooks_count(world->kernel, world->cgroup_fd) ? EPERM : 0);
		assert_int_equal(r, code ? 0 : EPERM);
		failed += code != 0;
		if (verb(argv))
			fail_msg("attach again after call %u: %s", n, said);
		assert_int_equal(test_udp(world, TEST_FAR), EPERM);
		assert_works("allow", "box", OTHER);
		assert_int_equal(test_udp(world, OTHER), 0);
		assert_works("detach", "box");
		assert_nobody_guards("attach", n);
	}
	assert_false(hit);
	return failed;
}

static void an_attach_that_fails_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FAULTS; i++)
		attach_fails(all_faults[i]);
}

static void detach_fails(const struct fault *fault)
{
	const char *const *argv = ARGV("detach", "box");
	bool hit = true;

	for (unsigned n = 1; hit && n < CALLS_MAX; n++) {
		int code;

		assert_works("attach", world->cgroup_path, "--name", "box", "--state", "up");
		assert_works("allow", "box", OTHER);
		assert_works("deny", "box", "203.0.113.0/24");
		assert_works("publish", "box", "8080");
		hit = faults_run(argv, fault, n, &code);
		assert_clear(argv, code, fault, n);
		assert_int_equal(test_udp(world, TEST_FAR),
				 hooks_count(world->kernel, world->cgroup_fd) ? EPERM : 0);
		if (code && !strstr(said, "is detached, but") && verb(argv))
			fail_msg("detach again after call %u: %s", n, said);
		assert_nobody_guards("detach", n);
	}
	assert_false(hit);
}

static void a_detach_that_fails_is_completed_by_the_next(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FAULTS; i++)
		detach_fails(all_faults[i]);
}

/* The guard goes as a container's does: what is kept of it waits for the next. */
static void box_goes(void)
{
	struct guard guard;

	assert_int_equal(guard_find(world->kernel, "box", 0, &guard, NULL), 0);
	assert_int_equal(guard_detach(world->kernel, &guard, NULL), 0);
}

static void kept_policy_fails(const struct fault *fault)
{
	const char *const *argv = ARGV("attach", world->cgroup_path, "--name", "box");
	bool hit = true;

	for (unsigned n = 1; hit && n < CALLS_MAX; n++) {
		int code;

		hit = faults_run(argv, fault, n, &code);
		if (code) {
			assert_clear(argv, code, fault, n);
			assert_works("attach", world->cgroup_path, "--name", "box");
		}
		/* open but for its denies; or, if those could not be read, closed */
		assert_int_equal(test_udp(world, TEST_FAR), EPERM);
		assert_int_equal(test_udp(world, OTHER), EPERM);
		if (test_udp(world, "192.0.2.77")) {
			assert_int_equal(test_udp(world, "192.0.2.77"), EPERM);
			if (!code)
				assert_said("starts without its kept policy");
		}
		box_goes();
	}
	assert_false(hit);
}

static void a_kept_policy_comes_back_whole_or_lets_out_nothing(void **state)
{
	(void)state;
	attach_box();
	assert_works("deny", "box", TEST_FAR);
	assert_works("deny", "box", "203.0.113.0/24");
	assert_works("down", "box");
	assert_int_equal(test_udp(world, "192.0.2.77"), 0);
	box_goes();
	for (size_t i = 0; i < N_FAULTS; i++)
		kept_policy_fails(all_faults[i]);
}

/* A hook that somebody took off: the next attach puts it back, and opens nothing. */
static void a_completion_that_fails_opens_nothing(void **state)
{
	const char *const *argv = ARGV("attach", world->cgroup_path);
	bool hit = true;

	(void)state;
	attach_box();
	assert_works("allow", "box", TEST_FAR);
	assert_works("block", "box");
	for (unsigned n = 1; hit && n < CALLS_MAX; n++) {
		int code;

		assert_int_equal(bpf_prog_detach2(world->kernel->prog[TEROK_HOOK_INGRESS],
						  world->cgroup_fd, BPF_CGROUP_INET_INGRESS),
				 0);
		hit = faults_run(argv, &no_memory, n, &code);
		assert_clear(argv, code, &no_memory, n);
		if (code)
			assert_works("attach", world->cgroup_path);
		assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), TEROK_HOOK_MAX_ - 1);
		assert_int_equal(test_udp(world, TEST_FAR), EPERM); /* blocked, as it was */
		assert_works("status");
		assert_said("block");
	}
	assert_false(hit);
}

/* --- a verdict ----------------------------------------------------------------------------- */

struct files {
	unsigned kept, other; /* those of the databases below /state/, all others */
};

/* A database and its two, of the journal and of the policy: opened when one is written. */
#define KEPT_MAX 6

static struct files files_of(pid_t pid)
{
	char path[48], target[256];
	struct files files = { 0 };
	struct dirent *entry;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		if (strstr(target, "/state/"))
			files.kept++;
		else
			files.other++;
	}
	closedir(dir);
	return files;
}

/* Whether the agent comes back to @others: what it has open for a moment, it closes. */
static bool files_settle(unsigned others)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (unsigned ms = 0; ms < LIMIT_MS; ms++) {
		struct files files = files_of(agent);

		if (files.other <= others && files.kept <= KEPT_MAX)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

static void verdict_fails(const struct fault *fault)
{
	unsigned others = 0;
	bool hit = true;

	for (unsigned n = 1; hit && n < CALLS_MAX; n++) {
		hub_ask();
		faults_seize(agent);
		hub_answer("allow", "forever");
		hit = faults_go(agent, fault, n, hub_done);
		assert_true(hub.answered);
		/* told: it holds; refused: nothing changed */
		assert_int_equal(test_udp(world, TEST_FAR), hub.applied ? 0 : EPERM);
		assert_int_equal(test_udp(world, OTHER), EPERM);
		if (!hub.applied) {
			hub_answer("allow", "forever");
			hub.answered = false;
			while (!hub_done())
				hub_listen(LIMIT_MS);
			assert_true(hub.applied);
			assert_int_equal(test_udp(world, TEST_FAR), 0);
		}
		assert_works("allow", "box", TEST_FAR, "--port", "7777", "--proto", "udp",
			     "--remove");
		terok_client_close(hub.client);
		if (n == 1)
			others = files_of(agent).other;
		else /* of all the rounds, not one file is left open */
			assert_true(files_settle(others + 1));
	}
	assert_false(hit);
}

static void a_verdict_that_fails_is_refused(void **state)
{
	(void)state;
	attach_box();
	agent_start();
	for (size_t i = 0; i < N_FAULTS; i++)
		verdict_fails(all_faults[i]);
	agent_end(SIGTERM);
}

/* --- a command ----------------------------------------------------------------------------- */

static void a_command_that_cannot_be_guarded_is_not_run(void **state)
{
	char mark[96], touch[112];
	const char *const *argv;
	bool hit = true;

	(void)state;
	snprintf(mark, sizeof(mark), "%s/ran", world->dir);
	snprintf(touch, sizeof(touch), "touch %s", mark);
	argv = ARGV("exec", "--no-ask", "--allow", OTHER, "--", "/bin/sh", "-c", touch);
	agent_start();
	for (unsigned n = 1; hit && n < CALLS_MAX; n++) {
		int code;

		unlink(mark);
		hit = faults_run(argv, &no_memory, n, &code);
		assert_int_equal(access(mark, F_OK), code ? -1 : 0);
		if (code)
			assert_said("terok-bpfd: exec: ");
		assert_works("status");
		assert_said("guards:  none");
	}
	assert_false(hit);
	agent_end(SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, programs_setup, programs_teardown)
		T(transitions_that_fail_are_made_or_not),
		T(rules_that_fail_are_made_or_not),
		T(an_attach_that_fails_leaves_nothing),
		T(a_detach_that_fails_is_completed_by_the_next),
		T(a_kept_policy_comes_back_whole_or_lets_out_nothing),
		T(a_completion_that_fails_opens_nothing),
		T(a_verdict_that_fails_is_refused),
		T(a_command_that_cannot_be_guarded_is_not_run),
	};

	test_require("kernel/survive");
	faults_require("kernel/survive");
	programs_find();
	return cmocka_run_group_tests_name("kernel/survive", tests, NULL, NULL);
}
