// SPDX-License-Identifier: Apache-2.0
/*
 * test_clearance_screen.c - terok-clearance on a real terminal, of tmux: what a person sees
 *
 * The program is the built one, the hub is fake_hub.c's. Each test has a tmux server of its own,
 * on a socket in its own folder. What the program writes is also copied to a FIFO: something was
 * drawn when there is something to read, and what may not be written is looked for there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/event.h"
#include "fake_hub.h"

#define PATIENCE_NS (20 * SECOND_NS)
#define RAW_MAX     (4 << 20)
#define FLOOD       15000 /* requests, and nearly as many that end */
#define FLOOD_OPEN  500

static struct fake_hub hub;
static char program[512], pane[65536], fifo[128];
static char *raw; /* all that was written to the terminal */
static size_t n_raw;
static int fifo_fd = -1, program_fd = -1; /* program_fd: a pidfd */
static const char *term = "";             /* an assignment to TERM */
static const char *in_shell;              /* one with jobs, in which it is started; NULL: sh */

/* A tmux command; what it prints is in pane; its exit code. */
static int tmux(const char *fmt, ...)
{
	char command[2048];
	size_t n = 0, got;
	va_list args;
	FILE *from;
	int at;

	at = snprintf(command, sizeof(command),
		      "env -u TMUX timeout 20 tmux -S %s/tmux -f /dev/null ", hub.folder);
	va_start(args, fmt);
	vsnprintf(command + at, sizeof(command) - at, fmt, args);
	va_end(args);
	from = popen(command, "r");
	if (!from)
		return -1;
	while (n < sizeof(pane) - 1 && (got = fread(pane + n, 1, sizeof(pane) - 1 - n, from)))
		n += got;
	pane[n] = '\0';
	return pclose(from);
}

/* Wait until more is written, at most @ms; false: nothing was. */
static bool written(int ms)
{
	struct pollfd ready = { .fd = fifo_fd, .events = POLLIN };
	ssize_t n;

	if (poll(&ready, 1, ms) <= 0 || !(ready.revents & POLLIN))
		return false;
	n = read(fifo_fd, raw + n_raw, RAW_MAX - n_raw);
	n_raw += n > 0 ? n : 0;
	return n > 0;
}

static bool capture(void)
{
	return tmux("capture-pane -p -t 0") == 0;
}

/* Look at the pane each time that something is written, until it has @text, or has it no more. */
static bool await(const char *text, bool there)
{
	uint64_t until = now_boot_ns() + PATIENCE_NS;

	while (now_boot_ns() < until) {
		assert_true(capture());
		if (!!strstr(pane, text) == there)
			return true;
		/* tmux shows what it has read, and may have read it before we did */
		written(200);
	}
	print_message("%s '%s' in:\n%s\n", there ? "no" : "still", text, pane);
	return false;
}

#define sees(text)         assert_true(await(text, true))
#define sees_no_more(text) assert_true(await(text, false))

static void keys(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));

static void keys(const char *fmt, ...)
{
	char names[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(names, sizeof(names), fmt, args);
	va_end(args);
	assert_int_equal(tmux("send-keys -t 0 %s", names), 0);
}

/* Who is at the other end of the hub. */
static void program_find(void)
{
	struct ucred peer = {};
	socklen_t size = sizeof(peer);

	assert_int_equal(getsockopt(hub.stream_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
	program_fd = syscall(SYS_pidfd_open, peer.pid, 0);
	assert_true(program_fd >= 0);
}

/* A program whose terminal has gone is nobody's: with a sanitizer its end has taken for ever. */
static void program_end(void)
{
	struct pollfd ended = { .fd = program_fd, .events = POLLIN };

	if (program_fd < 0)
		return;
	if (poll(&ended, 1, 2000) != 1)
		syscall(SYS_pidfd_send_signal, program_fd, SIGKILL, NULL, 0);
	close(program_fd);
	program_fd = -1;
}

/* The program in a pane of that size; a shell says afterwards how it ended. */
static void start(int cols, int rows)
{
	snprintf(fifo, sizeof(fifo), "%s/raw", hub.folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fifo_fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(fifo_fd >= 0);
	if (in_shell)
		assert_int_equal(tmux("new-session -d -x %d -y %d '%s'", cols, rows, in_shell), 0);
	else
		assert_int_equal(
		    tmux(
			"new-session -d -x %d -y %d \"sh -c 'trap : INT; read go; %s %s --socket %s; "
			"echo ended \\$?; exec sleep 60'\"",
			cols, rows, term, program, hub.path),
		    0);
	assert_int_equal(tmux("pipe-pane -t 0 'exec cat >%s'", fifo), 0);
	if (in_shell)
		sees("ready:"); /* it has taken the terminal for its own */
	if (in_shell)
		keys("'%s --socket %s' Enter", program, hub.path);
	else
		keys("Enter");
	assert_true(fake_hub_accept(&hub));
	program_find();
	fake_hub_stands(&hub);
	fake_hub_hear(&hub, 10000); /* ListGuards */
	fake_hub_guards(&hub);
}

static int setup(void **state)
{
	(void)state;
	n_raw = 0;
	in_shell = NULL;
	term = "";
	return fake_hub_open(&hub) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	tmux("kill-server 2>/dev/null");
	program_end();
	if (fifo_fd >= 0)
		close(fifo_fd);
	fifo_fd = -1;
	unlink(fifo);
	snprintf(fifo, sizeof(fifo), "%s/tmux", hub.folder);
	unlink(fifo);
	fake_hub_close(&hub);
	return 0;
}

static void verdict(const char *id, const char *action)
{
	fake_hub_reply(&hub, "{\"parameters\":{\"until_ns\":0}}");
	fake_hub_event(&hub,
		       "\"type\":\"verdict\",\"request_id\":\"%s\",\"action\":\"%s\",\"scope\":"
		       "\"once\",\"ok\":true,\"uid\":1001",
		       id, action);
}

static void a_request_is_seen_and_answered(int cols, int rows)
{
	const char *call;

	start(cols, rows);
	sees("Nothing waits for an answer.");
	fake_hub_request(&hub, "web:1", "web", "api.example.com", "192.0.2.1", 1);
	fake_hub_request(&hub, "web:2", "web", "", "192.0.2.9", 3);
	sees("api.example.com:443");
	sees("192.0.2.9:443");
	sees("2");
	keys("a");
	sees("o once");
	keys("o");
	call = fake_hub_serve(&hub, 10000, ".Answer");
	assert_non_null(call);
	assert_non_null(strstr(call, "\"web:1\",\"action\":\"allow\",\"scope\":\"once\""));
	verdict("web:1", "allow");
	sees("allowed");
	/* the next one is marked; the default denies */
	keys("Enter");
	call = fake_hub_serve(&hub, 10000, ".Answer");
	assert_non_null(call);
	assert_non_null(strstr(call, "\"web:2\",\"action\":\"deny\",\"scope\":\"session\""));
	verdict("web:2", "deny");
	sees("denied");
	keys("q");
	sees("ended 0");
	sees_no_more("Requests"); /* the screen is as it was before */
}

static void at_80_by_24_a_request_is_seen_and_answered(void **state)
{
	(void)state;
	a_request_is_seen_and_answered(80, 24);
}

static void at_40_by_10_a_request_is_seen_and_answered(void **state)
{
	(void)state;
	a_request_is_seen_and_answered(40, 10);
}

static void a_window_may_change_its_size_at_any_time(void **state)
{
	static const int sizes[][2] = { { 40, 10 }, { 200, 60 }, { 10, 3 }, { 1, 1 }, { 80, 24 } };
	char id[32];

	(void)state;
	start(80, 24);
	for (int i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "web:%d", i);
		fake_hub_request(&hub, id, "web", "api.example.com", "192.0.2.1", 1);
	}
	sees("50 open");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(tmux("resize-window -t 0 -x %d -y %d", sizes[i][0], sizes[i][1]),
				 0);
		fake_hub_request(&hub, id, "web", "api.example.com", "192.0.2.1", 2 + i);
		written(1000);
		assert_true(capture());
	}
	sees("50 open");
	sees("q quit");
	keys("q");
	sees("ended 0");
}

/* 10 MB of what a terminal would obey, in every text that a request has. */
static void what_a_terminal_would_obey_never_reaches_it(void **state)
{
	static const char evil[] =
	    "\\u001b]0;owned\\u0007\\u001b[2J\\u001b[31m\\u202egpj.exe\\u2066"
	    "\\u0085\\u009b31m\\r\\nLOOK\\b\\u007f\\u0000";
	size_t n = 10 << 20, at = 0;
	char *text = malloc(n + sizeof(evil));

	(void)state;
	start(80, 24);
	assert_non_null(text);
	while (at < n)
		at += sprintf(text + at, "%s", evil);
	for (int i = 0; i < 2; i++) {
		const char *value = i ? text : evil;

		fake_hub_event(&hub,
			       "\"type\":\"request\",\"request_id\":\"web:%d\",\"guard\":1,"
			       "\"container\":\"%s\",\"name\":\"%s\",\"dest\":\"%s\",\"domain\":"
			       "\"%s\",\"port\":443,\"proto\":6,\"count\":1,\"reason\":\"%s\"",
			       i, evil, evil, evil, value, evil);
		fake_hub_event(&hub,
			       "\"type\":\"guard_state\",\"guard\":9,\"name\":\"%s\",\"state\":"
			       "\"%s\"",
			       evil, evil);
	}
	/* as bytes, too, which no JSON may have */
	fake_hub_event(&hub,
		       "\"type\":\"request\",\"request_id\":\"web:3\",\"guard\":1,\"name\":"
		       "\"box\",\"dest\":\"192.0.2.3\",\"port\":443,\"proto\":6,\"process\":{"
		       "\"comm\":\"\\u001b[5mblink\",\"exe\":\"%s\",\"cmdline\":\"%s\"}",
		       evil, evil);
	sees("Requests 3");
	keys("G");
	sees("> ");
	keys("i");
	sees("Details");
	keys("Escape a");
	sees("Enter denies");
	keys("Escape ?");
	sees("Help");
	keys("q");
	sees("ended 0");
	while (written(200))
		;
	for (size_t i = 0; i < n_raw; i++)
		assert_true((unsigned char)raw[i] < 0x80);
	raw[n_raw < RAW_MAX ? n_raw : RAW_MAX - 1] = '\0';
	assert_true(n_raw > 1000);
	assert_null(memmem(raw, n_raw, "\033]", 2));
	assert_null(memmem(raw, n_raw, "\033[5m", 4));
	free(text);
}

/* As fast as it takes them: each counts, and what came last is seen. */
static void a_flood_of_events_is_taken(void **state)
{
	char id[32];

	(void)state;
	start(80, 24);
	fake_hub_request(&hub, "web:1", "web", "", "192.0.2.1", 1);
	sees("1 open");
	for (int i = 0; i < FLOOD; i++) {
		snprintf(id, sizeof(id), "box:%d", i);
		fake_hub_request(&hub, id, "box", i % 2 ? "x.example.com" : "", "192.0.2.3", 1);
		if (i >= FLOOD_OPEN)
			fake_hub_event(&hub, "\"type\":\"expired\",\"request_id\":\"box:%d\"",
				       i - FLOOD_OPEN);
	}
	fake_hub_request(&hub, "web:2", "web", "", "192.0.2.2", 1);
	sees("192.0.2.2:443/tcp");
	sees("Requests 502"); /* FLOOD_OPEN and two */
	keys("q");
	sees("ended 0");
}

static void a_hub_that_goes_away_is_seen_and_waited_for(void **state)
{
	(void)state;
	start(80, 24);
	fake_hub_request(&hub, "web:1", "web", "", "192.0.2.1", 1);
	fake_hub_request(&hub, "web:2", "web", "", "192.0.2.2", 1);
	sees("2 open");
	fake_hub_leave(&hub);
	sees("NO HUB");
	assert_true(fake_hub_accept(&hub));
	fake_hub_stands(&hub);
	fake_hub_request(&hub, "web:2", "web", "", "192.0.2.2", 1);
	assert_non_null(fake_hub_hear(&hub, 10000));
	fake_hub_guards(&hub);
	sees_no_more("NO HUB");
	sees("gone");
	sees("1 open");
	keys("q");
	sees("ended 0");
}

static void what_ends_with_its_container_is_seen_as_gone(void **state)
{
	(void)state;
	start(80, 24);
	fake_hub_request(&hub, "web:1", "web", "", "192.0.2.1", 1);
	sees("1 open");
	fake_hub_event(&hub,
		       "\"type\":\"guard_detached\",\"guard\":%d,\"name\":\"web\",\"reason\":"
		       "\"cgroup removed\"",
		       'w');
	sees("gone");
	sees("web is guarded no more: cgroup removed");
}

/* In a shell with jobs: what came meanwhile is seen when it goes on, on a screen that is whole. */
static void it_can_be_stopped_and_goes_on(void **state)
{
	(void)state;
	in_shell = "env PS1=ready: bash --norc --noprofile -i";
	start(80, 24);
	fake_hub_request(&hub, "web:1", "web", "", "192.0.2.1", 1);
	sees("1 open");
	keys("C-z");
	sees("Stopped");
	assert_null(strstr(pane, "Requests")); /* the shell has its own screen back */
	fake_hub_request(&hub, "web:2", "web", "", "192.0.2.2", 1);
	assert_int_equal(tmux("resize-window -t 0 -x 100 -y 30"), 0);
	keys("fg Enter");
	sees("2 open");
	sees("192.0.2.2:443/tcp");
	sees("n next"); /* for which 80 columns have no room */
	keys("q");
	sees_no_more("Requests");
}

static void a_terminal_that_goes_away_ends_it(void **state)
{
	(void)state;
	start(80, 24);
	fake_hub_request(&hub, "web:1", "web", "", "192.0.2.1", 1);
	sees("1 open");
	assert_int_equal(tmux("kill-pane -t 0"), 0);
	/* its end of both connections closes: nobody is left who calls */
	assert_null(fake_hub_serve(&hub, 20000, NULL));
	assert_true(fake_hub_is_left(&hub, 20000));
}

/* Of which one is as wide as two of a terminal's columns: no row may become longer by them. */
static void wide_characters_shift_nothing(void **state)
{
	(void)state;
	start(80, 24);
	fake_hub_request(&hub, "web:1", "\u65e5\u672c\u8a9e", "", "192.0.2.1", 1);
	fake_hub_request(&hub, "web:2", "\xe6\x97\xa5\xe6\x9c\xac", "", "192.0.2.2", 1);
	sees("192.0.2.2:443/tcp");
	for (char *line = strtok(pane, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(strlen(line) <= 80);
		for (char *p = line; *p; p++)
			assert_true(*p >= ' ' && *p <= '~');
	}
}

/* Letters are keys; pasted ones are not, but in the text of a filter. */
static void what_is_pasted_answers_nothing(void **state)
{
	const char *call;

	(void)state;
	term = "TERM=tmux-256color";
	start(80, 24);
	fake_hub_request(&hub, "web:1", "web", "", "192.0.2.1", 1);
	fake_hub_request(&hub, "web:2", "web", "", "192.0.2.2", 1);
	sees("2 open");
	assert_int_equal(tmux("set-buffer ao192"), 0);
	assert_int_equal(tmux("paste-buffer -p -t 0"), 0);
	keys("/");
	sees("/_");
	assert_int_equal(tmux("paste-buffer -p -t 0"), 0);
	sees("/ao192_");
	keys("Escape");
	sees("2 open");
	assert_null(fake_hub_hear(&hub, 0));
	/* as if it were typed: what it would have done */
	assert_int_equal(tmux("paste-buffer -t 0"), 0);
	call = fake_hub_serve(&hub, 10000, ".Answer");
	assert_non_null(call);
	assert_non_null(strstr(call, "\"allow\""));
}

static void a_terminal_that_nobody_knows_gets_lines(void **state)
{
	(void)state;
	term = "TERM=nobody-knows-it";
	start(80, 24);
	fake_hub_request(&hub, "web:1", "web", "", "192.0.2.1", 1);
	sees("[1] BLOCKED  192.0.2.1:443/tcp");
	keys("q Enter");
	sees("ended 0");
}

static void an_interrupt_ends_it_as_a_shell_has_it(void **state)
{
	(void)state;
	start(80, 24);
	sees("Nothing waits");
	keys("C-c");
	sees("ended 130");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define screen_test(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
		screen_test(at_80_by_24_a_request_is_seen_and_answered),
		screen_test(at_40_by_10_a_request_is_seen_and_answered),
		screen_test(a_window_may_change_its_size_at_any_time),
		screen_test(what_a_terminal_would_obey_never_reaches_it),
		screen_test(a_flood_of_events_is_taken),
		screen_test(a_hub_that_goes_away_is_seen_and_waited_for),
		screen_test(what_ends_with_its_container_is_seen_as_gone),
		screen_test(it_can_be_stopped_and_goes_on),
		screen_test(a_terminal_that_goes_away_ends_it),
		screen_test(wide_characters_shift_nothing),
		screen_test(what_is_pasted_answers_nothing),
		screen_test(a_terminal_that_nobody_knows_gets_lines),
		screen_test(an_interrupt_ends_it_as_a_shell_has_it),
	};
	const char *build = getenv("B");

	snprintf(program, sizeof(program), "%s/terok-clearance", build && *build ? build : "build");
	if (access(program, X_OK) || system("command -v tmux >/dev/null")) {
		puts("SKIP clearance screen: no tmux, or no terok-clearance in $B");
		return 77;
	}
	if (*program != '/') {
		char *full = realpath(program, NULL);

		snprintf(program, sizeof(program), "%s", full ?: "");
		free(full);
	}
	raw = malloc(RAW_MAX);
	return raw ? cmocka_run_group_tests_name("clearance/screen", tests, NULL, NULL) : 1;
}
