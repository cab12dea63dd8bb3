// SPDX-License-Identifier: Apache-2.0
/*
 * test_standalone_life.c - a session's hub and helper: how they begin and end, and who they are for
 */
#include "hub/session.h"

#include <errno.h>
#include <fcntl.h>
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
#include "base/confine.h"
#include "base/event.h"
#include "base/sock.h"

#define WEB      "\"dest\":\"198.51.100.1\",\"port\":443,\"proto\":6"
#define WEB_FLOW FLOW("198.51.100.1", "443", "6", "")
#define UP       SAYS("shield_up", "c1", "")
#define UP_EVENT EVENT("shield_up", "c1", "", NO_FLOW, "", "false", "", "")

static bool is_there(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static void it_serves_when_it_says_so_and_says_when_it_stops(void **state)
{
	(void)state;
	session_hub(); /* and it has said READY */
	session_dial(session.clients);
	session_dial(session.readers);
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
	assert_string_equal(session_told(), "STOPPING=1");
	session_helper("exit 0");
	session_dial(session.helper);
	assert_int_equal(session_end(&session.verdicts, SIGTERM), 0);
	assert_string_equal(session_told(), "STOPPING=1");
}

static void either_signal_ends_it_and_nothing_is_left(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT };

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd;

		session_hub();
		session_helper("exit 0");
		fd = session_subscribe();
		assert_int_equal(session_end(&session.hub, signals[i]), 0);
		assert_int_equal(session_end(&session.verdicts, signals[i]), 0);
		assert_string_equal(session_heard(fd), ""); /* its clients see the end */
		assert_string_equal(session_told(), "STOPPING=1");
		assert_string_equal(session_told(), "STOPPING=1");
		assert_false(is_there(session.clients));
		assert_false(is_there(session.readers));
		assert_false(is_there(session.helper));
	}
}

static void its_sockets_are_nobody_elses(void **state)
{
	const char *const paths[] = { session.clients, session.readers, session.helper };
	struct stat st;

	(void)state;
	umask(0);
	session_hub();
	session_helper("exit 0");
	umask(022);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(lstat(paths[i], &st), 0);
		assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	}
}

/* Clients that look for many hubs find it twice, and who follows both hears everything once. */
static void it_is_found_where_clients_look_for_many_hubs(void **state)
{
	static const char *const names[] = { "terok/clearance/terok-session.sock",
					     "terok/clearance/terok-session/hub.sock" };
	char path[2][128], byte;
	int fd[2], stream, reader;
	struct stat st;

	(void)state;
	session_hub();
	for (int i = 0; i < 2; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%s", session.folder, names[i]);
		assert_int_equal(lstat(path[i], &st), 0);
		assert_int_equal(st.st_mode, S_IFSOCK | 0600);
		fd[i] = session_dial(path[i]);
		session_say(fd[i], SUBSCRIBE);
	}
	stream = session_subscribe(); /* when it stands, the others do */
	reader = session_dial(session.readers);
	session_line(reader, UP);
	session_hear(stream, UP_EVENT);
	session_hear(fd[0], UP_EVENT);
	assert_int_equal(recv(fd[1], &byte, 1, MSG_DONTWAIT), -1);
	/* and goes on with the other when one of them has gone */
	assert_int_equal(shutdown(fd[0], SHUT_RDWR), 0);
	session_subscribe();
	session_line(reader, UP);
	session_hear(fd[1], UP_EVENT);
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
	assert_false(is_there(path[0]));
	assert_false(is_there(path[1]));
}

static void what_is_in_the_way_of_the_other_places_keeps_it_from_nothing(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/terok", session.folder);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	session_hub();
	session_line(session_dial(session.readers), UP);
	session_dial(session.clients);
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
	assert_int_equal(unlink(path), 0);
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
	(void)state;
	assert_int_equal(chmod(session.folder, 0777), 0);
	assert_int_equal(session_hub_tries(), 1);
	assert_int_equal(chmod(session.folder, 0750), 0);
	assert_int_equal(session_hub_tries(), 1);
	assert_false(is_there(session.readers));
	assert_int_equal(chmod(session.folder, 0700), 0);
	session_hub();
}

static void what_is_stale_is_replaced(void **state)
{
	int fd = open(session.readers, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), dead;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sock_listen(session.clients, 0600, &dead, NULL), 0);
	close(dead);
	session_hub();
	session_line(session_dial(session.readers), UP);
	session_dial(session.clients);
	/* a hub that was killed leaves what the next one replaces */
	assert_int_equal(session_end(&session.hub, SIGKILL), 128 + SIGKILL);
	assert_true(is_there(session.clients));
	session_hub();
	session_dial(session.clients);
}

static void it_begins_wholly_or_not_at_all(void **state)
{
	(void)state;
	assert_int_equal(mkdir(session.clients, 0700), 0);
	assert_int_equal(session_hub_tries(), 1);
	assert_false(is_there(session.readers));
	assert_int_equal(rmdir(session.clients), 0);
	assert_int_equal(mkdir(session.readers, 0700), 0);
	assert_int_equal(session_hub_tries(), 1);
	assert_false(is_there(session.clients));
	assert_int_equal(rmdir(session.readers), 0);
	session_hub();
}

static void a_second_hub_is_refused_and_the_first_goes_on(void **state)
{
	int stream, reader;

	(void)state;
	session_hub();
	stream = session_subscribe();
	assert_int_equal(session_hub_tries(), 1);
	reader = session_dial(session.readers);
	session_line(reader, UP);
	session_hear(stream, UP_EVENT);
	session_dial(session.clients);
}

static void it_comes_back_at_the_same_place(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		int stream;

		session_hub();
		stream = session_subscribe();
		session_line(session_dial(session.readers), UP);
		session_hear(stream, UP_EVENT);
		assert_int_equal(session_end(&session.hub, SIGTERM), 0);
		assert_string_equal(session_told(), "STOPPING=1");
	}
}

/* A shield that hangs, with a request that waits for it; the reading end of what it holds. */
static int hang(const char *script, int *calls)
{
	int alive[2], stream;

	assert_int_equal(pipe(alive), 0);
	session_helper(script);
	close(alive[1]);
	session_hub();
	*calls = session_dial(session.clients);
	stream = session_subscribe();
	session_line(session_dial(session.readers), PENDING("c1", "c1:1", WEB));
	session_hear(stream, BLOCKED("c1", "c1:1", WEB_FLOW));
	return alive[0];
}

static void wait_for(const char *name)
{
	char path[96], byte;
	struct pollfd ready = { .events = POLLIN };

	snprintf(path, sizeof(path), "%s/%s", session.folder, name);
	ready.fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(ready.fd >= 0);
	assert_int_equal(poll(&ready, 1, SESSION_WAIT_S * 1000), 1);
	assert_int_equal(read(ready.fd, &byte, 1), 1);
	close(ready.fd);
	assert_int_equal(unlink(path), 0);
}

static void gate_make(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", session.folder, name);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void a_shield_that_hangs_keeps_neither_for_more_than_a_second(void **state)
{
	struct pollfd gone = { .events = POLLIN };
	int calls, alive, stream;
	uint64_t begin;

	(void)state;
	gate_make("begun");
	alive = hang("trap '' TERM; echo >begun; sleep 60 & sleep 60", &calls);
	stream = session_subscribe();
	session_say(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"));
	wait_for("begun");
	begin = now_boot_ns();
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
	assert_true(now_boot_ns() - begin < 3 * SECOND_NS);
	assert_string_equal(session_heard(stream), "");
	begin = now_boot_ns();
	assert_int_equal(session_end(&session.verdicts, SIGTERM), 0);
	assert_true(now_boot_ns() - begin < 3 * SECOND_NS);
	gone.fd = alive;
	assert_int_equal(poll(&gone, 1, SESSION_WAIT_S * 1000), 1); /* and nothing of it is left */
	close(alive);
}

static void an_answer_on_its_way_is_told_before_the_end(void **state)
{
	int calls, alive;

	(void)state;
	gate_make("begun");
	alive = hang("echo >begun; sleep 0.2", &calls);
	session_say(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"));
	wait_for("begun");
	assert_int_equal(kill(session.hub, SIGTERM), 0);
	session_hear(calls, OK);
	assert_string_equal(session_heard(calls), "");
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
	close(alive);
}

/* Subscribers that never read, with all that a queue and a socket hold, and one that does. */
static void subscribers_that_are_stuck(int reader, unsigned n)
{
	enum { LINES = 4000 };
	int reads = session_subscribe();

	for (unsigned i = 0; i < n; i++)
		session_subscribe();
	for (int i = 0; i < LINES; i++) {
		session_line(reader, UP);
		session_hear(reads, UP_EVENT);
	}
}

/* From the signal to the end of the process; it must be its own end. */
static uint64_t ends_in(pid_t *process)
{
	uint64_t begin = now_boot_ns();

	assert_int_equal(session_end(process, SIGTERM), 0);
	return now_boot_ns() - begin;
}

static void subscribers_that_never_read_do_not_keep_it(void **state)
{
	(void)state;
	session_hub();
	subscribers_that_are_stuck(session_dial(session.readers), 20);
	assert_true(ends_in(&session.hub) < SECOND_NS);
	assert_false(is_there(session.clients));
	assert_false(is_there(session.readers));
}

/* One that writes for as long as somebody takes it. */
static pid_t reader_floods(void)
{
	static const char text[] = UP "\n" UP "\n" UP "\n" UP "\n";
	int fd = session_dial(session.readers); /* here: in a child nothing may be asserted */
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		while (send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL) > 0)
			;
		_exit(0);
	}
	return pid;
}

/* Some of them in the middle of a line, some that write without end. */
static void a_hundred_readers_do_not_keep_it(void **state)
{
	enum { FLOODS = 4 };
	pid_t floods[FLOODS];
	int stream, status;

	(void)state;
	session_hub();
	stream = session_subscribe();
	for (int i = 0; i < 100; i++) {
		int fd = session_dial(session.readers);

		assert_int_equal(send(fd, UP, i % 2 ? 20 : sizeof(UP) - 1, 0),
				 i % 2 ? 20 : sizeof(UP) - 1);
	}
	for (int i = 0; i < FLOODS; i++)
		floods[i] = reader_floods();
	session_hear(stream, UP_EVENT); /* they are heard */
	assert_true(ends_in(&session.hub) < SECOND_NS);
	for (int i = 0; i < FLOODS; i++) {
		assert_int_equal(waitpid(floods[i], &status, 0), floods[i]);
		assert_int_equal(status, 0); /* and hear of the end */
	}
	assert_false(is_there(session.readers));
}

/* All of it at once: a second is the longest that it takes. */
static void nothing_keeps_it_for_longer_than_a_second(void **state)
{
	int calls, alive, status;
	pid_t flood;

	(void)state;
	gate_make("begun");
	alive = hang("trap '' TERM; echo >begun; sleep 60", &calls);
	session_say(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"));
	wait_for("begun");
	subscribers_that_are_stuck(session_dial(session.readers), 10);
	for (int i = 0; i < 100; i++)
		session_line(session_dial(session.readers), UP);
	flood = reader_floods();
	assert_true(ends_in(&session.hub) < 2 * SECOND_NS);
	assert_int_equal(waitpid(flood, &status, 0), flood);
	assert_true(ends_in(&session.verdicts) < 2 * SECOND_NS);
	close(alive);
}

static void a_second_signal_waits_for_nothing(void **state)
{
	int calls, alive;
	uint64_t begin;

	(void)state;
	gate_make("begun");
	alive = hang("echo >begun; sleep 60", &calls);
	session_say(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"));
	wait_for("begun");
	begin = now_boot_ns();
	assert_int_equal(kill(session.hub, SIGTERM), 0);
	assert_string_equal(session_told(), "STOPPING=1");
	assert_int_equal(session_end(&session.hub, SIGINT), 0);
	assert_true(now_boot_ns() - begin < SECOND_NS / 2);
	close(alive);
}

/* The line of /proc/PID/status. */
static void status_says(pid_t pid, const char *what)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], text[4096] = "";

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	assert_non_null(strstr(text, what));
}

static void it_has_given_up_what_it_does_not_need(void **state)
{
	(void)state;
#ifdef CONFINE_SANITIZED
	skip();
#endif
	session_hub();
	status_says(session.hub, "NoNewPrivs:\t1\n");
	status_says(session.hub, "Seccomp:\t2\n");
	status_says(session.hub, "CapEff:\t0000000000000000\n");
	status_says(session.hub, "CapPrm:\t0000000000000000\n");
}

/* One who may not: connected and said it, or the reading end of a pipe tells that he could not. */
static void says_as(uid_t uid, const char *text)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		int fd;

		if (setresuid(uid, uid, uid))
			_exit(98);
		fd = sock_connect(session.readers);
		if (fd < 0)
			_exit(97);
		send(fd, text, strlen(text), MSG_NOSIGNAL); /* the hub may have hung up by now */
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_reader_of_another_user_is_not_heard(void **state)
{
	struct pollfd closed = { .events = POLLIN };
	int stream;

	(void)state;
	if (geteuid()) {
		puts("not root: there is no other user");
		skip();
	}
	session_give(4001);
	session_hub();
	stream = session_subscribe();
	closed.fd = session_dial(session.readers); /* as root, whom no mode keeps out */
	assert_int_equal(poll(&closed, 1, SESSION_WAIT_S * 1000), 1);
	assert_true(closed.revents & POLLHUP);
	says_as(0, SAYS("shield_down", "c1", "") "\n");
	says_as(4001, UP "\n");
	session_hear(stream, UP_EVENT); /* and nothing before it */
}

/* No mode and no folder keeps them out here: only that the kernel says who they are. */
static void who_is_somebody_else_is_served_by_no_socket(void **state)
{
	const char *const paths[] = { session.clients, session.helper, session.readers };
	int own;

	(void)state;
	if (geteuid()) {
		puts("not root: there is no other user");
		skip();
	}
	session_give(4001);
	session_hub();
	session_helper("exit 0");
	assert_int_equal(chmod(session.folder, 0755), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(chmod(paths[i], 0666), 0);
		assert_string_equal(session_heard(session_dial_as(4002, paths[i])), "");
	}
	assert_int_equal(chmod(session.folder, 0700), 0);
	/* control: root and the user are */
	for (int i = 0; i < 2; i++) {
		own = session_dial_as(i ? 4001 : 0, session.helper);
		session_say(own, "{\"method\":\"org.varlink.service.GetInfo\"}");
		assert_non_null(strstr(session_heard(own), "terok-clearance-verdict"));
	}
}

/* It is one user's: nobody is kept out by how many clients that one has. */
static void a_user_has_as_many_clients_as_they_like(void **state)
{
	enum { CLIENTS_OF_ONE = 200 };
	int stream[CLIENTS_OF_ONE];

	(void)state;
	if (!geteuid())
		session_give(4001);
	session_hub();
	for (int i = 0; i < CLIENTS_OF_ONE; i++) {
		stream[i] = session_dial_as(session.uid, session.clients);
		session_say(stream[i],
			    "{\"method\":\"org.terok.Firewall1.Monitor\",\"more\":true}");
		assert_string_not_equal(session_heard(stream[i]), "");
	}
	session_line(session_dial_as(session.uid, session.readers), UP);
	for (int i = 0; i < CLIENTS_OF_ONE; i++)
		assert_non_null(strstr(session_heard(stream[i]), "guard_state"));
}

static void readers_come_and_go_by_the_thousand(void **state)
{
	int stream;

	(void)state;
	session_hub();
	stream = session_subscribe();
	for (int i = 0; i < 2000; i++) {
		struct sockaddr_un sun = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		strcpy(sun.sun_path, session.readers);
		assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
		session_line(fd, UP);
		close(fd);
		session_hear(stream, UP_EVENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, session_setup, session_teardown)
		T(it_serves_when_it_says_so_and_says_when_it_stops),
		T(either_signal_ends_it_and_nothing_is_left),
		T(its_sockets_are_nobody_elses),
		T(it_is_found_where_clients_look_for_many_hubs),
		T(what_is_in_the_way_of_the_other_places_keeps_it_from_nothing),
		T(a_folder_that_others_may_enter_is_refused),
		T(what_is_stale_is_replaced),
		T(it_begins_wholly_or_not_at_all),
		T(a_second_hub_is_refused_and_the_first_goes_on),
		T(it_comes_back_at_the_same_place),
		T(a_shield_that_hangs_keeps_neither_for_more_than_a_second),
		T(an_answer_on_its_way_is_told_before_the_end),
		T(subscribers_that_never_read_do_not_keep_it),
		T(a_hundred_readers_do_not_keep_it),
		T(nothing_keeps_it_for_longer_than_a_second),
		T(a_second_signal_waits_for_nothing),
		T(it_has_given_up_what_it_does_not_need),
		T(a_reader_of_another_user_is_not_heard),
		T(who_is_somebody_else_is_served_by_no_socket),
		T(a_user_has_as_many_clients_as_they_like),
		T(readers_come_and_go_by_the_thousand),
	};

	return cmocka_run_group_tests_name("standalone_life", tests, NULL, NULL);
}
