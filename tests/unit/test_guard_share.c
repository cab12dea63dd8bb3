// SPDX-License-Identifier: Apache-2.0
/* test_guard_share.c - user/guard_share.c: who makes up names fills no disk, and loses only their own */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "audit.h"
#include "guard_dir.h"
#include "guard_share.h"

#define ANNE 4001
#define BERT 14001 /* ends as hers does */

static char state_folder[] = "/tmp/test_share.XXXXXX";

static int set_up(void **state)
{
	(void)state;
	strcpy(state_folder + strlen(state_folder) - 6, "XXXXXX");
	if (!mkdtemp(state_folder))
		return -1;
	return setenv("TEROK_STATE", state_folder, 1);
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", state_folder);
	return system(command);
}

static struct terok_info container(uint32_t uid, unsigned n)
{
	struct terok_info info = { .kind = TEROK_KIND_CONTAINER, .uid = uid };

	snprintf(info.name, sizeof(info.name), "c%u", n);
	return info;
}

static void note(uint32_t uid, unsigned n)
{
	struct terok_info info = container(uid, n);

	audit_deed(&info, &(struct audit_deed){ .action = "setup", .uid = uid });
}

static const char *path_of(uint32_t uid, unsigned n, const char *file)
{
	struct terok_info info = container(uid, n);
	static char path[512];
	char name[GUARD_DIR_LEN];

	assert_true(guard_dir_name(&info, name));
	snprintf(path, sizeof(path), "%s/containers/%s/%s", state_folder, name, file);
	return path;
}

static bool is_there(uint32_t uid, unsigned n)
{
	return !access(path_of(uid, n, AUDIT_FILE), F_OK);
}

/* Written to so many seconds ago. */
static void age(uint32_t uid, unsigned n, unsigned s)
{
	const struct timespec at = { .tv_sec = time(NULL) - s };
	const struct timespec both[2] = { at, at };

	assert_int_equal(utimensat(AT_FDCWD, path_of(uid, n, AUDIT_FILE), both, 0), 0);
}

static void one_user_has_so_many_folders_and_the_oldest_go(void **state)
{
	unsigned n;

	(void)state;
	note(0, 1);
	note(BERT, 1);
	age(0, 1, 100000);
	age(BERT, 1, 100000);
	for (n = 0; n < GUARD_USER_FOLDERS; n++) {
		note(ANNE, n);
		age(ANNE, n, 1000 + n); /* the last is the oldest */
	}
	for (n = 0; n < GUARD_USER_FOLDERS; n++)
		assert_true(is_there(ANNE, n));
	note(ANNE, 0);
	assert_true(is_there(ANNE, GUARD_USER_FOLDERS - 1)); /* hers already */
	note(ANNE, n);
	assert_true(is_there(ANNE, n));
	assert_true(is_there(ANNE, 0));
	assert_false(is_there(ANNE, GUARD_USER_FOLDERS - 1));
	assert_true(access(path_of(ANNE, GUARD_USER_FOLDERS - 1, "."), F_OK) && errno == ENOENT);
	assert_true(is_there(0, 1));
	assert_true(is_there(BERT, 1));
}

static void root_has_as_many_as_there_are(void **state)
{
	(void)state;
	for (unsigned n = 0; n < GUARD_USER_FOLDERS + 10; n++)
		note(0, n);
	for (unsigned n = 0; n < GUARD_USER_FOLDERS + 10; n++)
		assert_true(is_there(0, n));
}

static void so_many_bytes_are_kept_and_the_oldest_go(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		note(ANNE, n);
		note(BERT, n);
	}
	for (unsigned n = 0; n < 2; n++) { /* more than any audit grows to, to have it soon */
		assert_int_equal(truncate(path_of(ANNE, n, AUDIT_FILE), GUARD_USER_BYTES / 2 + 1),
				 0);
		assert_int_equal(truncate(path_of(BERT, n, AUDIT_FILE), GUARD_USER_BYTES / 2 + 1),
				 0);
		age(ANNE, n, 1000 - n);
	}
	for (unsigned i = 0; i < 100; i++)
		note(ANNE, 2);
	assert_true(is_there(ANNE, 0)); /* it is looked at now and then */
	for (unsigned i = 0; i < 5000; i++)
		note(ANNE, 2);
	assert_false(is_there(ANNE, 0));
	assert_true(is_there(ANNE, 1));
	assert_true(is_there(ANNE, 2));
	for (unsigned n = 0; n < 3; n++)
		assert_true(is_there(BERT, n));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(one_user_has_so_many_folders_and_the_oldest_go),
		TEST(root_has_as_many_as_there_are),
		TEST(so_many_bytes_are_kept_and_the_oldest_go),
	};

	return cmocka_run_group_tests_name("guard share", tests, NULL, NULL);
}
