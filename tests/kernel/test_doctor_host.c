// SPDX-License-Identifier: Apache-2.0
/*
 * test_doctor_host.c - doctor on what the agent stands on, and on what a guard would reach
 */
#include "doctor_ask.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/dir.h"

static const char *in_dir(const char *name)
{
	static char path[2][160];
	static unsigned turn;
	char *ret = path[turn++ % 2];

	snprintf(ret, sizeof(path[0]), "%s/%s", world->dir, name);
	return ret;
}

static void shell(const char *fmt, const char *path)
{
	char command[512];

	snprintf(command, sizeof(command), fmt, path);
	assert_int_equal(system(command), 0);
}

/* --- clock ------------------------------------------------------------------------------------------ */

/* Whether somebody keeps this machine's clock is not ours to change: doctor says what is. */
static bool is_kept(void)
{
	struct timex now = {};

	return adjtimex(&now) != TIME_ERROR && !(now.status & STA_UNSYNC);
}

static void a_clock_that_was_set_is_found(void **state)
{
	(void)state;
	agent_start();
	assert_int_equal(DOCTOR("clock"), is_kept() ? 0 : 1);
	assert_said(is_kept() ? "ok    clock      kept right by somebody"
			      : "warn  clock      nobody keeps the clock right");
	assert_null(strstr(said, "since the agent began"));
	/* as if the wall's clock had been an hour behind when it began */
	shell("touch -d '1 hour ago' %s", in_dir("run/agent.lock"));
	assert_ill("clock", 1, "the clock was set by +3");
	assert_said("since the agent began");
	agent_end(SIGTERM);
	agent_start();
	assert_int_equal(DOCTOR("clock"), is_kept() ? 0 : 1);
	assert_null(strstr(said, "since the agent began"));
}

static void a_journal_from_the_future_is_found(void **state)
{
	(void)state;
	attach_box();
	assert_works("up", "box");
	DOCTOR("clock");
	assert_null(strstr(said, "from the future"));
	shell("touch -d '+1 day' %s", in_dir("state/policy.db"));
	assert_ill("clock", 1, "is from the future: the clock is behind by 86");
	shell("touch %s", in_dir("state/policy.db"));
	DOCTOR("clock");
	assert_null(strstr(said, "from the future"));
}

/* --- disk -------------------------------------------------------------------------------------------- */

static void small_disk(const char *options)
{
	dir_make(in_dir("state"));
	assert_int_equal(mount("none", in_dir("state"), "tmpfs", 0, options), 0);
}

static void a_disk_without_room_is_found(void **state)
{
	(void)state;
	assert_well("disk", "MiB and ");
	small_disk("size=128m,mode=0700");
	assert_well("disk", "/state has 128 MiB and ");
	shell("head -c 100M /dev/zero >%s/fill", in_dir("state"));
	assert_ill("disk", 1, "/state has 28 MiB and ");
	assert_said("fix: make room: rules that are to be kept are refused without it");
	shell("head -c 26M /dev/zero >>%s/fill", in_dir("state"));
	assert_ill("disk", 2, "/state has 2 MiB and ");
	shell("rm %s/fill", in_dir("state"));
	assert_well("disk", "/state has 128 MiB and ");
}

static void a_disk_without_files_left_is_found(void **state)
{
	(void)state;
	small_disk("size=128m,mode=0700,nr_inodes=40");
	assert_ill("disk", 1, "/state has 128 MiB and 39 files left");
	shell("cd %s && touch $(seq 30)", in_dir("state"));
	assert_ill("disk", 2, "/state has 128 MiB and 9 files left");
}

static void a_read_only_disk_is_found(void **state)
{
	(void)state;
	small_disk("size=128m,mode=0700");
	assert_int_equal(mount(NULL, in_dir("state"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_ill("disk", 2, "/state is mounted read-only: no rule can be kept");
	assert_said("fix: mount it for writing");
	assert_int_equal(mount(NULL, in_dir("state"), NULL, MS_REMOUNT, NULL), 0);
	assert_well("disk", "/state has 128 MiB and ");
}

/* --- folders ------------------------------------------------------------------------------------------ */

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void a_folder_that_others_may_write_to_is_found_and_tightened(void **state)
{
	(void)state;
	dir_make(in_dir("state"));
	assert_well("folders", "are nobody else's");
	assert_int_equal(chmod(in_dir("state"), 0777), 0);
	assert_int_equal(chmod(in_dir("run"), 0775), 0);
	assert_ill("folders", 2, "/state (0777)");
	assert_said("/run (0775)");
	assert_said("doctor --fix: take others' right to write from ");
	assert_mends("folders", "terok-bpfd: take others' right to write from ");
	assert_int_equal(mode_of(in_dir("state")), 0755);
	assert_int_equal(mode_of(in_dir("run")), 0755);
	assert_int_equal(chmod(in_dir("run"), 0755), 0);
}

static void a_folder_of_somebody_else_is_found_and_left_alone(void **state)
{
	(void)state;
	dir_make(in_dir("state"));
	assert_int_equal(chown(in_dir("state"), 65534, 65534), 0);
	assert_ill("folders", 2, "/state is not root's: nothing in it is believed");
	assert_int_equal(DOCTOR("folders", "--fix", "--yes"), 2);
	assert_int_equal(rmdir(in_dir("state")), 0);
	file_write(in_dir("state"), "");
	assert_ill("folders", 2, "/state is no folder");
	assert_int_equal(unlink(in_dir("state")), 0);
	assert_well("folders", "are nobody else's");
}

/* --- journals ------------------------------------------------------------------------------------------ */

/* In the middle of the file, where the pages of its tables are. */
static void damage(const char *path)
{
	char noise[4096];
	struct stat st;
	sqlite3 *db;
	int fd;

	/* all into the file itself, and none in the log */
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	fd = open(path, O_WRONLY);

	memset(noise, 0xa5, sizeof(noise));
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 4096; at < st.st_size; at += sizeof(noise))
		assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
	close(fd);
}

static void a_damaged_journal_is_found(void **state)
{
	char fix[400];

	(void)state;
	assert_well("journal", "there is no policy.db yet");
	attach_box();
	assert_works("allow", "box", "203.0.113.7");
	assert_well("journal", "policy.db is whole, ");
	damage(in_dir("state/policy.db"));
	assert_ill("journal", 2, "/state/policy.db is damaged: ");
	snprintf(fix, sizeof(fix), "then mv %s %s.broken\n", in_dir("state/policy.db"),
		 in_dir("state/policy.db"));
	assert_said(fix);
	/* the fix, as it is said */
	shell("cd %s && mv policy.db policy.db.broken && rm -f policy.db-*", in_dir("state"));
	assert_works("allow", "box", "203.0.113.7");
	assert_well("journal", "policy.db is whole, ");
}

static void a_file_that_is_no_journal_is_found(void **state)
{
	char text[8193];

	(void)state;
	dir_make(in_dir("state"));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	file_write(in_dir("state/history.db"), text);
	assert_ill("journal", 2, "history.db is damaged: file is not a database");
}

static void a_log_that_nobody_can_shorten_is_found(void **state)
{
	(void)state;
	attach_box();
	assert_works("allow", "box", "203.0.113.7");
	agent_start();
	/* what a reader that does not end makes of it in time */
	shell("truncate -s 100M %s", in_dir("state/policy.db-wal"));
	assert_ill("journal", 1, "policy.db-wal has grown to 100 MiB");
	shell("truncate -s 0 %s", in_dir("state/policy.db-wal"));
	assert_well("journal", "policy.db is whole, ");
}

/* --- quotas -------------------------------------------------------------------------------------------- */

static void a_full_keyring_is_found(void **state)
{
	(void)state;
	assert_well("keyring", " keys, ");
	cover("/proc/key-users", "    0:    10 9/9 96/100 110/25000000\n");
	assert_ill("keyring", 1, "96 of 100 keys, 110 of 25000000 bytes");
	assert_said("fix: restart the machine, or [containers] keyring=false");
	uncover("/proc/key-users");
	cover("/proc/key-users", "  999:    10 9/9 96/100 1/2\n    0:    10 9/9 94/100 1/20000\n");
	assert_well("keyring", "94 of 100 keys, 1 of 20000 bytes");
	uncover("/proc/key-users");
	cover("/proc/key-users", "    0:    10 9/9 4/100 19500/20000\n");
	assert_ill("keyring", 1, "19500 of 20000 bytes");
	uncover("/proc/key-users");
	assert_well("keyring", " keys, ");
}

/* --- what a guard would reach ---------------------------------------------------------------------------- */

static void what_should_be_denied_and_is_not_is_found(void **state)
{
	(void)state;
	attach_box();
	assert_well("denied", "box: 169.254.169.254 would be refused (hard_deny), 192.0.2.1 too "
			      "(default)");
	assert_works("allow", "box", "169.254.169.254");
	assert_ill("denied", 1, "169.254.169.254 port 80 would be allowed (rule_allow)");
	assert_works("allow", "box", "169.254.169.254", "--remove");
	assert_works("allow", "box", "0.0.0.0/0");
	assert_ill("denied", 1, "its rules allow what nobody named: 192.0.2.1 port 443");
	assert_works("allow", "box", "0.0.0.0/0", "--remove");
	assert_well("denied", "192.0.2.1 too (default)");
	assert_works("down", "box");
	assert_well("denied", "169.254.169.254 would be refused (hard_deny), 192.0.2.1 allowed");
}

/* The processes of a plain cgroup are the host's: nothing is said of what they may do. */
static void a_cgroup_is_not_held_for_a_container(void **state)
{
	pid_t pid;

	(void)state;
	attach_box();
	pid = move_in();
	assert_int_equal(DOCTOR("container"), 0);
	assert_null(strstr(said, "powers"));
	assert_null(strstr(said, "filter"));
	assert_null(strstr(said, "strays"));
	move_out(pid);
}

static int teardown(void **state)
{
	while (!umount2(in_dir("state"), MNT_DETACH))
		;
	return programs_teardown(state);
}

#define T(test) cmocka_unit_test_setup_teardown(test, programs_setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(a_clock_that_was_set_is_found),
		T(a_journal_from_the_future_is_found),
		T(a_disk_without_room_is_found),
		T(a_disk_without_files_left_is_found),
		T(a_read_only_disk_is_found),
		T(a_folder_that_others_may_write_to_is_found_and_tightened),
		T(a_folder_of_somebody_else_is_found_and_left_alone),
		T(a_damaged_journal_is_found),
		T(a_file_that_is_no_journal_is_found),
		T(a_log_that_nobody_can_shorten_is_found),
		T(a_full_keyring_is_found),
		T(what_should_be_denied_and_is_not_is_found),
		T(a_cgroup_is_not_held_for_a_container),
	};

	test_require("doctor_host");
	programs_find();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("doctor_host", tests, NULL, NULL);
}
