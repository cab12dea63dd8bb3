// SPDX-License-Identifier: Apache-2.0
/* test_sock.c - base/sock.c: what is stolen, what is replaced, where a socket may be */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sock.h"

static char folder[32], path[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_sock.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void refused(const char *where, int error, const char *said)
{
	struct problem why = {};
	int fd = -1;

	assert_int_equal(sock_listen(where, 0600, &fd, &why), error);
	assert_int_equal(fd, -1);
	assert_non_null(strstr(why.text, said));
}

static void a_dead_socket_is_replaced_and_a_live_one_is_not_stolen(void **state)
{
	_cleanup_close_ int first = -1, second = -1, peer = -1;
	struct stat st;

	(void)state;
	assert_int_equal(sock_listen(path, 0640, &first, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0640);
	refused(path, -EADDRINUSE, path);
	peer = sock_connect(path);
	assert_true(peer >= 0);

	closep(&first);
	assert_int_equal(sock_connect(path), -ECONNREFUSED);
	assert_int_equal(sock_listen(path, 0600, &second, NULL), 0);
}

static void what_is_no_socket_stays(void **state)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	(void)state;
	refused(path, -EEXIST, "no socket");
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void a_folder_that_others_may_write_to_is_no_place(void **state)
{
	(void)state;
	assert_int_equal(chmod(folder, 0770), 0);
	refused(path, -EPERM, "chmod go-w");
	assert_int_equal(chmod(folder, 0700), 0);
}

static void a_path_is_neither_empty_nor_too_long(void **state)
{
	char text[200];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	refused(text, -ENAMETOOLONG, "too long");
	assert_int_equal(sock_connect(text), -ENAMETOOLONG);
	refused("", -ENOENT, "empty");
	assert_int_equal(sock_connect(""), -ENOENT); /* not ECONNREFUSED: nobody was asked */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_dead_socket_is_replaced_and_a_live_one_is_not_stolen),
		T(what_is_no_socket_stays),
		T(a_folder_that_others_may_write_to_is_no_place),
		T(a_path_is_neither_empty_nor_too_long),
	};

	return cmocka_run_group_tests_name("sock", tests, NULL, NULL);
}
