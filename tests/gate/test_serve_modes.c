// SPDX-License-Identifier: Apache-2.0
/*
 * test_serve_modes.c - terok-gate serve, however it is begun: one connection, sockets passed by
 * systemd, a unix socket, in the background; and what its command line may not be
 *
 * B names the build.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"

#define REQUEST "GET /none HTTP/1.0\r\n\r\n"
#define WAIT_MS 10000

static char folder[64], program[4096], base[128], tokens[160];
static pid_t child;

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/terok-serve-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(base, sizeof(base), "%s/base", folder);
	snprintf(tokens, sizeof(tokens), "%s/tokens.json", base);
	snprintf(program, sizeof(program), "%s/terok-gate", getenv("B") ?: "build");
	child = 0;
	return mkdir(base, 0700);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* It begins with @in at descriptor 0, @passed at 3; what it says is read from the return value. */
static int begin(int in, int passed, const char *const *more)
{
	const char *argv[16] = { program, "serve", "--base-path", base, "--token-file", tokens };
	char number[16];
	int said[2], n = 6;

	while (*more)
		argv[n++] = *more++;
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(said[1], 2);
		if (in >= 0)
			dup2(in, 0);
		if (passed >= 0) {
			snprintf(number, sizeof(number), "%d", getpid());
			setenv("LISTEN_PID", number, 1);
			setenv("LISTEN_FDS", "1", 1);
			dup2(passed, 3);
			if (passed == 3)
				fcntl(3, F_SETFD, 0);
		}
		execv(program, (char **)argv);
		_exit(126);
	}
	close(said[1]);
	return said[0];
}

/* Until @what was said, or its end. */
static bool says(int fd, const char *what)
{
	static char text[4096];
	size_t at = 0;
	ssize_t n = 1;

	while (n > 0 && at < sizeof(text) - 1) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (poll(&ready, 1, WAIT_MS) != 1)
			break;
		n = read(fd, text + at, sizeof(text) - 1 - at);
		at += n > 0 ? (size_t)n : 0;
		text[at] = '\0';
		if (strstr(text, what))
			return true;
	}
	print_message("no '%s' in: %s\n", what, text);
	return false;
}

static int ends(void)
{
	int status = -1;

	assert_int_equal(waitpid(child, &status, 0), child);
	child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int listener(struct sockaddr_in *at)
{
	socklen_t size = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)at, size), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
	return fd;
}

static int connect_to(const void *at, socklen_t size)
{
	int fd = socket(((const struct sockaddr *)at)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, at, size), 0);
	return fd;
}

static void expect_404(int fd)
{
	assert_int_equal(write(fd, REQUEST, strlen(REQUEST)), strlen(REQUEST));
	assert_true(says(fd, "404 Not Found"));
}

static void one_connection_is_served_and_then_it_ends(void **state)
{
	const char *const more[] = { "--inetd", NULL };
	int pair[2], said;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	said = begin(pair[1], -1, more);
	close(pair[1]);
	expect_404(pair[0]);
	close(pair[0]);
	assert_int_equal(ends(), 0);
	close(said);
}

static void a_descriptor_that_is_no_connection_is_an_error(void **state)
{
	const char *const more[] = { "--inetd", NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), said = begin(null, -1, more);

	(void)state;
	assert_true(says(said, "descriptor 0 is no connection"));
	assert_int_equal(ends(), 1);
	close(said);
	close(null);
}

static void what_systemd_passes_is_listened_at(void **state)
{
	const char *const more[] = { NULL };
	struct sockaddr_in at;
	int passed = listener(&at), said = begin(-1, passed, more), fd;

	(void)state;
	close(passed);
	fd = connect_to(&at, sizeof(at)); /* it waits, if the server is not there yet */
	expect_404(fd);
	close(fd);
	kill(child, SIGTERM);
	assert_int_equal(ends(), 0);
	close(said);
}

static void a_unix_socket_is_its_users_alone_and_goes_with_it(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const char *const more[] = { "--socket-path", at.sun_path, NULL };
	struct stat st;
	int said, fd;

	(void)state;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/run/gate.sock", folder);
	said = begin(-1, -1, more);
	assert_true(says(said, "serves "));
	assert_int_equal(stat(at.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fd = connect_to(&at, sizeof(at));
	expect_404(fd);
	close(fd);
	kill(child, SIGTERM);
	assert_int_equal(ends(), 0);
	assert_int_equal(stat(at.sun_path, &st), -1);
	close(said);
}

/* Statement 13. */
static void in_the_background_it_leads_a_session_and_its_number_is_in_the_file(void **state)
{
	char file[160], text[32] = "", port[16], number[32];
	const char *const more[] = { "--detach", "--pid-file", file, "--port", port, NULL };
	struct sockaddr_in at;
	struct pollfd ended = { .events = POLLIN };
	int held = listener(&at), said, fd;
	struct stat st;
	pid_t pid;

	(void)state;
	snprintf(file, sizeof(file), "%s/a/b/gate.pid", folder);
	snprintf(port, sizeof(port), "%u", ntohs(at.sin_port));
	close(held);
	said = begin(-1, -1, more);
	assert_int_equal(ends(), 0);
	close(said);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
	pid = (pid_t)strtol(text, NULL, 10);
	snprintf(number, sizeof(number), "%d", pid);
	assert_string_equal(text, number); /* and no newline */
	/* it listened before the parent ended; its session may come a moment later */
	fd = connect_to(&at, sizeof(at));
	expect_404(fd);
	close(fd);
	assert_int_equal(getsid(pid), pid);
	ended.fd = pidfd_open(pid, 0);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(poll(&ended, 1, WAIT_MS), 1);
	close(ended.fd);
}

static void what_cannot_be_meant_is_refused(void **state)
{
	static const char *const wrong[][4] = {
		{ "--inetd", "--detach", NULL },
		{ "--admin-token", "terok-admin-0123456789", NULL },
		{ "--port", "65536", NULL },
		{ "--bind", "localhost", NULL },
		{ "--pid-file", "x", NULL },
		{ "--transfers", "0", NULL },
		{ "extra", NULL },
	};
	int said;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		said = begin(-1, -1, wrong[i]);
		assert_true(says(said, "terok-gate: "));
		assert_int_equal(ends(), 2);
		close(said);
	}
}

static void an_admin_token_in_a_file_that_others_can_read_is_refused(void **state)
{
	char file[160];
	const char *const more[] = { "--admin-token-file", file, NULL };
	_cleanup_close_ int fd = -1;
	int said;

	(void)state;
	snprintf(file, sizeof(file), "%s/admin", folder);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_true(dprintf(fd, "terok-admin-0123456789\n") > 0);
	said = begin(-1, -1, more);
	assert_true(says(said, "can be read by others"));
	assert_int_equal(ends(), 1);
	close(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(one_connection_is_served_and_then_it_ends),
		T(a_descriptor_that_is_no_connection_is_an_error),
		T(what_systemd_passes_is_listened_at),
		T(a_unix_socket_is_its_users_alone_and_goes_with_it),
		T(in_the_background_it_leads_a_session_and_its_number_is_in_the_file),
		T(what_cannot_be_meant_is_refused),
		T(an_admin_token_in_a_file_that_others_can_read_is_refused),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
