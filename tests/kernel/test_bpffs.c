// SPDX-License-Identifier: Apache-2.0
/*
 * test_bpffs.c - the pins are lost while guards stand: each guard goes on, and is found again
 *
 * Unmounted, unmounted lazily, emptied; with an agent and without. What is on the wire is
 * counted at its far end. Whoever comes next finds what the kernel kept, and only that.
 */
#include "programs.h"
#include "steps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup.h"
#include "hooks.h"
#include "pins.h"
#include "terok/names.h"

#define OTHER   "203.0.113.9"
#define N_HOOKS (TEROK_HOOK_MAX_ - 1)
#define STEPS   400 /* more than any of them has */
#define GRACE_S 1   /* after an RCU grace period a link without a pin is off */

static const char *bpffs(void)
{
	static char path[80];

	snprintf(path, sizeof(path), "%s/bpf", world->dir);
	return path;
}

/* This process holds nothing either: what is left is what the kernel keeps by itself. */
static void let_go(void)
{
	kernel_free(world->kernel);
	world->kernel = NULL;
}

static void bpffs_lose(int flags)
{
	let_go();
	assert_int_equal(umount2(bpffs(), flags), 0);
	sleep(GRACE_S);
	assert_int_equal(mount("bpf", bpffs(), "bpf", 0, NULL), 0);
}

static void folder_lose(void)
{
	char command[128];

	let_go();
	snprintf(command, sizeof(command), "rm -rf %s", getenv("TEROK_PINS"));
	assert_int_equal(system(command), 0);
	sleep(GRACE_S);
}

static void open_again(void)
{
	assert_int_equal(kernel_open(&world->kernel, NULL), 0);
}

/* By the whole policy of box: nothing that it denies reaches the wire. */
static void assert_holds(void)
{
	unsigned streams = world->far->streams, datagrams = world->far->datagrams;
	struct test_dest raw = { .addr = TEST_FAR, .type = SOCK_RAW, .proto = 1 };

	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, TEST_FAR6), EACCES);
	assert_int_equal(test_inside(world, test_socket, &raw), EPERM);
	/* what follows on the same wire arrives, and nothing came before it */
	assert_int_equal(test_tcp(world, OTHER), 0);
	while (world->far->streams == streams)
		;
	assert_int_equal(world->far->streams, streams + 1);
	assert_int_equal(world->far->datagrams, datagrams);
}

static void make_box(void)
{
	attach_box();
	assert_works("allow", "box", OTHER);
	assert_holds();
}

/* One program on each hook, over the maps that are pinned now. */
static void assert_whole(void)
{
	__u32 ids[64], n = 64;

	assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), N_HOOKS);
	assert_int_equal(bpf_prog_query(world->cgroup_fd, BPF_CGROUP_INET_EGRESS, 0, NULL, ids, &n),
			 0);
	assert_int_equal(n, 1);
}

static void assert_manageable(void)
{
	assert_works("status");
	assert_said("box");
	assert_said("up");
	assert_whole();
	assert_holds();
	assert_works("allow", "box", TEST_FAR);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_works("block", "box");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_works("detach", "box");
	assert_int_equal(test_tcp(world, "203.0.113.77"), 0);
}

static void lose_by(void (*lose)(void))
{
	make_box();
	lose();
	assert_holds();
	assert_mistake(VERB("status"), 1, "1 guards hold in the kernel");
	assert_mistake(VERB("allow", "box", TEST_FAR), 1, "terok-bpfd load");
	assert_int_equal(VERB("check"), 1);
	assert_said("MISS pins");
	assert_holds();
	assert_works("load");
	assert_said("1 guards");
	open_again();
	assert_works("check");
	assert_manageable();
}

static void unmount(void)
{
	bpffs_lose(0);
}

static void unmount_lazily(void)
{
	bpffs_lose(MNT_DETACH);
}

static void a_guard_outlives_the_file_system(void **state)
{
	(void)state;
	lose_by(unmount);
}

static void a_guard_outlives_a_lazy_unmount(void **state)
{
	(void)state;
	lose_by(unmount_lazily);
}

static void a_guard_outlives_its_folder(void **state)
{
	(void)state;
	lose_by(folder_lose);
}

static void an_agent_outlives_the_file_system(void **state)
{
	pid_t first;

	(void)state;
	make_box();
	agent_start();
	bpffs_lose(0);
	assert_holds();
	agent_end(SIGKILL);
	sleep(GRACE_S);
	assert_holds();
	agent_start(); /* it loads, and so finds them */
	open_again();
	assert_whole();
	first = agent;
	let_go();
	bpffs_lose(MNT_DETACH);
	assert_works("load"); /* the maps of the agent that runs */
	open_again();
	assert_works("down", "box");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_works("up", "box");
	assert_int_equal(agent, first);
	assert_manageable();
	agent_end(SIGTERM);
}

static void attaching_finds_a_guard_without_pins(void **state)
{
	(void)state;
	make_box();
	bpffs_lose(0);
	assert_works("attach", world->cgroup_path);
	assert_said("already guard 1");
	open_again();
	assert_manageable();
}

static void a_command_finds_guards_without_pins(void **state)
{
	(void)state;
	make_box();
	agent_start();
	bpffs_lose(0);
	assert_works("exec", "--no-ask", "--", "/bin/true");
	open_again();
	assert_manageable();
}

static void unloading_takes_off_what_has_no_pins(void **state)
{
	(void)state;
	make_box();
	bpffs_lose(0);
	assert_works("unload");
	assert_said("removed 1 guards");
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	assert_works("load");
	assert_said("loaded: ");
	assert_works("status");
	assert_said("guards:  none");
}

/* A process that has not noticed keeps the maps of an unload: they are nobody's any more. */
static void what_was_unloaded_is_not_found(void **state)
{
	(void)state;
	make_box();
	assert_works("unload");
	assert_works("load");
	assert_said("loaded: ");
	assert_works("attach", world->cgroup_path, "--name", "fresh");
	assert_said("attached guard 1");
	assert_holds(); /* what was kept of it */
}

static void a_cgroup_that_went_meanwhile_can_be_detached(void **state)
{
	char path[TEROK_PATH_LEN + 16];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/gone", world->cgroup_path);
	fd = cgroup_create(path, NULL);
	assert_true(fd >= 0);
	close(fd);
	make_box();
	assert_works("attach", path, "--name", "gone");
	bpffs_lose(0);
	assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
	assert_works("load");
	assert_works("status", "gone");
	assert_said("cgroup is gone");
	assert_works("detach", "gone");
	open_again();
	assert_manageable();
}

static void finding_killed_at_any_step_is_done_again(void **state)
{
	bool dead = true;

	(void)state;
	make_box();
	for (unsigned n = 1; dead && n < STEPS; n++) {
		let_go();
		assert_int_equal(umount2(bpffs(), 0), 0);
		assert_int_equal(mount("bpf", bpffs(), "bpf", 0, NULL), 0);
		dead = steps_run((const char *const[]){ bpfd, "load", NULL }, n);
		assert_holds();
		assert_works("load");
		open_again();
		assert_whole();
		assert_holds();
	}
	assert_false(dead);
	assert_manageable();
}

static void unloading_killed_at_any_step_denies_until_it_is_off(void **state)
{
	bool dead = true;

	(void)state;
	for (unsigned n = 1; dead && n < STEPS; n++) {
		int r;

		assert_works("attach", world->cgroup_path);
		dead = steps_run((const char *const[]){ bpfd, "unload", NULL }, n);
		r = test_udp(world, TEST_FAR);
		assert_true(r == EPERM || !hooks_count(world->kernel, world->cgroup_fd));
		let_go();
		assert_works("unload");
		assert_int_equal(test_udp(world, TEST_FAR), 0);
		assert_works("load");
		open_again();
		assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), 0);
	}
	assert_false(dead);
}

/* Another terok-bpfd, with folders of its own, on the same cgroup. */
static void what_is_anothers_is_left_alone(void **state)
{
	char mine[128], theirs[136];

	(void)state;
	make_box();
	snprintf(mine, sizeof(mine), "%s", getenv("TEROK_PINS"));
	snprintf(theirs, sizeof(theirs), "%s2", mine);
	setenv("TEROK_PINS", theirs, 1);
	assert_works("load");
	assert_said("loaded: ");
	assert_works("attach", world->cgroup_path, "--name", "theirs");
	assert_holds();
	setenv("TEROK_PINS", mine, 1);
	bpffs_lose(0);
	assert_works("load");
	assert_said("1 guards");
	assert_works("rules", "box");
	assert_said(OTHER);
	assert_works("unload");
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	setenv("TEROK_PINS", theirs, 1);
	assert_works("unload");
	assert_said("removed 1 guards");
	setenv("TEROK_PINS", mine, 1);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
}

/* As a build that attached by links left it. */
static void link_by(enum terok_hook hook, enum bpf_attach_type type)
{
	char path[PINS_PATH_LEN];
	int link;

	assert_int_equal(bpf_prog_detach2(world->kernel->prog[hook], world->cgroup_fd, type), 0);
	link = bpf_link_create(world->kernel->prog[hook], world->cgroup_fd, type, NULL);
	assert_true(link >= 0);
	assert_int_equal(bpf_obj_pin(link, pins_path(path, "guards/1/%s", terok_hook_name(hook))),
			 0);
	close(link);
}

static void links_of_an_older_build_become_hooks(void **state)
{
	char path[PINS_PATH_LEN];

	(void)state;
	make_box();
	assert_int_equal(mkdir(pins_path(path, "guards"), 0700), 0);
	assert_int_equal(mkdir(pins_path(path, "guards/1"), 0700), 0);
	link_by(TEROK_HOOK_EGRESS, BPF_CGROUP_INET_EGRESS);
	link_by(TEROK_HOOK_CONNECT4, BPF_CGROUP_INET4_CONNECT);
	assert_holds();
	assert_works("load");
	assert_int_not_equal(access(pins_path(path, "guards/1"), F_OK), 0);
	bpffs_lose(0);
	assert_holds();
	assert_works("load");
	open_again();
	assert_manageable();
}

static int teardown(void **state)
{
	struct statfs fs;

	/* a failed test may have left it unmounted */
	if (statfs(bpffs(), &fs) ||
	    (fs.f_type != BPF_FS_MAGIC && mount("bpf", bpffs(), "bpf", 0, NULL)))
		return -1;
	return programs_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, programs_setup, teardown)
		T(a_guard_outlives_the_file_system),
		T(a_guard_outlives_a_lazy_unmount),
		T(a_guard_outlives_its_folder),
		T(an_agent_outlives_the_file_system),
		T(attaching_finds_a_guard_without_pins),
		T(a_command_finds_guards_without_pins),
		T(unloading_takes_off_what_has_no_pins),
		T(what_was_unloaded_is_not_found),
		T(a_cgroup_that_went_meanwhile_can_be_detached),
		T(finding_killed_at_any_step_is_done_again),
		T(unloading_killed_at_any_step_denies_until_it_is_off),
		T(what_is_anothers_is_left_alone),
		T(links_of_an_older_build_become_hooks),
	};

	test_require("kernel/bpffs");
	programs_find();
	return cmocka_run_group_tests_name("kernel/bpffs", tests, NULL, NULL);
}
