// SPDX-License-Identifier: Apache-2.0
/*
 * test_standalone_flood.c - a session's hub with many readers at once, that come and go
 *
 * A hundred of them, each with lines of its own and a new connection every so often. Whoever
 * listens gets every line or is told how many were missed, in the order in which each connection
 * said them; who answers meanwhile is served.
 */
#include "hub/session.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"

#define MONITOR "{\"method\":\"org.terok.Firewall1.Monitor\",\"more\":true}"
#define WEB     "\"dest\":\"198.51.100.1\",\"port\":443,\"proto\":6"

enum {
	CHILDREN = 4,
	READERS = 100,
	CONNECTIONS = 4,
	LINES = 50,
	TOTAL = READERS * CONNECTIONS * LINES
};

/* In a child, where nothing may be asserted: it waits for its place, and ends the child or works. */
static int reader_dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, session.readers);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		_exit(1);
	return fd;
}

/* Its share of the readers: one line of each in turn. */
static _Noreturn void be_readers(unsigned child)
{
	enum { OWN = READERS / CHILDREN };
	char text[128];
	int fd[OWN], size;

	for (unsigned c = 0; c < CONNECTIONS; c++) {
		for (unsigned i = 0; i < OWN; i++)
			fd[i] = reader_dial();
		for (unsigned n = 0; n < LINES * OWN; n++) {
			size = snprintf(text, sizeof(text), SAYS("shield_up", "r%u-%u-%u", "") "\n",
					child * OWN + n % OWN, c, n / OWN);
			if (send(fd[n % OWN], text, size, MSG_NOSIGNAL) != size)
				_exit(2);
		}
		for (unsigned i = 0; i < OWN; i++)
			close(fd[i]);
	}
	_exit(0);
}

static void readers_begin(pid_t pids[CHILDREN])
{
	fflush(NULL);
	for (unsigned i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (!pids[i])
			be_readers(i);
	}
}

static void readers_end(const pid_t pids[CHILDREN])
{
	int status;

	for (unsigned i = 0; i < CHILDREN; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

/* What one subscriber heard. */
struct heard {
	unsigned n, lost;
	int last[READERS][CONNECTIONS]; /* the newest line of each connection */
};

static void heard_begin(struct heard *heard)
{
	memset(heard, 0, sizeof(*heard));
	memset(heard->last, -1, sizeof(heard->last));
}

static void heard_one(struct heard *heard, const char *frame)
{
	const char *container = strstr(frame, "\"container\":\"r"),
		   *lost = strstr(frame, "\"lost\":");
	unsigned reader, connection, n;

	assert_non_null(lost);
	assert_int_equal(sscanf(lost, "\"lost\":%u", &heard->lost), 1);
	if (!container)
		return; /* a request, or what became of it */
	assert_int_equal(sscanf(container, "\"container\":\"r%u-%u-%u\"", &reader, &connection, &n),
			 3);
	assert_true((int)n > heard->last[reader][connection]);
	heard->last[reader][connection] = (int)n;
	heard->n++;
}

static int monitor(void)
{
	int fd = session_dial(session.clients);

	session_say(fd, MONITOR);
	session_hear(fd, "{\"continues\":true,\"parameters\":{\"lost\":0}}");
	return fd;
}

static void every_line_is_heard_or_counted(void **state)
{
	static struct heard fast, slow;
	pid_t pids[CHILDREN];
	int reads, sleeps;

	(void)state;
	session_hub();
	reads = monitor();
	sleeps = monitor();
	heard_begin(&fast);
	heard_begin(&slow);
	readers_begin(pids);
	while (fast.n + fast.lost < TOTAL)
		heard_one(&fast, session_heard(reads));
	readers_end(pids);
	assert_int_equal(fast.n + fast.lost, TOTAL);
	/* who slept finds the oldest, the newest, and the number of those between */
	while (slow.n + slow.lost < TOTAL)
		heard_one(&slow, session_heard(sleeps));
	assert_int_equal(slow.n + slow.lost, TOTAL);
	assert_true(slow.lost > 0 && slow.n >= 128);
}

static void who_answers_meanwhile_is_served(void **state)
{
	uint64_t begin, longest = 0;
	pid_t pids[CHILDREN];
	int calls, reader;
	char line[256], call[512];

	(void)state;
	session_helper("exit 0");
	session_hub();
	calls = session_dial(session.clients);
	reader = session_dial(session.readers);
	readers_begin(pids);
	for (unsigned i = 0; i < 50; i++) {
		const char *reply;

		snprintf(line, sizeof(line), PENDING("c1", "c1:%u", WEB), i);
		snprintf(call, sizeof(call), VERDICT("c1", "c1:%u", "198.51.100.1", "allow"), i);
		session_line(reader, line);
		begin = now_boot_ns();
		do { /* the line and the call take different ways */
			session_say(calls, call);
			reply = session_heard(calls);
		} while (strstr(reply, "UnknownRequest"));
		assert_string_equal(reply, OK);
		longest = now_boot_ns() - begin > longest ? now_boot_ns() - begin : longest;
	}
	readers_end(pids);
	assert_true(longest < 2 * SECOND_NS);
	begin = now_boot_ns();
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
	assert_true(now_boot_ns() - begin < SECOND_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, session_setup, session_teardown)
		T(every_line_is_heard_or_counted),
		T(who_answers_meanwhile_is_served),
	};

	return cmocka_run_group_tests_name("standalone_flood", tests, NULL, NULL);
}
