// SPDX-License-Identifier: Apache-2.0
/*
 * test_killed.c - killed at every step of attach, detach, transition, rule, load, verdict
 *
 * Each is run again and again, killed at its first step, at its second, until it ends before
 * it is killed. After each death a guarded process reaches what it reached before, or what it
 * reaches afterwards, and nothing else; and the next run completes.
 */
#include "answers.h"
#include "programs.h"
#include "steps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks.h"
#include "pins.h"
#include "terok/names.h"

#define STEPS_MAX 400 /* more than any of them has */
#define OTHER     "203.0.113.9"

#define ARGV(...) ((const char *const[]){ bpfd, __VA_ARGS__, NULL })

static unsigned hooks_there(void)
{
	return hooks_count(world->kernel, world->cgroup_fd);
}

static void attach_killed_at_any_step_denies_or_is_not_there(void **state)
{
	unsigned n, killed = 0;

	(void)state;
	for (n = 1; n < STEPS_MAX; n++) {
		bool dead = steps_run(ARGV("attach", world->cgroup_path, "--name", "box"), n);

		assert_int_equal(test_udp(world, TEST_FAR), hooks_there() ? EPERM : 0);
		killed += dead;
		/* the next one completes it, and nothing is left of the one that died */
		assert_works("attach", world->cgroup_path, "--name", "box");
		assert_int_equal(test_udp(world, TEST_FAR), EPERM);
		assert_works("allow", "box", OTHER);
		assert_int_equal(test_udp(world, OTHER), 0);
		assert_works("detach", "box");
		assert_int_equal(test_udp(world, TEST_FAR), 0);
		assert_works("status");
		assert_said("guards:  none");
		if (!dead)
			break;
	}
	assert_true(killed > TEROK_HOOK_MAX_ - 1); /* each hook, at least */
}

static void detach_killed_at_any_step_denies_until_it_is_gone(void **state)
{
	bool dead = true;

	(void)state;
	for (unsigned n = 1; dead && n < STEPS_MAX; n++) {
		assert_works("attach", world->cgroup_path, "--name", "box");
		assert_works("allow", "box", OTHER);
		dead = steps_run(ARGV("detach", "box"), n);
		assert_int_equal(test_udp(world, TEST_FAR), hooks_there() ? EPERM : 0);
		if (hooks_there()) {
			int r = test_udp(world, OTHER); /* the whole policy, or nothing passes */

			assert_true(!r || r == EPERM);
		}
		if (dead && VERB("detach", "box"))
			assert_said("no guard");
		assert_int_equal(hooks_there(), 0);
		assert_int_equal(test_udp(world, TEST_FAR), 0);
	}
	assert_false(dead);
}

static void either(int r, int one, int other)
{
	assert_true(r == one || r == other);
}

/* Run @argv killed at each step; @before puts things back; TEST_FAR may be either. */
static void change_killed(const char *const argv[], const char *const before[], int was,
			  int becomes)
{
	bool dead = true;
	unsigned n;

	for (n = 1; dead && n < STEPS_MAX; n++) {
		assert_int_equal(verb(before), 0);
		assert_int_equal(test_udp(world, TEST_FAR), was);
		dead = steps_run(argv, n);
		either(test_udp(world, TEST_FAR), was, becomes);
		if (!dead)
			break;
		if (verb(argv))
			assert_said("no such rule"); /* it had been taken back */
		assert_int_equal(test_udp(world, TEST_FAR), becomes);
	}
	assert_false(dead);
	assert_true(n > 1);
	assert_int_equal(test_udp(world, TEST_FAR), becomes);
}

static void transitions_killed_at_any_step_are_made_or_not(void **state)
{
	(void)state;
	attach_box();
	assert_works("deny", "box", OTHER);
	change_killed(ARGV("block", "box"), ARGV("down", "box"), 0, EPERM);
	assert_int_equal(test_udp(world, OTHER), EPERM);
	change_killed(ARGV("up", "box"), ARGV("down", "box"), 0, EPERM);
	change_killed(ARGV("down", "box"), ARGV("up", "box"), EPERM, 0);
	assert_int_equal(test_udp(world, OTHER), EPERM);
	change_killed(ARGV("bypass", "box", "--for", "1h"), ARGV("up", "box"), EPERM, 0);
}

static void rules_killed_at_any_step_are_made_or_not(void **state)
{
	(void)state;
	attach_box();
	assert_works("allow", "box", TEST_FAR);
	change_killed(ARGV("allow", "box", TEST_FAR, "--remove"), ARGV("allow", "box", TEST_FAR), 0,
		      EPERM);
	change_killed(ARGV("deny", "box", "198.51.100.0/24"), ARGV("up", "box"), EPERM, EPERM);
	assert_works("deny", "box", "198.51.100.0/24", "--remove");
	change_killed(ARGV("allow", "box", "198.51.100.0/25"),
		      ARGV("deny", "box", "198.51.100.0/25"), EPERM, 0);
}

/* Programs of another build: one is not what its pin says. */
static void make_replaceable(void)
{
	char path[PINS_PATH_LEN];

	unlink(pins_path(path, "progs/egress"));
	assert_int_equal(bpf_obj_pin(world->kernel->prog[TEROK_HOOK_INGRESS], path), 0);
}

static void adopting_killed_at_any_step_changes_no_decision(void **state)
{
	bool dead = true;

	(void)state;
	attach_box();
	assert_works("allow", "box", OTHER);
	for (unsigned n = 1; dead && n < STEPS_MAX; n++) {
		make_replaceable();
		dead = steps_run(ARGV("load"), n);
		assert_int_equal(test_udp(world, TEST_FAR), EPERM);
		assert_int_equal(test_udp(world, OTHER), 0);
		assert_works("load");
		assert_int_equal(test_udp(world, TEST_FAR), EPERM);
		assert_int_equal(test_udp(world, OTHER), 0);
		assert_int_equal(hooks_there(), TEROK_HOOK_MAX_ - 1);
	}
	assert_false(dead);
	assert_works("unload", "--force");
}

static void an_agent_killed_at_any_step_of_a_verdict_loses_none_it_told(void **state)
{
	bool dead = true;

	(void)state;
	attach_box();
	for (unsigned n = 1; dead && n < STEPS_MAX; n++) {
		agent_start();
		hub_ask();
		steps_seize(agent);
		hub_answer("allow", "forever");
		dead = steps_go(agent, n, hub_done);
		if (dead) {
			agent = 0;
			while (!hub_done()) /* its worker goes with it */
				hub_listen(LIMIT_MS);
		}
		/* told: it holds. Not told: it holds or not. Nothing else ever passes. */
		if (hub.applied)
			assert_int_equal(test_udp(world, TEST_FAR), 0);
		either(test_udp(world, TEST_FAR), 0, EPERM);
		assert_int_equal(test_udp(world, OTHER), EPERM);
		terok_client_close(hub.client);
		if (agent)
			agent_end(SIGTERM);
		assert_works("allow", "box", TEST_FAR, "--port", "7777", "--proto", "udp");
		assert_works("allow", "box", TEST_FAR, "--port", "7777", "--proto", "udp",
			     "--remove");
		assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	}
	assert_false(dead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, programs_setup, programs_teardown)
		T(attach_killed_at_any_step_denies_or_is_not_there),
		T(detach_killed_at_any_step_denies_until_it_is_gone),
		T(transitions_killed_at_any_step_are_made_or_not),
		T(rules_killed_at_any_step_are_made_or_not),
		T(adopting_killed_at_any_step_changes_no_decision),
		T(an_agent_killed_at_any_step_of_a_verdict_loses_none_it_told),
	};

	test_require("kernel/killed");
	programs_find();
	return cmocka_run_group_tests_name("kernel/killed", tests, NULL, NULL);
}
