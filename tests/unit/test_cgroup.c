// SPDX-License-Identifier: Apache-2.0
/* test_cgroup.c - user/cgroup.c: texts everywhere; real directories as root on cgroup2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/container.h"
#include "cgroup.h"

static char base[64]; /* our cgroup, below the root */
static char path[TEROK_PATH_LEN];

static void need_root(void)
{
	char root[CGROUP_ROOT_LEN];

	if (geteuid() || cgroup_root(root, NULL))
		skip();
}

static int remove_base(void **state)
{
	(void)state;
	return geteuid() ? 0 : cgroup_remove(base, NULL, NULL) == -EBUSY;
}

static void the_v2_line_is_found_among_v1_lines(void **state)
{
	(void)state;
	assert_int_equal(container_cgroup_line("4:memory:/a\n0::/b/c\n", path), 0);
	assert_string_equal(path, "/b/c");
	assert_int_equal(container_cgroup_line("0::/\n", path), 0);
	assert_string_equal(path, "/");
}

static void a_line_that_is_no_path_is_refused(void **state)
{
	char huge[TEROK_PATH_LEN + 16];

	(void)state;
	assert_int_equal(container_cgroup_line("4:memory:/a\n", path), -ENOTSUP);
	assert_int_equal(container_cgroup_line("10::/x\n", path), -ENOTSUP);
	assert_int_equal(container_cgroup_line("0::/cut", path), -EBADMSG);
	assert_int_equal(container_cgroup_line("0::relative\n", path), -EBADMSG);
	assert_int_equal(container_cgroup_line("0::/../other\n", path), -EXDEV);
	assert_int_equal(container_cgroup_line("0::/gone (deleted)\n", path), -ENOENT);
	/* its control: dots inside a name are only a name */
	assert_int_equal(container_cgroup_line("0::/..a\n", path), 0);
	memset(huge, 'a', sizeof(huge));
	memcpy(huge, "0::/", 4);
	strcpy(huge + sizeof(huge) - 2, "\n");
	assert_int_equal(container_cgroup_line(huge, path), -ENAMETOOLONG);
}

static void a_cgroup_has_one_id_and_one_path(void **state)
{
	_cleanup_close_ int fd = -1, again = -1, by_id = -1;
	char full[CGROUP_ROOT_LEN + TEROK_PATH_LEN], deep[80];
	uint64_t id = 0, id_again = 1;

	(void)state;
	need_root();
	snprintf(deep, sizeof(deep), "%s/a/b", base);
	fd = cgroup_create(deep, NULL);
	assert_true(fd >= 0);
	assert_int_equal(cgroup_path(fd, path), 0);
	assert_string_equal(path, deep);
	assert_int_equal(cgroup_id(fd, &id), 0);
	assert_int_equal(cgroup_path_of_id(id, path), 0);
	assert_string_equal(path, deep);

	/* the same by the path under the mount, and without the leading slash */
	assert_int_equal(cgroup_root(full, NULL), 0);
	strcat(full, deep);
	again = cgroup_open(full, NULL);
	assert_true(again >= 0);
	assert_int_equal(cgroup_id(again, &id_again), 0);
	assert_int_equal(id, id_again);
	by_id = cgroup_open(deep + 1, NULL);
	assert_true(by_id >= 0);
	assert_int_equal(cgroup_rmdir(deep), 0);
	assert_int_equal(cgroup_path(fd, path), -ENOENT);
	assert_int_equal(cgroup_open_id(id, NULL), -ENOENT);
}

static void what_is_no_cgroup_is_refused(void **state)
{
	char text[200], root[CGROUP_ROOT_LEN];
	_cleanup_close_ int fd = -1, tmp = open("/tmp", O_RDONLY | O_CLOEXEC);
	struct problem why = { 0 };
	uint64_t id;

	(void)state;
	need_root();
	fd = cgroup_create(base, NULL);
	assert_true(fd >= 0); /* control: the folder itself opens */
	assert_int_equal(cgroup_root(root, NULL), 0);
	assert_int_equal(cgroup_open("", &why), -EINVAL);
	assert_int_equal(cgroup_open("/", &why), -EINVAL);
	assert_int_equal(cgroup_open(root, &why), -EINVAL);
	snprintf(text, sizeof(text), "%s/../x", base);
	assert_int_equal(cgroup_open(text, &why), -EINVAL);
	assert_non_null(strstr(why.text, "'..'"));
	snprintf(text, sizeof(text), "%s/cgroup.procs", base);
	assert_int_equal(cgroup_open(text, &why), -ENOTDIR);
	snprintf(text, sizeof(text), "%s/none", base);
	assert_int_equal(cgroup_open(text, &why), -ENOENT);
	assert_non_null(strstr(why.text, "none"));
	assert_int_equal(cgroup_id(tmp, &id), -EINVAL);
	assert_int_equal(cgroup_path(tmp, path), -EINVAL);
}

static pid_t start_member(int fd)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (cgroup_join(fd) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void members_are_found_below_and_killed(void **state)
{
	_cleanup_close_ int top = -1, leaf = -1, watch = -1;
	unsigned killed = 99;
	char deep[80];
	struct pollfd news;
	int status;
	pid_t pid;

	(void)state;
	need_root();
	snprintf(deep, sizeof(deep), "%s/x/y", base);
	leaf = cgroup_create(deep, NULL);
	top = cgroup_open(base, NULL);
	assert_int_equal(cgroup_populated(top), 0);
	assert_int_equal(cgroup_first_pid(top), 0);
	watch = cgroup_watch(top);
	assert_int_equal(cgroup_populated_at(watch), 0);

	pid = start_member(leaf);
	news = (struct pollfd){ .fd = watch, .events = POLLPRI };
	assert_int_equal(poll(&news, 1, 5000), 1);
	assert_int_equal(cgroup_populated_at(watch), 1);
	assert_int_equal(cgroup_first_pid(top), pid);
	assert_int_equal(cgroup_of_pid(pid, path, NULL), 0);
	assert_string_equal(path, deep);
	assert_int_equal(cgroup_rmdir(deep), -EBUSY);

	assert_int_equal(cgroup_remove(base, &killed, NULL), 0);
	assert_int_equal(killed, 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(cgroup_populated(top), -ENODEV);
	assert_int_equal(cgroup_open(base, NULL), -ENOENT);
	assert_int_equal(cgroup_remove(base, &killed, NULL), 0); /* nothing there: no error */
}

/* In mounts of its own: the root that was found is hidden, is back, is somewhere else. */
static int follow_the_root(const char *elsewhere)
{
	char root[CGROUP_ROOT_LEN], now[CGROUP_ROOT_LEN];

	if (cgroup_root(root, NULL) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 1;
	if (mount("none", root, "tmpfs", 0, NULL) || cgroup_root_open(NULL) != -ENOTSUP)
		return 2;
	if (umount2(root, 0) || cgroup_root_open(NULL) < 0)
		return 3;
	if (umount2(root, MNT_DETACH) || mount("none", elsewhere, "cgroup2", 0, NULL))
		return 4;
	if (cgroup_root(now, NULL) || strcmp(now, elsewhere))
		return 5;
	return 0;
}

static void the_root_is_found_anew_where_it_moved(void **state)
{
	char elsewhere[] = "/tmp/terok-test-cgroup-XXXXXX";
	int status;
	pid_t pid;

	(void)state;
	need_root();
	assert_non_null(mkdtemp(elsewhere));
	pid = fork();
	if (!pid)
		_exit(follow_the_root(elsewhere));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rmdir(elsewhere);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_path_is_within_folders_and_not_names(void **state)
{
	(void)state;
	assert_true(cgroup_is_within("/a/b", "/a/b"));
	assert_true(cgroup_is_within("/a/b/c", "/a/b"));
	assert_false(cgroup_is_within("/a/bc", "/a/b"));
	assert_false(cgroup_is_within("/a", "/a/b"));
	assert_true(cgroup_is_within("/a", "/")); /* the root has all of them */
	assert_true(cgroup_is_within("/", "/"));
	assert_false(cgroup_is_within("/", "/a"));
	assert_true(cgroup_holds("/", getpid()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_within_folders_and_not_names),
		cmocka_unit_test(the_v2_line_is_found_among_v1_lines),
		cmocka_unit_test(a_line_that_is_no_path_is_refused),
		cmocka_unit_test_teardown(a_cgroup_has_one_id_and_one_path, remove_base),
		cmocka_unit_test_teardown(what_is_no_cgroup_is_refused, remove_base),
		cmocka_unit_test_teardown(members_are_found_below_and_killed, remove_base),
		cmocka_unit_test(the_root_is_found_anew_where_it_moved),
	};

	snprintf(base, sizeof(base), "/terok-test-cgroup-%d", getpid());
	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
