// SPDX-License-Identifier: Apache-2.0
/*
 * test_doctor_pins.c - doctor on what is pinned and on what stands on guarded cgroups
 */
#include "doctor_ask.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "hooks.h"
#include "journal.h"
#include "kernel_maps.h"
#include "pins.h"
#include "terok/names.h"

static const char *pin(const char *what, const char *name)
{
	static char path[PINS_PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s/%s", kernel_pins(), what, name);
	return path;
}

/* The refusal still comes: nothing that was done opened the guard. */
static void assert_guarded(void)
{
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
}

/* --- pins -------------------------------------------------------------------------------------- */

static void what_is_not_loaded_is_no_mistake(void **state)
{
	(void)state;
	assert_well("pins", " maps and 12 programs at ");
	assert_works("unload");
	assert_well("pins", "nothing is loaded");
}

static void a_program_without_its_pin_is_found_and_pinned(void **state)
{
	struct stat before, after;

	(void)state;
	attach_box();
	assert_well("pins", "and 12 programs");
	assert_int_equal(unlink(pin("progs", "connect4")), 0);
	assert_ill("pins", 2, "the pin of program connect4 cannot be opened: No such file");
	assert_said("doctor --fix: pin program connect4 again, from the guards that use it");
	assert_mends("pins", "terok-bpfd: pin program connect4 again");
	assert_int_equal(stat(pin("progs", "connect4"), &before), 0);
	assert_well("pins", "and 12 programs");
	assert_well("attached", "12 hooks, each the pinned program, alone");
	assert_int_equal(DOCTOR("pins", "--fix"), 0); /* twice is once */
	assert_int_equal(stat(pin("progs", "connect4"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_guarded();
}

static void a_map_without_its_pin_is_found_and_pinned(void **state)
{
	(void)state;
	attach_box();
	assert_works("allow", "box", "203.0.113.0/24");
	assert_int_equal(unlink(pin("maps", "terok_prefix")), 0);
	assert_int_equal(unlink(pin("maps", "terok_meta")), 0);
	assert_ill("pins", 2, "the pin of map terok_prefix cannot be opened");
	assert_mends("pins", "terok-bpfd: pin map terok_meta again");
	/* not a new one: what was in it is in it */
	assert_works("rules", "box");
	assert_said("203.0.113.0/24");
	assert_guarded();
}

static void pins_that_are_all_gone_are_found_and_loaded(void **state)
{
	char command[160];

	(void)state;
	attach_box();
	snprintf(command, sizeof(command), "rm -r %s", kernel_pins());
	assert_int_equal(system(command), 0);
	assert_ill("pins", 2, "and 1 guards stand: they hold as they are, and cannot be changed");
	assert_mends("pins", "terok-bpfd: load and pin again what 1 guards have");
	assert_well("attached", "12 hooks, each the pinned program, alone");
	assert_guarded();
}

static void pins_of_another_version_are_told(void **state)
{
	char path[PINS_PATH_LEN];

	(void)state;
	snprintf(path, sizeof(path), "%s", kernel_pins());
	strcpy(strrchr(path, '/'), "/v9");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_ill("pins", 1, "v9 holds pins of another version");
	rmdir(path);
	assert_well("pins", "and 12 programs");
}

/* --- programs and maps of another build ---------------------------------------------------------- */

/* A program that is not ours, of the kind that a hook takes; it lets everything pass. */
static int stranger(enum terok_hook hook, const char *name)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = hooks_type(hook));
	int fd = bpf_prog_load(hook == TEROK_HOOK_EGRESS ? BPF_PROG_TYPE_CGROUP_SKB
							 : BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
			       name, "GPL", pass, 2, &opts);

	assert_true(fd >= 0);
	return fd;
}

static void a_program_of_another_build_is_found_and_exchanged(void **state)
{
	int fd = stranger(TEROK_HOOK_CONNECT4, "terok_connect4");

	(void)state;
	attach_box();
	assert_well("programs", "12, each with the tag of this build (loaded by " TEROK_VERSION);
	assert_int_equal(unlink(pin("progs", "connect4")), 0);
	assert_int_equal(bpf_obj_pin(fd, pin("progs", "connect4")), 0);
	assert_ill("programs", 2, "what is pinned for connect4 is terok_connect4, tag ");
	assert_said("not this build's");
	close(fd);
	assert_mends("programs", "exchange the programs, of every guard too, for this build's");
	assert_well("attached", "12 hooks, each the pinned program, alone");
	assert_guarded();
}

static void a_map_of_another_layout_is_found(void **state)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "terok_self", 20, 4, 7, NULL);

	(void)state;
	assert_true(fd >= 0);
	assert_well("layouts", "each laid out as here");
	assert_int_equal(unlink(pin("maps", "terok_self")), 0);
	assert_int_equal(bpf_obj_pin(fd, pin("maps", "terok_self")), 0);
	close(fd);
	assert_ill("layouts", 2,
		   "what is pinned as terok_self is terok_self of type 1, key 20, "
		   "value 4, 7 entries, flags 0; this build has type 1, key 20, value "
		   "4, 32768 entries, flags 0x1");
	assert_said("fix: terok-bpfd unload with the version that made it");
	assert_works("unload", "--force");
	assert_works("load");
	assert_well("layouts", "each laid out as here");
}

/* --- what stands on a cgroup ------------------------------------------------------------------------ */

static void put(int prog, enum terok_hook hook)
{
	LIBBPF_OPTS(bpf_prog_attach_opts, opts, .flags = BPF_F_ALLOW_MULTI);

	assert_int_equal(bpf_prog_attach_opts(prog, world->cgroup_fd, hooks_type(hook), &opts), 0);
}

static void a_hook_that_was_taken_off_is_found_and_put_back(void **state)
{
	char command[512];
	int n;

	(void)state;
	attach_box();
	assert_well("attached", "box: 12 hooks, each the pinned program, alone");
	/* as anybody would */
	n = snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin bpftool cgroup detach ");
	assert_int_equal(cgroup_root(command + n, NULL), 0);
	n = strlen(command);
	snprintf(command + n, sizeof(command) - n, "%s %s pinned %s", world->cgroup_path,
		 hooks_type_name(TEROK_HOOK_CONNECT4), pin("progs", "connect4"));
	assert_int_equal(system(command), 0);
	assert_ill("attached", 2, "fail  attached   box: connect4: no program is on its cgroup");
	assert_said("doctor --fix: attach connect4 to its cgroup again");
	assert_mends("attached", "terok-bpfd: box: attach connect4 to its cgroup again");
	assert_well("attached", "box: 12 hooks, each the pinned program, alone");
	assert_well("state", "box: up");
	assert_guarded();
}

static void anothers_program_before_or_after_ours_is_found(void **state)
{
	int before = stranger(TEROK_HOOK_CONNECT4, "before_ours"),
	    after = stranger(TEROK_HOOK_EGRESS, "after_ours");

	(void)state;
	put(before, TEROK_HOOK_CONNECT4);
	attach_box();
	put(after, TEROK_HOOK_EGRESS);
	assert_ill("attached", 1, "connect4: another program, before_ours (id ");
	assert_said("runs before ours");
	assert_said("egress: another program, after_ours (id ");
	assert_said("runs after ours");
	assert_said("fix: whose is it? bpftool cgroup detach ");
	/* it is not ours to take away */
	assert_int_equal(DOCTOR("attached", "--fix", "--yes"), 1);
	bpf_prog_detach2(before, world->cgroup_fd, hooks_type(TEROK_HOOK_CONNECT4));
	bpf_prog_detach2(after, world->cgroup_fd, hooks_type(TEROK_HOOK_EGRESS));
	close(before);
	close(after);
	assert_well("attached", "box: 12 hooks, each the pinned program, alone");
}

static void a_guard_whose_cgroup_is_gone_is_found_and_detached(void **state)
{
	char path[TEROK_PATH_LEN + 8];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/gone", world->cgroup_path);
	fd = cgroup_create(path, NULL);
	assert_true(fd >= 0);
	assert_works("attach", path, "--name", "gone");
	attach_box();
	assert_well("cgroup", "gone: ");
	close(fd);
	assert_int_equal(cgroup_rmdir(path), 0);
	assert_ill("cgroup", 1, "gone is gone");
	assert_said("fix: terok-bpfd detach 1\n");
	assert_mends("cgroup", "terok-bpfd: gone: detach guard 1, whose cgroup is gone");
	assert_works("status");
	assert_null(strstr(said, "gone"));
	assert_said("box");
}

static void hooks_without_a_guard_are_found(void **state)
{
	const uint32_t id = 1;

	(void)state;
	assert_well("orphans", "0 cgroups have hooks of ours");
	attach_box();
	assert_well("orphans", "1 cgroups have hooks of ours, each with a guard");
	assert_int_equal(bpf_map_delete_elem(world->kernel->map[MAP_INFO], &id), 0);
	assert_ill("orphans", 2, "has 12 hooks of ours and no guard: it lets nothing out");
	assert_said("fix: terok-bpfd attach /terok-test-");
	attach_box();
	assert_well("orphans", "1 cgroups have hooks of ours, each with a guard");
	assert_guarded();
}

/* --- its state ----------------------------------------------------------------------------------------- */

static void unset(struct terok_guard *value, void *user)
{
	value->state = *(enum terok_state *)user;
}

/* Behind the back of everybody: one write into the map. */
static void set_in_kernel(enum terok_state state)
{
	int lock = kernel_lock(NULL);

	assert_int_equal(guard_change(world->kernel, 1, unset, &state, NULL), 0);
	close(lock);
}

static void a_state_that_is_not_the_kept_one_is_found_and_restored(void **state)
{
	(void)state;
	attach_box();
	assert_well("state", "box: up");
	assert_works("block", "box");
	assert_well("state", "box: block, as it was kept");
	set_in_kernel(TEROK_STATE_DOWN);
	assert_ill("state", 1, "shield state mismatch: actual='down', desired='block'");
	assert_int_equal(DOCTOR("state", "--fix"), 1);
	assert_said("nobody is there to agree");
	assert_mends("state", "terok-bpfd: box: restore the state that was kept: down -> block");
	assert_works("status", "--json");
	assert_said("\"state\":\"block\"");
}

static void a_bypass_is_no_mismatch(void **state)
{
	(void)state;
	attach_box();
	assert_works("up", "box");
	assert_works("bypass", "box", "--for", "10m");
	assert_well("state", "box: up, bypassed for now, as it was kept");
}

static void a_guard_without_a_state_is_found(void **state)
{
	(void)state;
	attach_box();
	set_in_kernel(TEROK_STATE_NONE);
	assert_ill("state", 2, "whoever attached it did not come to the end");
	assert_said("fix: terok-bpfd attach ");
	assert_works("attach", world->cgroup_path);
	assert_well("state", "box: up");
	assert_guarded();
}

static void counters_that_do_not_add_up_are_found(void **state)
{
	struct terok_counts cpu[256] = {};
	uint64_t cgroup;

	(void)state;
	attach_box();
	assert_guarded();
	assert_well("counters", "box: 1 attempts: 0 allowed, 1 refused");
	assert_int_equal(cgroup_id(world->cgroup_fd, &cgroup), 0);
	assert_int_equal(bpf_map_lookup_elem(world->kernel->map[MAP_COUNTS], &cgroup, cpu), 0);
	cpu[0].refused += 5;
	assert_int_equal(
	    bpf_map_update_elem(world->kernel->map[MAP_COUNTS], &cgroup, cpu, BPF_EXIST), 0);
	assert_ill("counters", 2, "6 refused is not 1 delivered + 0 limited + 0 lost");
}

#define T(test) cmocka_unit_test_setup_teardown(test, programs_setup, programs_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(what_is_not_loaded_is_no_mistake),
		T(a_program_without_its_pin_is_found_and_pinned),
		T(a_map_without_its_pin_is_found_and_pinned),
		T(pins_that_are_all_gone_are_found_and_loaded),
		T(pins_of_another_version_are_told),
		T(a_program_of_another_build_is_found_and_exchanged),
		T(a_map_of_another_layout_is_found),
		T(a_hook_that_was_taken_off_is_found_and_put_back),
		T(anothers_program_before_or_after_ours_is_found),
		T(a_guard_whose_cgroup_is_gone_is_found_and_detached),
		T(hooks_without_a_guard_are_found),
		T(a_state_that_is_not_the_kept_one_is_found_and_restored),
		T(a_bypass_is_no_mismatch),
		T(a_guard_without_a_state_is_found),
		T(counters_that_do_not_add_up_are_found),
	};

	test_require("doctor_pins");
	programs_find();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("doctor_pins", tests, NULL, NULL);
}
