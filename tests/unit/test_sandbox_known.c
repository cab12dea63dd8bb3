// SPDX-License-Identifier: Apache-2.0
/*
 * test_sandbox_known.c - what is kept of podman's answers, and that every change of what they follow
 * from makes it worth nothing
 *
 * HOME and the PATH are folders of the test's own. The clock is the test's as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tools/sandbox_known.h"

static char dir[64];
static int64_t later; /* when all files are old */

static const char *in(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void folder(const char *name)
{
	assert_true(!mkdir(in(name), 0700) || errno == EEXIST);
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(in(name), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/terok-known-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	folder("bin");
	folder("config");
	folder("config/containers");
	folder("config/containers/containers.conf.d");
	folder("run");
	put("bin/podman", "x");
	setenv("HOME", dir, 1);
	setenv("PATH", in("bin"), 1);
	setenv("XDG_CONFIG_HOME", in("config"), 1);
	setenv("TEROK_SANDBOX_RUNTIME_DIR", in("run"), 1);
	unsetenv("CONTAINERS_CONF");
	unsetenv("CONTAINERS_STORAGE_CONF");
	later = time(NULL) + 60;
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	setenv("PATH", "/usr/bin:/bin", 1);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static char before[KNOWN_MARK_LEN], now[KNOWN_MARK_LEN];

static void mark(char ret[static KNOWN_MARK_LEN])
{
	bool settled = false;

	assert_true(known_mark(later, ret, &settled));
	assert_true(settled);
	assert_int_equal(strlen(ret), KNOWN_MARK_LEN - 1);
}

static void assert_changed(const char *what)
{
	mark(now);
	if (!strcmp(before, now))
		fail_msg("the mark is the same after: %s", what);
	strcpy(before, now);
}

static void the_mark_is_the_same_while_nothing_changes(void **state)
{
	(void)state;
	mark(before);
	setenv("TEROK_TEST_OTHER", "x", 1); /* what podman does not read */
	mark(now);
	assert_string_equal(before, now);
}

static void every_change_is_another_mark(void **state)
{
	(void)state;
	mark(before);
	put("config/containers/containers.conf", "[engine]\n");
	assert_changed("a file of settings is new");
	put("config/containers/containers.conf", "[engine]\nhooks_dir = [\"/x\"]\n");
	assert_changed("it is another");
	put("config/containers/containers.conf.d/10.conf", "");
	assert_changed("one in the folder beside it");
	put("config/containers/containers.conf.d/10.conf", " ");
	assert_changed("... that is another");
	assert_int_equal(unlink(in("config/containers/containers.conf.d/10.conf")), 0);
	assert_changed("it is gone");
	assert_int_equal(symlink("/etc", in("config/containers/link")), 0);
	assert_changed("a link");
	setenv("CONTAINERS_CONF", in("own.conf"), 1);
	assert_changed("settings by the environment");
	put("own.conf", "x");
	assert_changed("... which are there now");
	put("bin/podman", "another");
	assert_changed("another program");
	folder("first");
	setenv("PATH", in("first"), 1);
	assert_changed("another path");
	put("first/podman", "x");
	assert_changed("a program in it");
	setenv("XDG_RUNTIME_DIR", in("run"), 1);
	assert_changed("another runtime folder");
	put("run/bus", "");
	assert_changed("a bus in it");
}

/* The times of a file do not tell two changes of one moment apart. */
static void what_changed_just_now_is_not_settled(void **state)
{
	bool settled = true;

	(void)state;
	put("config/containers/containers.conf", "");
	assert_true(known_mark(time(NULL), now, &settled));
	assert_false(settled);
	assert_true(known_mark(later, now, &settled)); /* the control */
	assert_true(settled);
}

static void more_settings_than_are_looked_at_are_not_known(void **state)
{
	bool settled;

	(void)state;
	for (int i = 0; i < 2100; i++) {
		char name[64];

		snprintf(name, sizeof(name), "config/containers/%d", i);
		put(name, "");
		if (i == 100)
			assert_true(known_mark(later, now, &settled));
	}
	assert_false(known_mark(later, now, &settled));
}

/* --- what is kept -------------------------------------------------------------------------- */

static struct host host_like(void)
{
	struct host host = { .version = "5.4.2", .manager = "systemd", .hook_dirs_known = true };

	host.command.pasta = true;
	host.command.podman = 5;
	words_add(&host.hook_dirs, "/etc/containers/oci/hooks.d");
	words_add(&host.hook_dirs, "/odd \"place\"");
	return host;
}

static void save(void)
{
	struct host host = host_like();

	mark(before);
	known_save(before, later, &host);
	host_done(&host);
}

static int load(int64_t at_s)
{
	struct host host = {};
	int r = known_load(before, at_s, &host);

	host_done(&host);
	return r;
}

static void what_is_kept_comes_back(void **state)
{
	struct host host = {}, like = host_like();
	struct stat st;

	(void)state;
	mark(before);
	assert_int_equal(known_load(before, later, &host), -ENOENT);
	save();
	assert_int_equal(known_load(before, later + 1, &host), 0);
	assert_string_equal(host.version, "5.4.2");
	assert_string_equal(host.manager, "systemd");
	assert_false(host.command.root);
	assert_true(host.command.pasta);
	assert_int_equal(host.command.podman, 5);
	assert_true(host.hook_dirs_known);
	assert_int_equal(host.hook_dirs.n, 2);
	assert_string_equal(host.hook_dirs.word[1], like.hook_dirs.word[1]);
	assert_int_equal(stat(in("run/podman.json"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	host_done(&host);
	host_done(&like);
}

static void it_is_worth_nothing_after_a_while_or_for_another_mark(void **state)
{
	(void)state;
	save();
	assert_int_equal(load(later + KNOWN_S - 1), 0); /* the control */
	assert_int_equal(load(later + KNOWN_S), -ENOENT);
	assert_int_equal(load(later - 1), -ENOENT); /* the clock was set back */
	before[3] ^= 1;
	assert_int_equal(load(later), -ENOENT);
}

static void a_file_of_anybody_elses_is_not_read(void **state)
{
	(void)state;
	save();
	assert_int_equal(load(later), 0); /* the control */
	assert_int_equal(chmod(in("run/podman.json"), 0620), 0);
	assert_int_equal(load(later), -ENOENT);
	assert_int_equal(chmod(in("run/podman.json"), 0600), 0);
	assert_int_equal(chmod(in("run"), 0770), 0);
	assert_int_equal(load(later), -ENOENT);
	assert_int_equal(chmod(in("run"), 0700), 0);
	assert_int_equal(rename(in("run/podman.json"), strcat(strcpy((char[256]){}, dir), "/kept")),
			 0);
	assert_int_equal(symlink("../kept", in("run/podman.json")), 0);
	assert_int_equal(load(later), -ENOENT);
	assert_int_equal(unlink(in("run/podman.json")), 0);
	put("run/podman.json", "{\"mark\":7,\"at\":\"x\"}");
	assert_int_equal(load(later), -ENOENT);
	put("run/podman.json", "{");
	assert_int_equal(load(later), -ENOENT);
	save();
	assert_int_equal(load(later), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_mark_is_the_same_while_nothing_changes),
		TEST(every_change_is_another_mark),
		TEST(what_changed_just_now_is_not_settled),
		TEST(more_settings_than_are_looked_at_are_not_known),
		TEST(what_is_kept_comes_back),
		TEST(it_is_worth_nothing_after_a_while_or_for_another_mark),
		TEST(a_file_of_anybody_elses_is_not_read),
	};

	return cmocka_run_group_tests_name("sandbox_known", tests, NULL, NULL);
}
