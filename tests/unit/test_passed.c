// SPDX-License-Identifier: Apache-2.0
/* test_passed.c - user/base/passed.c, and base/sock.c of what it found: sockets from systemd */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/passed.h"
#include "base/sock.h"

static char folder[64], path[80];
static struct passed passed;
static struct problem why;
static int saved[PASSED_MAX + 1]; /* what the test had there */

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_passed.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/a.sock", folder);
	why = (struct problem){};
	for (int i = 0; i <= PASSED_MAX; i++) {
		saved[i] = fcntl(PASSED_FIRST + i, F_DUPFD_CLOEXEC, 100);
		close(PASSED_FIRST + i);
	}
	return 0;
}

static int teardown(void **state)
{
	char lock[96];

	(void)state;
	for (int i = 0; i <= PASSED_MAX; i++) {
		close(PASSED_FIRST + i);
		if (saved[i] >= 0)
			dup2(saved[i], PASSED_FIRST + i);
		closep(&saved[i]);
	}
	unlink(path);
	snprintf(lock, sizeof(lock), "%s/.a.sock.lock", folder);
	unlink(lock);
	return rmdir(folder);
}

/* A socket at descriptor @fd, as systemd would leave it: blocking, inherited. */
static void listen_at(int fd, const char *where, int type, mode_t mode)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int made = socket(AF_UNIX, type, 0);

	strcpy(sun.sun_path, where);
	assert_int_equal(bind(made, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(chmod(where, mode), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(made, 1), 0);
	if (made != fd) {
		assert_int_equal(dup2(made, fd), fd);
		close(made);
	}
}

/* The same of TCP, at a port that the kernel chooses. */
static unsigned listen_at_port(int fd, int family)
{
	struct sockaddr_storage at = { .ss_family = (sa_family_t)family };
	socklen_t size = sizeof(at);
	int made = socket(family, SOCK_STREAM, 0);

	assert_int_equal(bind(made, (struct sockaddr *)&at, family == AF_INET ? 16 : 28), 0);
	assert_int_equal(listen(made, 1), 0);
	assert_int_equal(getsockname(made, (struct sockaddr *)&at, &size), 0);
	if (made != fd) {
		assert_int_equal(dup2(made, fd), fd);
		close(made);
	}
	return ntohs(((struct sockaddr_in *)&at)->sin_port); /* where IPv6 has it too */
}

static void say(const char *pid, const char *n)
{
	char own[16];

	snprintf(own, sizeof(own), "%d", getpid());
	setenv("LISTEN_PID", pid ?: own, 1);
	setenv("LISTEN_FDS", n, 1);
	setenv("LISTEN_FDNAMES", "x", 1);
}

static void a_socket_is_found_by_its_place(void **state)
{
	int fd;

	(void)state;
	listen_at(PASSED_FIRST, path, SOCK_STREAM, 0600);
	say(NULL, "1");
	assert_int_equal(passed_open(&passed, &why), 0);
	assert_int_equal(passed_last(&passed), PASSED_FIRST);
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
	assert_int_equal(passed_take(&passed, "/tmp/elsewhere"), -ENOENT);
	assert_int_equal(passed_take(&passed, ""), -ENOENT);
	fd = passed_take(&passed, path);
	assert_int_equal(fd, PASSED_FIRST);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(passed_take(&passed, path), -ENOENT); /* once */
	assert_int_equal(passed_done(&passed, &why), 0);
}

static void what_is_another_process_s_is_not_ours(void **state)
{
	static const char *const pids[] = { "1", "", "x", "0" };

	(void)state;
	listen_at(PASSED_FIRST, path, SOCK_STREAM, 0600);
	for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++) {
		say(pids[i], "1");
		assert_int_equal(passed_open(&passed, &why), 0);
		assert_int_equal(passed_last(&passed), PASSED_FIRST - 1);
		assert_null(getenv("LISTEN_FDS"));
	}
	assert_int_equal(fcntl(PASSED_FIRST, F_GETFD), 0);
}

static void a_number_that_is_none_is_zero_and_too_many_are_refused(void **state)
{
	static const char *const none[] = { "", "-1", "x", "1x", "0" };

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		say(NULL, none[i]);
		assert_int_equal(passed_open(&passed, &why), 0);
		assert_int_equal(passed.n, 0);
	}
	say(NULL, "9");
	assert_int_equal(passed_open(&passed, &why), -E2BIG);
	say(NULL, "18446744073709551615");
	assert_int_equal(passed_open(&passed, &why), -E2BIG);
	say(NULL, "1");
	assert_int_equal(passed_open(&passed, &why), -EBADF);
	assert_non_null(strstr(why.text, "is not there"));
}

static void what_nobody_has_a_use_for_is_named(void **state)
{
	(void)state;
	listen_at(PASSED_FIRST, path, SOCK_DGRAM, 0600);
	assert_int_equal(open("/dev/null", O_RDONLY), PASSED_FIRST + 1);
	say(NULL, "2");
	assert_int_equal(passed_open(&passed, &why), 0);
	assert_int_equal(passed_take(&passed, path), -ENOENT); /* no stream */
	assert_int_equal(passed_done(&passed, &why), -EINVAL);
	assert_non_null(strstr(why.text, "socket 3 was passed"));
	assert_int_equal(fcntl(PASSED_FIRST, F_GETFD), -1);
	assert_int_equal(fcntl(PASSED_FIRST + 1, F_GETFD), -1);
}

static void an_adopted_place_is_held_and_stays(void **state)
{
	struct sock_place first = SOCK_PLACE_NONE, second = SOCK_PLACE_NONE;

	(void)state;
	listen_at(PASSED_FIRST, path, SOCK_STREAM, 0600);
	assert_int_equal(sock_place_adopt(path, PASSED_FIRST, &first, &why), 0);
	assert_int_equal(sock_place_adopt(path, PASSED_FIRST, &second, &why), -EADDRINUSE);
	assert_int_equal(sock_place_take(path, &second, &why), -EADDRINUSE);
	assert_non_null(strstr(why.text, "somebody listens"));
	sock_place_leave(&first);
	assert_int_equal(access(path, F_OK), 0); /* who made it removes it */
}

static void a_place_that_others_may_enter_is_not_adopted(void **state)
{
	struct sock_place place = SOCK_PLACE_NONE;

	(void)state;
	listen_at(PASSED_FIRST, path, SOCK_STREAM, 0660);
	assert_int_equal(sock_place_adopt(path, PASSED_FIRST, &place, &why), -EPERM);
	assert_non_null(strstr(why.text, "open to others"));
	chmod(path, 0600);
	chmod(folder, 0755);
	assert_int_equal(sock_place_adopt(path, PASSED_FIRST, &place, &why), -EPERM);
	chmod(folder, 0700);
	assert_int_equal(sock_place_adopt(path, PASSED_FIRST, &place, &why), 0);
	sock_place_leave(&place);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void a_port_is_taken_by_its_number(void **state)
{
	unsigned v4 = listen_at_port(PASSED_FIRST, AF_INET);
	unsigned v6 = listen_at_port(PASSED_FIRST + 1, AF_INET6);

	(void)state;
	listen_at(PASSED_FIRST + 2, path, SOCK_STREAM, 0600);
	say(NULL, "3");
	assert_int_equal(passed_open(&passed, &why), 0);
	assert_int_equal(passed_take_port(&passed, 0), -ENOENT);
	assert_int_equal(passed_take_port(&passed, 1), -ENOENT);
	assert_int_equal(passed_take_port(&passed, v6), PASSED_FIRST + 1);
	assert_int_equal(passed_take_port(&passed, v6), -ENOENT);
	assert_int_equal(passed_take_port(&passed, v4), PASSED_FIRST);
	assert_true(fcntl(PASSED_FIRST, F_GETFL) & O_NONBLOCK);
	assert_int_equal(passed_take(&passed, path), PASSED_FIRST + 2);
	assert_int_equal(passed_done(&passed, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_socket_is_found_by_its_place),
		TEST(a_port_is_taken_by_its_number),
		TEST(what_is_another_process_s_is_not_ours),
		TEST(a_number_that_is_none_is_zero_and_too_many_are_refused),
		TEST(what_nobody_has_a_use_for_is_named),
		TEST(an_adopted_place_is_held_and_stays),
		TEST(a_place_that_others_may_enter_is_not_adopted),
	};

	return cmocka_run_group_tests_name("passed", tests, NULL, NULL);
}
