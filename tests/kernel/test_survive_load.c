// SPDX-License-Identifier: Apache-2.0
/*
 * test_survive_load.c - every call to the kernel fails once, in turn, in load and unload
 *
 * As test_survive.c: done, or one line that says why not; the guards that stand decide as
 * before; the same again completes; and no pin, program or hook is left over.
 *
 * Most of the calls come in rows, one for each map or program: every third is tried, with
 * SURVIVE_ALL in the environment each.
 */
#include "faults.h"
#include "programs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "hooks.h"
#include "pins.h"

#define OTHER "203.0.113.9"

static const struct fault no_memory = { fault_bpf, ENOMEM };
static const struct fault not_loaded = { fault_load, ENOMEM };

static unsigned step(void)
{
	return getenv("SURVIVE_ALL") ? 1 : 3;
}

static void nothing_is_pinned(void)
{
	assert_int_not_equal(access(getenv("TEROK_PINS"), F_OK), 0);
}

static void let_go(void)
{
	kernel_free(world->kernel);
	world->kernel = NULL;
}

static void load_fails(const struct fault *fault, unsigned by)
{
	const char *const *argv = ARGV("load");
	bool hit = true;

	for (unsigned n = 1; hit && n < CALLS_MAX; n += by) {
		int code;

		assert_works("unload");
		hit = faults_run(argv, fault, n, &code);
		assert_clear(argv, code, fault, n);
		if (code)
			nothing_is_pinned();
		else
			assert_works("status");
		assert_works("load");
	}
	assert_false(hit);
}

static void a_load_that_fails_leaves_nothing(void **state)
{
	(void)state;
	let_go();
	load_fails(&no_memory, step());
	load_fails(&not_loaded, 4 * step());
}

/* Programs of another build: one is not what its pin says. */
static void make_replaceable(void)
{
	char path[PINS_PATH_LEN];

	unlink(pins_path(path, "progs/egress"));
	assert_int_equal(bpf_obj_pin(world->kernel->prog[TEROK_HOOK_INGRESS], path), 0);
}

static void an_adoption_that_fails_changes_no_decision(void **state)
{
	const char *const *argv = ARGV("load");
	bool hit = true;

	(void)state;
	attach_box();
	assert_works("allow", "box", OTHER);
	for (unsigned n = 1; hit && n < CALLS_MAX; n += step()) {
		int code;

		make_replaceable();
		hit = faults_run(argv, &no_memory, n, &code);
		assert_clear(argv, code, &no_memory, n);
		assert_int_equal(test_udp(world, TEST_FAR), EPERM);
		assert_int_equal(test_udp(world, OTHER), 0);
		if (code)
			assert_works("load");
		assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), TEROK_HOOK_MAX_ - 1);
	}
	assert_false(hit);
}

static void an_unload_that_fails_is_completed_by_the_next(void **state)
{
	const char *const *argv = ARGV("unload");
	bool hit = true;

	(void)state;
	for (unsigned n = 1; hit && n < CALLS_MAX; n += step()) {
		int code;

		assert_works("attach", world->cgroup_path);
		hit = faults_run(argv, &no_memory, n, &code);
		assert_clear(argv, code, &no_memory, n);
		assert_int_equal(test_udp(world, TEST_FAR),
				 hooks_count(world->kernel, world->cgroup_fd) ? EPERM : 0);
		let_go();
		assert_works("unload");
		nothing_is_pinned();
		assert_int_equal(test_udp(world, TEST_FAR), 0);
		assert_works("load");
		assert_int_equal(kernel_open(&world->kernel, NULL), 0);
		assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), 0);
	}
	assert_false(hit);
}

/* --- the kernel's type data ---------------------------------------------------------------- */

#define BTF "/sys/kernel/btf"

static void btf_no_folder(void)
{
	assert_int_equal(mount("none", BTF, "tmpfs", 0, NULL), 0);
}

static void btf_empty_file(void)
{
	assert_int_equal(mount("/dev/null", BTF "/vmlinux", NULL, MS_BIND, NULL), 0);
}

static void btf_other_file(void)
{
	assert_int_equal(mount(bpfd, BTF "/vmlinux", NULL, MS_BIND, NULL), 0);
}

static void btf_back(void)
{
	if (umount2(BTF "/vmlinux", MNT_DETACH))
		umount2(BTF, MNT_DETACH);
}

/* What stands goes on and can be changed; what must load something says what is missing. */
static void without_btf(void (*hide)(void), const char *cure)
{
	assert_works("attach", world->cgroup_path, "--name", "box");
	assert_works("allow", "box", OTHER);
	hide();
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(test_udp(world, OTHER), 0);
	assert_works("status");
	assert_mistake(VERB("load"), 1, cure);
	assert_mistake(VERB("run"), 1, cure);
	assert_int_equal(VERB("exec", "--no-ask", "--", "/bin/true"), 1);
	assert_said(cure);
	assert_int_equal(VERB("check"), 1);
	assert_said("MISS btf");
	assert_works("block", "box");
	assert_int_equal(test_udp(world, OTHER), EPERM);
	assert_works("detach", "box");
	assert_works("attach", world->cgroup_path, "--name", "box");
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_works("unload");
	assert_mistake(VERB("attach", world->cgroup_path), 1, cure);
	nothing_is_pinned();
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	btf_back();
	assert_works("load");
	assert_works("check");
}

static void without_type_data_what_stands_goes_on(void **state)
{
	(void)state;
	let_go();
	without_btf(btf_no_folder, "CONFIG_DEBUG_INFO_BTF");
	without_btf(btf_empty_file, "cannot be read as BTF");
	without_btf(btf_other_file, "cannot be read as BTF");
}

static int btf_teardown(void **state)
{
	btf_back();
	return programs_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, programs_setup, programs_teardown)
		T(a_load_that_fails_leaves_nothing),
		T(an_adoption_that_fails_changes_no_decision),
		T(an_unload_that_fails_is_completed_by_the_next),
		cmocka_unit_test_setup_teardown(without_type_data_what_stands_goes_on,
						programs_setup, btf_teardown),
	};

	test_require("kernel/survive_load");
	faults_require("kernel/survive_load");
	programs_find();
	return cmocka_run_group_tests_name("kernel/survive_load", tests, NULL, NULL);
}
