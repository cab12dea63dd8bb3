// SPDX-License-Identifier: Apache-2.0
/*
 * test_serving.c - what an agent says to who started it: ready, alive, stopping; and when
 *
 * The test is systemd: it has the socket that NOTIFY_SOCKET names, and hears. In tests/hub
 * test_systemd.sh a real one does.
 */
#include "programs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/sock.h"

#define WATCHDOG_MS 1600 /* as systemd would have it; a beat is a quarter */

static int systemd = -1;
static char word[600];

static void listen_as_systemd(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/systemd", world->dir);
	systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(systemd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	setenv("NOTIFY_SOCKET", sun.sun_path, 1);
}

/* The next word within so many milliseconds; "": none came. */
static const char *hears(int ms)
{
	struct pollfd ready = { .fd = systemd, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&ready, 1, ms) == 1)
		n = recv(systemd, word, sizeof(word) - 1, 0);
	word[n > 0 ? n : 0] = '\0';
	return word;
}

static void hears_of(const char *text)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (!strstr(hears(LIMIT_MS), text))
		if (now_boot_ns() > until)
			fail_msg("'%s' was not said", text);
}

static void forget_what_was_said(void)
{
	while (*hears(0))
		;
}

static void start_for_systemd(unsigned watchdog_ms)
{
	char usec[24];

	listen_as_systemd();
	snprintf(usec, sizeof(usec), "%u000", watchdog_ms);
	if (watchdog_ms)
		setenv("WATCHDOG_USEC", usec, 1);
	agent = fork();
	if (!agent) {
		execl(bpfd, "terok-bpfd", "run", NULL);
		_exit(99);
	}
	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
}

static int serving_teardown(void **state)
{
	closep(&systemd);
	return programs_teardown(state);
}

static int hub_dial(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	return sock_connect(path);
}

static pid_t worker_other_than(const char *name, pid_t old)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);
	pid_t pid;

	while ((pid = test_worker(agent, name)) == old || !pid) {
		if (now_boot_ns() > until)
			fail_msg("no other %s came", name);
		poll(NULL, 0, 5);
	}
	return pid;
}

static void ready_is_said_once_when_everything_serves(void **state)
{
	(void)state;
	attach_box();
	start_for_systemd(0);
	hears_of("READY=1");
	/* nothing of it is awaited any more */
	assert_string_equal(strchr(word, '\n') ? "MAINPID" : "", "MAINPID");
	assert_int_equal(atoi(strstr(word, "MAINPID=") + 8), agent);
	assert_int_not_equal(test_worker(agent, "hub"), 0);
	assert_int_not_equal(test_worker(agent, "resolver"), 0);
	assert_true(hub_dial() >= 0);
	assert_string_equal(hears(LIMIT_MS), "STATUS=Guards: 1, open requests: 0");
	assert_string_equal(hears(300), ""); /* no watchdog: nothing ticks */
	kill(agent, SIGTERM);
	assert_string_equal(hears(LIMIT_MS), "STOPPING=1");
	waitpid(TAKE(agent, 0), NULL, 0);
}

/* It sleeps while it starts, and goes on to take over a guard: systemd is to wait. */
static void starting_takes_the_time_that_it_takes(void **state)
{
	(void)state;
	attach_box();
	start_for_systemd(0);
	poll(NULL, 0, 5);
	kill(agent, SIGSTOP);
	poll(NULL, 0, 1200);
	kill(agent, SIGCONT);
	hears(LIMIT_MS);
	if (strncmp(word, "READY", 5)) /* it was faster than we: then there is nothing to see */
		assert_string_equal(word, "EXTEND_TIMEOUT_USEC=30000000");
}

static void a_quick_start_asks_for_no_time(void **state)
{
	uint64_t began = now_boot_ns();

	(void)state;
	start_for_systemd(0);
	hears(LIMIT_MS);
	if (now_boot_ns() - began < SECOND_NS)
		assert_true(!strncmp(word, "READY=1", 7));
}

/* Ready is not "forked": a hub or resolver that does not answer keeps it back. */
static void not_ready_before_the_workers_answer(void **state)
{
	static const char *const names[] = { "hub", "resolver" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		pid_t pid;

		start_for_systemd(0);
		pid = worker_other_than(names[i], 0);
		kill(pid, SIGSTOP);
		while (strncmp(hears(1000), "READY", 5) && *word)
			;
		/* it may have been faster than we: then there is nothing to see */
		if (!*word) {
			kill(pid, SIGCONT);
			hears_of("READY=1");
			kill(pid, SIGSTOP);
		}
		/* whoever hangs ends with the agent all the same, and leaves its socket */
		agent_end(SIGKILL);
		for (int ms = 0; !kill(pid, 0) && ms < LIMIT_MS; ms++)
			poll(NULL, 0, 1);
		assert_int_not_equal(kill(pid, 0), 0);
		closep(&systemd);
		snprintf(word, sizeof(word), "%s/systemd", world->dir);
		unlink(word);
	}
}

static void the_status_follows_guards_and_requests(void **state)
{
	(void)state;
	start_for_systemd(0);
	hears_of("STATUS=Guards: 0, open requests: 0");
	attach_box();
	hears_of("STATUS=Guards: 1, open requests: 0");
	assert_int_not_equal(test_tcp(world, TEST_FAR), 0);
	hears_of("STATUS=Guards: 1, open requests: 1");
	assert_works("detach", "box");
	hears_of("STATUS=Guards: 0, open requests: 0");
}

static void a_watchdog_hears_of_us_while_the_hub_answers(void **state)
{
	pid_t hub;

	(void)state;
	start_for_systemd(WATCHDOG_MS);
	hears_of("READY=1");
	hub = test_worker(agent, "hub");
	for (int i = 0; i < 6; i++) {
		while (strcmp(hears(WATCHDOG_MS / 2), "WATCHDOG=1"))
			assert_string_not_equal(word, "");
	}
	assert_int_equal(test_worker(agent, "hub"), hub);
}

static void a_hub_that_hangs_is_another_before_systemd_minds(void **state)
{
	pid_t hub;

	(void)state;
	start_for_systemd(WATCHDOG_MS);
	hears_of("READY=1");
	hub = test_worker(agent, "hub");
	hears_of("WATCHDOG=1");
	kill(hub, SIGSTOP);
	for (int i = 0; i < 8; i++) /* never is there a whole watchdog's time without one */
		while (strcmp(hears(WATCHDOG_MS), "WATCHDOG=1"))
			assert_string_not_equal(word, "");
	assert_int_not_equal(worker_other_than("hub", hub), hub);
	assert_true(kill(hub, 0) && errno == ESRCH);
}

static void a_resolver_that_hangs_is_another(void **state)
{
	pid_t resolver;

	(void)state;
	start_for_systemd(WATCHDOG_MS);
	hears_of("READY=1");
	resolver = test_worker(agent, "resolver");
	kill(resolver, SIGSTOP);
	assert_int_not_equal(worker_other_than("resolver", resolver), resolver);
	forget_what_was_said();
	hears_of("WATCHDOG=1");
}

/* Its user may stop it: it is theirs. */
static void a_watcher_that_hangs_is_another(void **state)
{
	char folder[192];
	pid_t watcher;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/users", world->dir);
	assert_int_equal(mkdir(folder, 0755), 0);
	setenv("TEROK_USER_RUN", folder, 1);
	strcat(folder, "/4001");
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chown(folder, 4001, 4001), 0);
	start_for_systemd(WATCHDOG_MS);
	unsetenv("TEROK_USER_RUN");
	watcher = worker_other_than("watcher", 0);
	kill(watcher, SIGSTOP); /* ready does not wait for it */
	hears_of("READY=1");
	for (int ms = 0; !kill(watcher, 0) && ms < LIMIT_MS; ms++)
		poll(NULL, 0, 1);
	assert_true(kill(watcher, 0) && errno == ESRCH);
	watcher = worker_other_than("watcher", watcher);
	for (int i = 0; i < 6; i++) /* one that lives is left alone */
		while (strcmp(hears(WATCHDOG_MS / 2), "WATCHDOG=1"))
			assert_string_not_equal(word, "");
	assert_int_equal(test_worker(agent, "watcher"), watcher);
}

static void a_core_that_hangs_is_silent(void **state)
{
	(void)state;
	attach_box();
	start_for_systemd(WATCHDOG_MS);
	hears_of("READY=1");
	hears_of("WATCHDOG=1");
	kill(agent, SIGSTOP);
	forget_what_was_said();
	assert_string_equal(hears(WATCHDOG_MS), "");
	/* which opens nothing */
	assert_int_not_equal(test_tcp(world, TEST_FAR), 0);
	/* and one that goes on has killed nobody for what it slept through */
	kill(agent, SIGCONT);
	hears_of("WATCHDOG=1");
	assert_int_not_equal(test_worker(agent, "hub"), 0);
}

static void no_worker_can_speak_for_the_unit(void **state)
{
	static const char *const names[] = { "hub", "resolver" };

	(void)state;
	start_for_systemd(WATCHDOG_MS);
	hears_of("READY=1");
	for (int i = 0; i < 2; i++) {
		char path[64], environment[4096] = "";
		_cleanup_fclose_ FILE *f = NULL;
		size_t n;

		snprintf(path, sizeof(path), "/proc/%d/environ", test_worker(agent, names[i]));
		f = fopen(path, "re");
		assert_non_null(f);
		n = fread(environment, 1, sizeof(environment) - 1, f);
		assert_true(n > 0);
		assert_null(memmem(environment, n, "NOTIFY_SOCKET", 13));
		assert_null(memmem(environment, n, "WATCHDOG_", 9));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, programs_setup, serving_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ready_is_said_once_when_everything_serves),
		TEST(starting_takes_the_time_that_it_takes),
		TEST(a_quick_start_asks_for_no_time),
		TEST(not_ready_before_the_workers_answer),
		TEST(the_status_follows_guards_and_requests),
		TEST(a_watchdog_hears_of_us_while_the_hub_answers),
		TEST(a_hub_that_hangs_is_another_before_systemd_minds),
		TEST(a_resolver_that_hangs_is_another),
		TEST(a_watcher_that_hangs_is_another),
		TEST(a_core_that_hangs_is_silent),
		TEST(no_worker_can_speak_for_the_unit),
	};

	test_require("serving");
	programs_find();
	return cmocka_run_group_tests_name("serving", tests, NULL, NULL);
}
