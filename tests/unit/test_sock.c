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
#include <dirent.h>
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

/* --- a place of ours alone ----------------------------------------------------------- */

static struct sock_place place, second;

static void is_no_place(const char *where, int error, const char *said)
{
	struct problem why = {};

	assert_int_equal(sock_place_take(where, &second, &why), error);
	assert_non_null(strstr(why.text, said));
}

static int files_in_folder(void)
{
	_cleanup_(closedirp) DIR *dir = opendir(folder);
	int n = 0;

	while (readdir(dir))
		n++;
	return n - 2;
}

static void nobody_else_may_do_anything_with_it(void **state)
{
	struct stat st;

	(void)state;
	umask(0);
	assert_int_equal(sock_place_take(path, &place, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	sock_place_leave(&place);
	umask(0777); /* whatever it is */
	assert_int_equal(sock_place_take(path, &place, NULL), 0);
	umask(022);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	sock_place_leave(&place);
}

static void it_leaves_nothing_behind(void **state)
{
	(void)state;
	assert_int_equal(sock_place_take(path, &place, NULL), 0);
	assert_int_equal(files_in_folder(), 2); /* and its lock */
	sock_place_leave(&place);
	assert_int_equal(files_in_folder(), 0);
	assert_int_equal(place.fd, -1);
	sock_place_leave(&place); /* is nothing */
}

static void a_second_one_steals_nothing_and_ends_nothing(void **state)
{
	_cleanup_close_ int old = -1;

	(void)state;
	assert_int_equal(sock_place_take(path, &place, NULL), 0);
	is_no_place(path, -EADDRINUSE, "listens");
	/* also where the file has gone: the lock is held */
	assert_int_equal(unlink(path), 0);
	is_no_place(path, -EADDRINUSE, "listens");
	sock_place_leave(&place);
	/* and where somebody listens who knows of no lock */
	assert_int_equal(sock_listen(path, 0600, &old, NULL), 0);
	is_no_place(path, -EADDRINUSE, "listens");
	closep(&old);
	assert_int_equal(sock_place_take(path, &place, NULL), 0);
	sock_place_leave(&place);
}

static void what_another_put_there_is_not_removed(void **state)
{
	_cleanup_close_ int other = -1;

	(void)state;
	assert_int_equal(sock_place_take(path, &place, NULL), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(sock_listen(path, 0600, &other, NULL), 0);
	sock_place_leave(&place);
	assert_int_equal(files_in_folder(), 1);
	closep(&other);
}

static void whatever_else_is_there_gives_way_but_a_folder(void **state)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char target[80];
	struct stat st;

	(void)state;
	assert_int_equal(sock_place_take(path, &place, NULL), 0);
	sock_place_leave(&place);

	snprintf(target, sizeof(target), "%s/target", folder);
	closep(&fd);
	fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(symlink("target", path), 0);
	assert_int_equal(sock_place_take(path, &place, NULL), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	sock_place_leave(&place);
	assert_int_equal(unlink(target), 0); /* was not touched */

	assert_int_equal(mkdir(path, 0700), 0);
	is_no_place(path, -EISDIR, "folder");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(files_in_folder(), 0);
}

static void its_folder_is_ours_and_closed_to_all_others(void **state)
{
	static const mode_t open_to_others[] = { 0777, 0755, 0750, 0701, 0710, 0702 };
	char link[40], via[64];

	(void)state;
	for (size_t i = 0; i < sizeof(open_to_others) / sizeof(mode_t); i++) {
		assert_int_equal(chmod(folder, open_to_others[i]), 0);
		is_no_place(path, -EPERM, "chmod go=");
	}
	assert_int_equal(chmod(folder, 0700), 0);
	if (geteuid()) {
		is_no_place("/usr/sock", -EPERM, "belongs to user 0");
	} else {
		assert_int_equal(chown(folder, 4001, 0), 0);
		is_no_place(path, -EPERM, "belongs to user 4001");
		assert_int_equal(chown(folder, 0, 0), 0);
	}
	assert_int_equal(files_in_folder(), 0);

	/* a link to a private one is one */
	snprintf(link, sizeof(link), "%s.link", folder);
	snprintf(via, sizeof(via), "%s/sock", link);
	assert_int_equal(symlink(folder, link), 0);
	assert_int_equal(sock_place_take(via, &place, NULL), 0);
	sock_place_leave(&place);
	assert_int_equal(unlink(link), 0);
}

static void folders_that_are_missing_are_made_for_us_alone(void **state)
{
	char deep[64], *slash;
	struct stat st;

	(void)state;
	snprintf(deep, sizeof(deep), "%s/a/b/sock", folder);
	umask(0);
	assert_int_equal(sock_place_take(deep, &place, NULL), 0);
	umask(022);
	sock_place_leave(&place);
	while ((slash = strrchr(deep, '/')) > deep + strlen(folder)) {
		*slash = '\0';
		assert_int_equal(stat(deep, &st), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
		assert_int_equal(rmdir(deep), 0);
	}
	is_no_place("sub/", -EISDIR, "folder");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_dead_socket_is_replaced_and_a_live_one_is_not_stolen),
		T(what_is_no_socket_stays),
		T(a_folder_that_others_may_write_to_is_no_place),
		T(a_path_is_neither_empty_nor_too_long),
		T(nobody_else_may_do_anything_with_it),
		T(it_leaves_nothing_behind),
		T(a_second_one_steals_nothing_and_ends_nothing),
		T(what_another_put_there_is_not_removed),
		T(whatever_else_is_there_gives_way_but_a_folder),
		T(its_folder_is_ours_and_closed_to_all_others),
		T(folders_that_are_missing_are_made_for_us_alone),
	};

	return cmocka_run_group_tests_name("sock", tests, NULL, NULL);
}
