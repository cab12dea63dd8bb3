// SPDX-License-Identifier: Apache-2.0
/*
 * test_verbs.c - the verbs as people type them: load and unload, labels, bad input
 */
#include "programs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"

/* --- load, unload ------------------------------------------------------------------------ */

/* The usual limit of 1,024 files is enough for 340 guards. */
static void it_may_open_files_for_every_guard_there_can_be(void **state)
{
	struct rlimit mine, its;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &mine), 0);
	its = mine;
	its.rlim_cur = 1024;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &its), 0);
	agent_start();
	assert_int_equal(prlimit(agent, RLIMIT_NOFILE, NULL, &its), 0);
	assert_true(its.rlim_cur > 3 * TEROK_MAX_GUARDS || its.rlim_cur == mine.rlim_max);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &mine), 0);
}

static void loading_twice_is_harmless_and_unloading_removes_all(void **state)
{
	char removed[64];

	(void)state;
	attach_box();
	assert_int_equal(VERB("deny", "box", "192.0.2.1"), 0);
	assert_int_equal(VERB("load"), 0);
	assert_said("already loaded");
	assert_int_equal(VERB("rules", "box", "--json"), 0);
	assert_said("192.0.2.1");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(VERB("unload"), 0);
	snprintf(removed, sizeof(removed), "removed 1 guards, %d programs, %d maps",
		 TEROK_HOOK_MAX_ - 1, MAP_MAX_);
	assert_said(removed);
	assert_int_equal(access(getenv("TEROK_PINS"), F_OK), -1);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(VERB("unload"), 0);
	assert_said("nothing was loaded");
}

static void maps_show_their_fields_by_name(void **state)
{
	char path[160], command[256], out[2048] = "";
	FILE *f;

	(void)state;
	attach_box();
	assert_int_equal(VERB("allow", "box", "192.0.2.7:443/tcp"), 0);
	snprintf(path, sizeof(path), "%s/v1/maps/terok_rules", getenv("TEROK_PINS"));
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin bpftool map dump pinned %s | tr -d ' \\n'", path);
	f = popen(command, "r");
	assert_non_null(f);
	assert_true(fread(out, 1, sizeof(out) - 1, f) > 0);
	pclose(f);
	assert_non_null(strstr(out, "\"guard\":1,\"port\":443,\"proto\":6,"));
	assert_non_null(strstr(out, "\"addr\":[0,0,0,0,0,0,0,0,0,0,255,255,192,0,2,7]"));
	assert_non_null(strstr(out, "\"until_ns\":0"));
}

static void a_half_attached_guard_denies_and_is_completed(void **state)
{
	(void)state;
	attach_box();
	assert_int_equal(VERB("allow", "box", TEST_FAR), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	/* as if an agent had died between the hooks and the state word */
	guard_set_state(world->kernel, 1, TEROK_STATE_NONE, NULL);
	assert_int_equal(bpf_prog_detach2(world->kernel->prog[TEROK_HOOK_CONNECT4],
					  world->cgroup_fd, BPF_CGROUP_INET4_CONNECT),
			 0);
	assert_int_equal(VERB("status"), 0);
	assert_said("error");
	assert_int_not_equal(test_udp(world, TEST_FAR), 0);
	assert_int_equal(VERB("attach", world->cgroup_path), 0);
	assert_said("already guard 1");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), EHOSTUNREACH);
}

/* --- bad input --------------------------------------------------------------------------- */

static void wrong_command_lines_are_one_line_and_exit_2(void **state)
{
	(void)state;
	attach_box();
	assert_mistake(VERB("frobnicate"), 2, "frobnicate");
	assert_mistake(VERB("load", "--nonsense"), 2, "--nonsense");
	assert_mistake(VERB("attach"), 2, "attach");
	assert_mistake(VERB("allow", "box", "example"), 2, "'example'");
	assert_mistake(VERB("allow", "box", "!example.com"), 2, "say deny");
	assert_mistake(VERB("allow", "box", "10.0.0.0/33"), 2, "33");
	assert_mistake(VERB("allow", "box", "192.0.2.1", "--port", "70000"), 2, "70000");
	assert_mistake(VERB("allow", "box", "192.0.2.1", "--proto", "carrier"), 2, "carrier");
	assert_mistake(VERB("deny", "box", "192.0.2.1", "--for", "soon"), 2, "soon");
	assert_mistake(VERB("allow", "box", "192.0.2.1:1", "--port", "2"), 2, "twice");
	assert_int_equal(VERB("rules", "box"), 0);
	assert_said("0 rules");
}

static void a_number_is_a_guards_before_it_is_a_name(void **state)
{
	char other[TEROK_PATH_LEN + 16];
	int fd;

	(void)state;
	attach_box();
	snprintf(other, sizeof(other), "%s/other", world->cgroup_path);
	fd = cgroup_create(other, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(VERB("attach", other, "--name", "1"), 0);
	assert_int_equal(VERB("block", "1"), 0);
	assert_said("guard 1 (box): up -> block");
	assert_int_equal(VERB("block", "2"), 0);
	assert_said("guard 2 (1): up -> block");
}

static void attaching_again_passes_over_nothing_that_was_asked(void **state)
{
	(void)state;
	attach_box();
	assert_int_equal(VERB("attach", world->cgroup_path), 0);
	assert_said("already guard 1 (box)");
	assert_int_equal(VERB("attach", world->cgroup_path, "--state", "up", "--name", "box"), 0);
	assert_mistake(VERB("attach", world->cgroup_path, "--state", "block"), 1, "in state up");
	assert_mistake(VERB("attach", world->cgroup_path, "--name", "cox"), 1, "another name");
	assert_mistake(VERB("attach", world->cgroup_path, "--name", "a b"), 2, "letters, digits");
	assert_mistake(VERB("allow", "box", "192.0.2.1:80/tcp", "--remove"), 1,
		       "port 80 protocol tcp");
}

static void a_profile_makes_rules_of_its_addresses(void **state)
{
	char path[128];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/mine.txt", world->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("203.0.113.0/24\n!203.0.113.9\n", file);
	fclose(file);
	assert_int_equal(VERB("profiles", "lint", path), 0);
	assert_said("0 errors, 0 warnings");
	assert_int_equal(VERB("attach", world->cgroup_path, "--name", "box", "--profile", path), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), 0);
	assert_int_equal(test_tcp(world, "203.0.113.9"), EHOSTUNREACH);
	file = fopen(path, "we");
	fputs("192.0.2.300\n", file);
	fclose(file);
	assert_int_equal(VERB("profiles", "lint", path), 1);
	assert_said("mine.txt:1: error: ");
	assert_mistake(VERB("attach", world->cgroup_path, "--profile", "nobody"), 1, "no profile");
	assert_mistake(VERB("profiles", "shew"), 2, "not 'shew'");
}

static void profile_file(const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/mine.txt", world->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* One address has one rule: the last that is written, which must not be the allow. */
static void a_deny_of_a_profile_wins_wherever_it_stands(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/mine.txt", world->dir);
	profile_file("203.0.113.1\n!203.0.113.9\n203.0.113.9\n");
	assert_int_equal(VERB("attach", world->cgroup_path, "--name", "box", "--profile", path), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), 0);
	assert_int_equal(test_tcp(world, "203.0.113.9"), EHOSTUNREACH);
}

static void a_profile_that_is_none_guards_nothing(void **state)
{
	(void)state;
	assert_int_equal(VERB("load"), 0);
	assert_mistake(VERB("attach", world->cgroup_path, "--profile", "nobody"), 1, "no profile");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
}

static void what_is_not_there_is_named_and_exits_1(void **state)
{
	(void)state;
	assert_mistake(VERB("attach", "no-such-container"), 1, "no-such-container");
	assert_mistake(VERB("attach", "/no/such/cgroup"), 1, "/no/such/cgroup");
	assert_mistake(VERB("attach", "/../etc"), 1, "..");
	assert_mistake(VERB("up", "nobody"), 1, "nobody");
	assert_mistake(VERB("watch"), 1, "terok-bpfd run");
}

static void a_full_rule_table_refuses_and_evicts_nothing(void **state)
{
	struct terok_rule_key key = { .guard = 1, .addr = { [10] = 0xff, [11] = 0xff } };
	struct terok_rule rule = { .action = TEROK_ALLOW, .bits = 128 };
	char dest[] = "203.0.113.99";

	(void)state;
	attach_box();
	assert_int_equal(VERB("allow", "box", TEST_FAR), 0);
	for (unsigned i = 0; i < TEROK_MAX_RULES - 1; i++) {
		memcpy(key.addr + 12, &i, 4);
		key.addr[12] |= 0x20; /* never the one that matters */
		key.port = 1 + i / 30000;
		if (bpf_map_update_elem(world->kernel->map[MAP_RULES], &key, &rule, BPF_ANY))
			break;
	}
	/* keys that met each other left room: fill it up */
	for (key.port = 100;
	     !bpf_map_update_elem(world->kernel->map[MAP_RULES], &key, &rule, BPF_ANY); key.port++)
		;
	assert_mistake(VERB("allow", "box", dest), 1, "full");
	assert_int_equal(test_tcp(world, dest), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(VERB("deny", "box", TEST_FAR), 0); /* replaces: needs no room */
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
}

static void pins_of_another_version_are_named(void **state)
{
	char path[160];

	(void)state;
	assert_int_equal(VERB("unload"), 0);
	assert_int_equal(mkdir(getenv("TEROK_PINS"), 0700), 0);
	snprintf(path, sizeof(path), "%s/v9", getenv("TEROK_PINS"));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_mistake(VERB("load"), 1, "v9");
	assert_mistake(VERB("status"), 1, "v9");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(VERB("load"), 0);
}

static void a_missing_pin_is_damage_and_not_nothing(void **state)
{
	char path[160];

	(void)state;
	attach_box();
	snprintf(path, sizeof(path), "%s/v1/progs/egress", getenv("TEROK_PINS"));
	assert_int_equal(unlink(path), 0);
	assert_mistake(VERB("block", "box"), 1, "terok-bpfd load mends");
	assert_mistake(VERB("status"), 1, "damaged");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(VERB("load"), 0);
	assert_int_equal(VERB("block", "box"), 0);
	snprintf(path, sizeof(path), "%s/v1/maps/terok_rules", getenv("TEROK_PINS"));
	assert_int_equal(unlink(path), 0);
	assert_mistake(VERB("load"), 1, "unload --force removes");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(VERB("unload", "--force"), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
}

static void a_map_of_another_layout_is_named(void **state)
{
	char path[160];
	int fd;

	(void)state;
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "other", 4, 4, 16, NULL);
	snprintf(path, sizeof(path), "%s/v1/maps/terok_info", getenv("TEROK_PINS"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	assert_mistake(VERB("load"), 1, "terok_info");
	assert_said("unload");
}

static void a_read_only_bpffs_is_named(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(VERB("unload"), 0);
	snprintf(path, sizeof(path), "%s/bpf", world->dir);
	assert_int_equal(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_mistake(VERB("load"), 1, "read-only");
	assert_int_equal(mount(NULL, path, NULL, MS_REMOUNT, NULL), 0);
	assert_int_equal(VERB("load"), 0);
}

static void a_kernel_without_btf_is_named(void **state)
{
	(void)state;
	assert_int_equal(VERB("unload"), 0);
	assert_int_equal(mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL), 0);
	assert_mistake(VERB("load"), 1, "BTF");
	assert_int_equal(umount("/sys/kernel/btf"), 0);
}

static void a_host_without_cgroup_v2_is_named(void **state)
{
	char root[CGROUP_ROOT_LEN];

	(void)state;
	assert_int_equal(cgroup_root(root, NULL), 0);
	/* hybrid: cover the v2 half; unified: cover all of it */
	assert_int_equal(mount("none", root, "tmpfs", 0, NULL), 0);
	assert_mistake(VERB("attach", "/some"), 1, "cgroup");
	assert_int_equal(umount(root), 0);
}

static int as_nobody(const void *arg)
{
	(void)arg;
	if (setgid(65534) || setuid(65534))
		return 98;
	return VERB("load") == 1 && strstr(said, "root") ? 0 : 97;
}

/* Whoever a subtree of cgroups is delegated to names what is in it. */
static void a_cgroups_name_tells_a_terminal_nothing_but_text(void **state)
{
	char path[TEROK_PATH_LEN + 16];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/x\033[31m\302\233m\a", world->cgroup_path);
	fd = cgroup_create(path, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(VERB("attach", path), 0);
	assert_said("(x?[31m??m?) on");
	assert_null(strpbrk(said, "\033\302\233\a"));
	assert_int_equal(VERB("status"), 0);
	assert_said("x?[31m??m?\n");
	assert_null(strpbrk(said, "\033\302\233\a"));
	assert_int_equal(VERB("rules", path), 0); /* its path still finds it */
	assert_null(strpbrk(said, "\033\302\233\a"));
	assert_int_equal(VERB("detach", path), 0);
	assert_null(strpbrk(said, "\033\302\233\a"));
	assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
}

static void without_privileges_the_way_out_is_named(void **state)
{
	(void)state;
	chmod(world->dir, 0755);
	assert_int_equal(test_outside(as_nobody, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, programs_setup, programs_teardown)
		T(it_may_open_files_for_every_guard_there_can_be),
		T(loading_twice_is_harmless_and_unloading_removes_all),
		T(maps_show_their_fields_by_name),
		T(a_half_attached_guard_denies_and_is_completed),
		T(wrong_command_lines_are_one_line_and_exit_2),
		T(a_number_is_a_guards_before_it_is_a_name),
		T(attaching_again_passes_over_nothing_that_was_asked),
		T(a_profile_makes_rules_of_its_addresses),
		T(a_deny_of_a_profile_wins_wherever_it_stands),
		T(a_profile_that_is_none_guards_nothing),
		T(what_is_not_there_is_named_and_exits_1),
		T(a_full_rule_table_refuses_and_evicts_nothing),
		T(pins_of_another_version_are_named),
		T(a_missing_pin_is_damage_and_not_nothing),
		T(a_map_of_another_layout_is_named),
		T(a_read_only_bpffs_is_named),
		T(a_kernel_without_btf_is_named),
		T(a_host_without_cgroup_v2_is_named),
		T(a_cgroups_name_tells_a_terminal_nothing_but_text),
		T(without_privileges_the_way_out_is_named),
	};

	test_require("kernel/verbs");
	programs_find();
	return cmocka_run_group_tests_name("kernel/verbs", tests, NULL, NULL);
}
