// SPDX-License-Identifier: Apache-2.0
/* test_life.c - hub/life.c: where a session's sockets are; the rest is in tests/hub */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "hub/life.h"

static char path[128];
static struct problem why;

/* The path of a.sock where XDG_RUNTIME_DIR is that; NULL: not set. */
static const char *path_in(const char *folder)
{
	if (folder)
		setenv("XDG_RUNTIME_DIR", folder, 1);
	else
		unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(life_path(path, sizeof(path), NULL, "a.sock", &why), 0);
	return path;
}

static void sockets_are_in_the_users_runtime_folder(void **state)
{
	char usual[64];

	(void)state;
	snprintf(usual, sizeof(usual), "/run/user/%u/a.sock", getuid());
	assert_string_equal(path_in("/tmp/run"), "/tmp/run/a.sock");
	assert_string_equal(path_in(NULL), usual);
	assert_string_equal(path_in(""), usual);
	assert_string_equal(path_in("run"), usual); /* a folder of chance */
}

static void who_says_where_is_obeyed(void **state)
{
	(void)state;
	setenv("XDG_RUNTIME_DIR", "/tmp/run", 1);
	assert_int_equal(life_path(path, sizeof(path), "x/b.sock", "a.sock", &why), 0);
	assert_string_equal(path, "x/b.sock");
}

static void a_path_that_is_too_long_is_no_other_path(void **state)
{
	char folder[256];

	(void)state;
	memset(folder, 'x', sizeof(folder));
	*folder = '/';
	folder[sizeof(path) - strlen("/a.sock")] = '\0';
	setenv("XDG_RUNTIME_DIR", folder, 1);
	assert_int_equal(life_path(path, sizeof(path), NULL, "a.sock", &why), -ENAMETOOLONG);
	assert_non_null(strstr(why.text, "too long"));
	folder[sizeof(path) - strlen("/a.sock") - 1] = '\0';
	assert_int_equal(strlen(path_in(folder)), sizeof(path) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_are_in_the_users_runtime_folder),
		cmocka_unit_test(who_says_where_is_obeyed),
		cmocka_unit_test(a_path_that_is_too_long_is_no_other_path),
	};

	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
