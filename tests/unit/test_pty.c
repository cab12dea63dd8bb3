// SPDX-License-Identifier: Apache-2.0
/* test_pty.c - base/pty.c: a terminal of our own, raw mode and back, its size, its session */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/pty.h"

struct ends {
	int outer, inside;
};

static int open_ends(void **state)
{
	static struct ends ends;

	ends.outer = pty_open(-1, &ends.inside);
	*state = &ends;
	return ends.outer < 0;
}

static int close_ends(void **state)
{
	struct ends *ends = *state;

	close(ends->outer);
	close(ends->inside);
	return 0;
}

/* what arrives at @fd within 5 s */
static ssize_t take(int fd, char *buf, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 5000), 1);
	return read(fd, buf, size);
}

static void raw_mode_hands_bytes_through_and_restore_undoes_it(void **state)
{
	struct ends *ends = *state;
	struct termios saved, now;
	char buf[16];

	assert_int_equal(write(ends->inside, "\n", 1), 1);
	assert_int_equal(take(ends->outer, buf, sizeof(buf)), 2); /* control: "\r\n" */
	assert_int_equal(pty_raw(ends->inside, &saved), 0);
	assert_int_equal(write(ends->inside, "\n", 1), 1);
	assert_int_equal(take(ends->outer, buf, sizeof(buf)), 1);
	assert_int_equal(write(ends->outer, "\x03", 1), 1);
	assert_int_equal(take(ends->inside, buf, sizeof(buf)), 1);
	assert_int_equal(buf[0], 3);
	pty_restore(ends->inside, &saved);
	assert_int_equal(tcgetattr(ends->inside, &now), 0);
	assert_memory_equal(&now.c_lflag, &saved.c_lflag, sizeof(now.c_lflag));
	assert_true(now.c_lflag & ICANON);
}

static void a_new_terminal_is_like_the_old_one(void **state)
{
	struct ends *ends = *state;
	struct winsize size = { .ws_row = 11, .ws_col = 47 }, seen;
	struct termios mode, seen_mode;
	int outer, inside;

	assert_int_equal(ioctl(ends->inside, TIOCSWINSZ, &size), 0);
	tcgetattr(ends->inside, &mode);
	mode.c_lflag &= ~ECHO;
	tcsetattr(ends->inside, TCSANOW, &mode);
	outer = pty_open(ends->inside, &inside);
	assert_true(outer >= 0);
	assert_int_equal(ioctl(inside, TIOCGWINSZ, &seen), 0);
	assert_int_equal(seen.ws_row, 11);
	assert_int_equal(pty_columns(inside), 47);
	tcgetattr(inside, &seen_mode);
	assert_false(seen_mode.c_lflag & ECHO);
	size.ws_col = 48;
	ioctl(ends->inside, TIOCSWINSZ, &size);
	assert_int_equal(pty_copy_size(ends->inside, outer), 0);
	assert_int_equal(pty_columns(inside), 48);
	close(outer);
	close(inside);
}

static void what_is_no_terminal_is_refused(void **state)
{
	int fds[2], inside = -7;
	struct termios saved;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pty_raw(fds[0], &saved), -ENOTTY);
	assert_int_equal(pty_open(fds[0], &inside), -ENOTTY);
	assert_int_equal(inside, -7);
	assert_int_equal(pty_columns(fds[0]), 80);
	assert_false(pty_in_foreground(fds[0]));
	close(fds[0]);
	close(fds[1]);
}

static void a_child_can_take_it_as_its_controlling_terminal(void **state)
{
	struct ends *ends = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (pty_take(ends->inside) || open("/dev/tty", O_RDWR) < 0)
			_exit(1);
		_exit(pty_in_foreground(ends->inside) ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(pty_in_foreground(ends->inside)); /* control: it is not ours */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define pty_test(t) cmocka_unit_test_setup_teardown(t, open_ends, close_ends)
		pty_test(raw_mode_hands_bytes_through_and_restore_undoes_it),
		pty_test(a_new_terminal_is_like_the_old_one),
		pty_test(what_is_no_terminal_is_refused),
		pty_test(a_child_can_take_it_as_its_controlling_terminal),
	};

	return cmocka_run_group_tests_name("pty", tests, NULL, NULL);
}
