// SPDX-License-Identifier: Apache-2.0
/* test_ingest.c - hub/ingest.c: lines of real sockets, whole, in pieces, too long, too many */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "hub/ingest.h"

#define UP(container) "{\"type\":\"shield_up\",\"container\":\"" container "\"}"

static char folder[32], path[64];
static struct loop *loop;
static struct ingest *ingest;
static int listen_fd = -1;
static char heard[8192]; /* containers, each with a space */
static unsigned n_heard;

static void hear(const struct reader_line *line, void *user)
{
	(void)user;
	n_heard++;
	if (strlen(heard) + strlen(line->container) + 2 < sizeof(heard))
		sprintf(heard + strlen(heard), "%s ", line->container);
}

static int setup(void **state)
{
	(void)state;
	*heard = '\0';
	n_heard = 0;
	strcpy(folder, "/tmp/test_ingest.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	if (sock_listen(path, 0600, &listen_fd, NULL) || loop_new(&loop))
		return -1;
	return ingest_new(loop, listen_fd, hear, NULL, &ingest);
}

static int teardown(void **state)
{
	(void)state;
	ingest_free(ingest);
	loop_free(loop);
	closep(&listen_fd);
	unlink(path);
	return rmdir(folder);
}

static int turn_over(struct timer *timer)
{
	(void)timer;
	return 1;
}

/* Rounds enough for a line of the greatest length; bites are taken one a round. */
static void turn(void)
{
	for (int i = 0; i < 20; i++) {
		struct timer timer = {};

		timer_arm(loop, &timer, 0, turn_over);
		assert_int_equal(loop_run(loop), 1);
	}
}

static int dial(void)
{
	int fd = sock_connect(path);

	assert_true(fd >= 0);
	turn();
	return fd;
}

static void say_bytes(int fd, const char *bytes, size_t n)
{
	while (n) {
		size_t bite = n < 32768 ? n : 32768;

		assert_int_equal(send(fd, bytes, bite, MSG_NOSIGNAL), bite);
		turn();
		bytes += bite;
		n -= bite;
	}
}

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

static void lines_are_heard_in_their_order(void **state)
{
	_cleanup_close_ int fd = dial();

	(void)state;
	say(fd, UP("a") "\n" UP("b") "\n\n  \n" UP("c") "\r\n");
	assert_string_equal(heard, "a b c ");
}

static void a_line_may_come_a_byte_at_a_time(void **state)
{
	static const char text[] = UP("a") "\n" UP("b") "\n";
	_cleanup_close_ int fd = dial(), other = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		say_bytes(fd, text + i, 1);
		say_bytes(other, text + i, 1);
	}
	assert_string_equal(heard, "a a b b ");
}

static void the_last_line_needs_no_newline(void **state)
{
	_cleanup_close_ int fd = dial();

	(void)state;
	say(fd, UP("a") "\n" UP("b"));
	assert_string_equal(heard, "a ");
	closep(&fd);
	turn();
	assert_string_equal(heard, "a b ");
}

static void a_half_closed_reader_has_said_all(void **state)
{
	_cleanup_close_ int fd = dial();
	char byte;

	(void)state;
	say(fd, UP("a"));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turn();
	assert_string_equal(heard, "a ");
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void a_bad_line_ends_no_connection(void **state)
{
	static const char *const bad[] = {
		"{",
		"[]",
		"nonsense",
		"{\"type\":\"pending\"}",
		"\xff\xfe",
		"{\"type\":\"shield_up\",\"container\":\"\xc3\"}",
		"{\"type\":[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]}",
		"{\"type\":{\"a\":1},\"container\":\"x\"}",
		"{\"type\":\"nobody_knows\",\"container\":\"x\"}"
	};
	_cleanup_close_ int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		say(fd, bad[i]);
		say(fd, "\n" UP("a") "\n");
		assert_int_equal(n_heard, i + 1);
	}
	say_bytes(fd, "\0\0\n" UP("z") "\n", sizeof("\0\0\n" UP("z") "\n") - 1);
	assert_int_equal(n_heard, sizeof(bad) / sizeof(*bad) + 1);
}

/* A line that is a shield_up, with so many bytes before its newline. */
static char *line_of(size_t n, char last)
{
	char *text = malloc(n + 2);
	int head = sprintf(text, "{\"type\":\"shield_up\",\"container\":\"%c\",\"pad\":\"", last);

	memset(text + head, 'x', n - head);
	memcpy(text + n - 2, "\"}\n", 4);
	return text;
}

static void a_line_has_65536_bytes_and_no_more(void **state)
{
	_cleanup_free_ char *longest = line_of(INGEST_LINE_MAX, 'a'),
			    *longer = line_of(INGEST_LINE_MAX + 1, 'b'),
			    *far_longer = line_of(5 * INGEST_LINE_MAX, 'c');
	_cleanup_close_ int fd = dial();

	(void)state;
	say(fd, longest);
	assert_string_equal(heard, "a ");
	say(fd, longer);
	say(fd, UP("d") "\n");
	assert_string_equal(heard, "a d ");
	say(fd, far_longer);
	say(fd, longest);
	assert_string_equal(heard, "a d a ");
	/* a line that is too long and never ends is nothing at the end, too */
	say_bytes(fd, far_longer, 3 * INGEST_LINE_MAX);
	closep(&fd);
	turn();
	assert_string_equal(heard, "a d a ");
}

static void unfinished_lines_have_a_bound_together(void **state)
{
	enum { SLOW = 2 * INGEST_HELD_MAX / INGEST_LINE_MAX };
	_cleanup_free_ char *longest = line_of(INGEST_LINE_MAX, 's');
	_cleanup_close_ int fd = dial();
	int slow[SLOW];

	(void)state;
	for (int i = 0; i < SLOW; i++) {
		slow[i] = dial();
		say_bytes(slow[i], longest, INGEST_LINE_MAX);
	}
	/* who says whole lines does not notice; who had room is heard, who had none may go on */
	say(fd, UP("a") "\n");
	assert_string_equal(heard, "a ");
	for (int i = 0; i < SLOW; i++)
		say(slow[i], "\n");
	assert_true(n_heard > 4 && n_heard <= 1 + INGEST_HELD_MAX / INGEST_LINE_MAX);
	*heard = '\0';
	for (int i = 0; i < SLOW; i++)
		say(slow[i], UP("b") "\n");
	for (int i = 0; i < SLOW; i++) {
		assert_memory_equal(heard + (size_t)2 * i, "b ", 2);
		close(slow[i]);
	}
}

enum { READERS = 10000 };

/* In a process of their own: descriptors of both ends are more than many systems allow one. */
static _Noreturn void be_readers(int until)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char byte;

	strcpy(sun.sun_path, path);
	for (int i = 0; i < READERS; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0); /* waits for its place in the backlog */

		if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) ||
		    send(fd, UP("a") "\n", strlen(UP("a") "\n"), 0) < 0)
			_exit(1);
	}
	_exit(read(until, &byte, 1) != 0);
}

static void hear_all(const struct reader_line *line, void *user)
{
	hear(line, user);
	if (n_heard == READERS)
		loop_stop(user);
}

static void ten_thousand_readers_are_heard(void **state)
{
	struct rlimit limit;
	struct timer timer = {};
	int until[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_max < READERS + 64 || setrlimit(RLIMIT_NOFILE, &limit)) {
		puts("fewer than 10064 descriptors are allowed here");
		skip();
	}
	ingest_free(ingest);
	assert_int_equal(ingest_new(loop, listen_fd, hear_all, loop, &ingest), 0);
	assert_int_equal(pipe(until), 0);
	fflush(NULL);
	child = fork();
	if (!child) {
		close(until[1]);
		be_readers(until[0]);
	}
	timer_arm(loop, &timer, now_boot_ns() + 60 * SECOND_NS, turn_over);
	assert_int_equal(loop_run(loop), 0); /* they have all said it, and all are there */
	timer_disarm(&timer);
	assert_int_equal(n_heard, READERS);
	close(until[1]);
	close(until[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* What is written to the log until log_end() gives it back. */
static int log_was, log_now;

static void log_begin(void)
{
	log_was = dup(STDERR_FILENO);
	log_now = memfd_create("log", MFD_CLOEXEC);
	assert_true(log_was >= 0 && log_now >= 0);
	assert_int_equal(dup2(log_now, STDERR_FILENO), STDERR_FILENO);
}

static const char *log_end(void)
{
	static char text[16384];
	ssize_t n;

	assert_int_equal(dup2(log_was, STDERR_FILENO), STDERR_FILENO);
	n = pread(log_now, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(log_was);
	close(log_now);
	return text;
}

static unsigned count_of(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* However its bytes are cut on their way, a stream is the same lines. */
static void a_stream_may_be_cut_anywhere(void **state)
{
	static const char part[] = UP("a") "\n{bad\n\n" UP("b") "\n \r\n\xff\n" UP("c") "\n";
	uint32_t random = 1;

	(void)state;
	log_begin();
	for (int round = 0; round < 200; round++) {
		_cleanup_close_ int fd = dial();

		*heard = '\0';
		for (size_t at = 0, n; at < sizeof(part) - 1; at += n) {
			random = random * 1103515245 + 12345;
			n = 1 + (random >> 16) % 24;
			n = n < sizeof(part) - 1 - at ? n : sizeof(part) - 1 - at;
			assert_int_equal(send(fd, part + at, n, MSG_NOSIGNAL), n);
			turn();
		}
		assert_string_equal(heard, "a b c ");
	}
	log_end();
}

static void nobody_is_ever_answered(void **state)
{
	_cleanup_close_ int fd = dial();
	char byte;

	(void)state;
	log_begin();
	say(fd, UP("a") "\n{bad\n\n" UP("b") "\n");
	log_end();
	assert_int_equal(n_heard, 2);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* A line that is no good is said with its beginning, printable; not more often than a log bears. */
static void complaints_are_short_printable_and_few(void **state)
{
	_cleanup_close_ int fd = dial();
	const char *log, *line;

	(void)state;
	log_begin();
	for (int i = 0; i < 1000; i++)
		say(fd, "{\x1b[31mred \xe2\x80\xae and a very long line that goes on and on and on "
			"and on and on and on and on and on and on and on and on to its end\n");
	log = log_end();
	assert_int_equal(count_of(log, "dropped"), 10);
	line = strstr(log, "{ [31mred   and");
	assert_non_null(line);
	assert_int_equal(strcspn(line, "\n"), 120);
	for (const char *c = log; *c; c++)
		assert_true(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
	assert_int_equal(n_heard, 0);
	say(fd, UP("a") "\n");
	assert_int_equal(n_heard, 1);
}

static void readers_come_and_go_and_say_nothing(void **state)
{
	(void)state;
	log_begin();
	for (int i = 0; i < 100; i++) {
		int fd = dial();

		if (i % 2)
			say(fd, UP("a") "\n");
		close(fd);
	}
	turn();
	assert_string_equal(log_end(), "");
	assert_int_equal(n_heard, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(lines_are_heard_in_their_order),         T(a_line_may_come_a_byte_at_a_time),
		T(the_last_line_needs_no_newline),         T(a_half_closed_reader_has_said_all),
		T(a_bad_line_ends_no_connection),          T(a_line_has_65536_bytes_and_no_more),
		T(unfinished_lines_have_a_bound_together), T(ten_thousand_readers_are_heard),
		T(a_stream_may_be_cut_anywhere),           T(nobody_is_ever_answered),
		T(complaints_are_short_printable_and_few), T(readers_come_and_go_and_say_nothing),
	};

	return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
