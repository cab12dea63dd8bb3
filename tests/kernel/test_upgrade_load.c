// SPDX-License-Identifier: Apache-2.0
/*
 * test_upgrade_load.c - what a build does with the pins of another: takes them whole, or leaves them
 *
 * The builds are those under builds/: one with other programs and one map more, one with a map
 * of another layout, one of the next version of the ABI. Whatever each of them does, at
 * whichever step it dies, a guarded process reaches what its guard was told, and nothing else.
 */
#include "faults.h"
#include "programs.h"
#include "steps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hooks.h"
#include "pins.h"

#define OTHER     "203.0.113.9"
#define STEPS_MAX 400

static const struct fault no_memory = { fault_bpf, ENOMEM };
static char builds[560], first[600], later[600], grown[600], next[600];

#define BY(build, ...) verb((const char *const[]){ build, __VA_ARGS__, NULL })

static void assert_does(const char *build, const char *const argv[], const char *text)
{
	const char *words[8] = { build };

	for (int i = 0; argv[i]; i++)
		words[i + 1] = argv[i];
	if (verb(words))
		fail_msg("%s %s: %s", build, argv[0], said);
	assert_said(text);
}
#define assert_done(build, text, ...)                                                              \
	assert_does(build, (const char *const[]){ __VA_ARGS__, NULL }, text)

static void box_make(void)
{
	assert_done(first, "attached", "attach", world->cgroup_path, "--name", "box");
	assert_done(first, "", "allow", "box", OTHER);
}

static void box_holds(void)
{
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(test_udp(world, OTHER), 0);
	assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), TEROK_HOOK_MAX_ - 1);
}

static bool pinned(const char *name)
{
	char path[PINS_PATH_LEN];

	return !access(pins_path(path, "%s", name), F_OK);
}

/* The program that decides connect() of box; another number: it was exchanged. */
static uint32_t program(void)
{
	uint32_t ids[64], n = 64;

	assert_int_equal(
	    bpf_prog_query(world->cgroup_fd, BPF_CGROUP_INET4_CONNECT, 0, NULL, ids, &n), 0);
	assert_int_equal(n, 1);
	return ids[0];
}

static int setup(void **state)
{
	strcpy(bpfd, first);
	return programs_setup(state);
}

/* --- a later build -------------------------------------------------------------------------- */

static void a_build_with_one_map_more_makes_it_and_goes_back(void **state)
{
	uint32_t before;

	(void)state;
	box_make();
	before = program();
	assert_done(later, "replaced the programs of another build", "load");
	assert_true(pinned("maps/terok_extra"));
	assert_int_not_equal(program(), before);
	box_holds();
	assert_done(later, "already loaded", "load");
	assert_done(later, "box", "status");
	/* and back: what the earlier build does not know stays, and is removed with the rest */
	assert_done(first, "replaced the programs of another build", "load");
	box_holds();
	assert_done(later, "replaced the programs of another build", "load");
	box_holds();
	kernel_freep(&world->kernel);
	assert_done(first, "removed 1 guards", "unload");
	assert_int_not_equal(access(getenv("TEROK_PINS"), F_OK), 0);
}

/* Verbs of a build that nobody has loaded yet do not call whole pins damaged. */
static void verbs_of_a_later_build_ask_for_its_load(void **state)
{
	(void)state;
	box_make();
	assert_mistake(BY(later, "allow", "box", TEST_FAR), 1, "terok-bpfd load mends");
	box_holds();
	/* attaching may load: the hook of a container is such a one */
	assert_done(later, "already guard", "attach", world->cgroup_path);
	box_holds();
	assert_done(later, "allow", "allow", "box", TEST_FAR);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
}

/* A map whose pin somebody removed is made anew, and looked into by the programs that decide. */
static void a_map_that_was_lost_is_the_one_that_programs_use_afterwards(void **state)
{
	char path[PINS_PATH_LEN];
	uint32_t before;

	(void)state;
	box_make();
	before = program();
	assert_int_equal(unlink(pins_path(path, "maps/terok_names")), 0);
	assert_done(first, "replaced the programs of another build", "load");
	assert_int_not_equal(program(), before);
	box_holds();
}

static void a_later_build_killed_at_any_step_changes_no_decision(void **state)
{
	const char *const load[] = { later, "load", NULL };
	bool dead = true;

	(void)state;
	box_make();
	for (unsigned n = 1; dead && n < STEPS_MAX; n += getenv("SURVIVE_ALL") ? 1 : 7) {
		assert_done(first, "", "load");
		dead = steps_run(load, n);
		box_holds();
		assert_done(later, "", "load");
		box_holds();
	}
	assert_false(dead);
}

static void a_later_build_whose_calls_fail_changes_no_decision(void **state)
{
	const char *const load[] = { later, "load", NULL };
	bool hit = true;

	(void)state;
	box_make();
	for (unsigned n = 1; hit && n < CALLS_MAX; n += getenv("SURVIVE_ALL") ? 1 : 7) {
		int code;

		assert_done(first, "", "load");
		hit = faults_run(load, &no_memory, n, &code);
		assert_clear(load, code, &no_memory, n);
		box_holds();
		if (code)
			assert_done(later, "", "load");
		box_holds();
	}
	assert_false(hit);
}

/* --- a build that these pins are not for ------------------------------------------------------ */

/* None of its verbs changes or misreads anything, and what stood goes on, its agent too. */
static void assert_refused(const char *build, const char *text)
{
	uint32_t before = program();

	assert_mistake(BY(build, "load"), 1, text);
	assert_mistake(BY(build, "run"), 1, text);
	assert_mistake(BY(build, "attach", world->cgroup_path), 1, text);
	assert_mistake(BY(build, "deny", "box", OTHER), 1, text);
	assert_mistake(BY(build, "block", "box"), 1, text);
	assert_int_equal(program(), before);
	box_holds();
	assert_done(first, "box", "status");
}

static void a_map_of_another_layout_is_refused_whole(void **state)
{
	(void)state;
	box_make();
	assert_refused(grown, "terok_said has another layout");
	agent_start();
	assert_mistake(BY(grown, "load"), 1, "what they guard stays as it is");
	assert_done(first, "", "allow", "box", TEST_FAR);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	agent_end(SIGTERM);
	/* the way that the text names */
	kernel_freep(&world->kernel);
	assert_done(grown, "removed 1 guards", "unload");
	assert_done(grown, "loaded", "load");
	assert_mistake(BY(first, "load"), 1, "another layout");
	assert_done(first, "removed", "unload");
}

static void pins_of_another_version_are_refused_and_hold(void **state)
{
	(void)state;
	box_make();
	assert_refused(next, "v1 holds pins of another version");
	kernel_freep(&world->kernel);
	assert_done(next, "removed 1 guards, 12 programs", "unload");
	assert_int_not_equal(access(getenv("TEROK_PINS"), F_OK), 0);
	assert_int_equal(test_udp(world, TEST_FAR), 0);

	assert_done(next, "loaded", "load");
	assert_done(next, "attached", "attach", world->cgroup_path, "--name", "box");
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_mistake(BY(first, "load"), 1, "v2 holds pins of another version");
	assert_mistake(BY(first, "run"), 1, "v2 holds pins of another version");
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_done(first, "removed 1 guards", "unload");
	assert_int_equal(test_udp(world, TEST_FAR), 0);
}

/* The same without any pin: the programs themselves say of which version they are. */
static void guards_of_another_version_without_pins_are_refused_and_hold(void **state)
{
	char command[160];

	(void)state;
	box_make();
	snprintf(command, sizeof(command), "rm -r %s", getenv("TEROK_PINS"));
	assert_int_equal(system(command), 0);
	assert_mistake(BY(next, "load"), 1, "guards of another version stand");
	assert_mistake(BY(next, "attach", world->cgroup_path), 1,
		       "guards of another version stand");
	box_holds();
	assert_done(first, "pinned again", "load");
	box_holds();
	kernel_freep(&world->kernel);
	assert_int_equal(system(command), 0);
	assert_done(next, "removed 1 guards", "unload");
	assert_int_equal(test_udp(world, TEST_FAR), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, programs_teardown)
		T(a_build_with_one_map_more_makes_it_and_goes_back),
		T(verbs_of_a_later_build_ask_for_its_load),
		T(a_map_that_was_lost_is_the_one_that_programs_use_afterwards),
		T(a_later_build_killed_at_any_step_changes_no_decision),
		T(a_later_build_whose_calls_fail_changes_no_decision),
		T(a_map_of_another_layout_is_refused_whole),
		T(pins_of_another_version_are_refused_and_hold),
		T(guards_of_another_version_without_pins_are_refused_and_hold),
	};

	test_require("kernel/upgrade_load");
	faults_require("kernel/upgrade_load");
	programs_find();
	snprintf(builds, sizeof(builds), "%.*s/tests/kernel/builds",
		 (int)(strrchr(bpfd, '/') - bpfd), bpfd);
	snprintf(first, sizeof(first), "%s/first", builds);
	snprintf(later, sizeof(later), "%s/other/bpfd", builds);
	snprintf(grown, sizeof(grown), "%s/grown/bpfd", builds);
	snprintf(next, sizeof(next), "%s/next/bpfd", builds);
	return cmocka_run_group_tests_name("kernel/upgrade_load", tests, NULL, NULL);
}
