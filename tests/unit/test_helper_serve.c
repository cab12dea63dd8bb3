// SPDX-License-Identifier: Apache-2.0
/* test_helper_serve.c - hub/helper_serve.c: which verdicts run the shield, and what is said of it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "hub/helper_serve.h"

#define APPLY(container, dest, action)                                                                 \
	"{\"method\":\"org.terok.ClearanceVerdict1.Apply\",\"parameters\":{\"container\":\"" container \
	"\",\"dest\":\"" dest "\",\"action\":\"" action "\"}}"
#define SAID(ok, text) "{\"parameters\":{\"ok\":" ok ",\"stderr\":\"" text "\"}}"
#define SAYS_ARGS      "echo \"$0 $# $1 $2 $3\" >&2"

static char folder[48], path[64], shield[80];
static struct loop *loop;
static struct helper *helper;
static int listen_fd, client = -1;

/* The shield: a script of one line. */
static void shield_is(const char *script, mode_t mode)
{
	_cleanup_fclose_ FILE *file = fopen(shield, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fchmod(fileno(file), mode), 0);
}

static int setup_limit(uint64_t limit_ns)
{
	strcpy(folder, "/tmp/test_helper_serve.XXXXXX");
	if (!mkdtemp(folder) || loop_new(&loop))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	snprintf(shield, sizeof(shield), "%s/terok-shield", folder);
	if (sock_listen(path, 0600, &listen_fd, NULL))
		return -1;
	return helper_new(loop, listen_fd, shield, limit_ns, &helper);
}

static int setup(void **state)
{
	(void)state;
	return setup_limit(HELPER_LIMIT_NS);
}

static int teardown(void **state)
{
	(void)state;
	closep(&client);
	helper_free(helper);
	loop_free(loop);
	closep(&listen_fd);
	unlink(shield);
	unlink(path);
	return rmdir(folder);
}

static int dial(void)
{
	int fd = sock_connect(path);

	assert_true(fd >= 0);
	return fd;
}

static void say(int fd, const char *frame)
{
	assert_int_equal(send(fd, frame, strlen(frame) + 1, MSG_NOSIGNAL), strlen(frame) + 1);
}

struct ear {
	struct source source;
	char text[2048];
	size_t n;
};

static int on_frame(struct source *source, uint32_t events)
{
	struct ear *ear = container_of(source, struct ear, source);
	ssize_t n = recv(source->fd, ear->text + ear->n, sizeof(ear->text) - ear->n, MSG_PEEK);
	char *nul = n > 0 ? memchr(ear->text + ear->n, '\0', n) : NULL;

	(void)events;
	if (n <= 0)
		return 1;
	/* up to the frame's end: what comes behind it is the next one's */
	n = nul ? nul + 1 - (ear->text + ear->n) : n;
	ear->n += recv(source->fd, ear->text + ear->n, n, 0);
	return nul ? 1 : 0;
}

/* The next frame of @fd; the loop goes on until it is whole. "": the end. */
static const char *heard(int fd)
{
	static struct ear ear;

	memset(&ear, 0, sizeof(ear));
	assert_int_equal(source_add(loop, &ear.source, fd, EPOLLIN, on_frame), 0);
	assert_int_equal(loop_run(loop), 1);
	source_del(&ear.source);
	return ear.text;
}

static void is_answered(const char *call, const char *answer)
{
	if (client < 0)
		client = dial();
	say(client, call);
	assert_string_equal(heard(client), answer);
}

/* A named pipe, opened so that nobody waits for the other side. */
static int fifo_make(const char *name)
{
	char where[96];
	int fd;

	snprintf(where, sizeof(where), "%s/%s", folder, name);
	assert_int_equal(mkfifo(where, 0600), 0);
	fd = open(where, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void fifo_remove(const char *name, int fd)
{
	char where[96];

	snprintf(where, sizeof(where), "%s/%s", folder, name);
	close(fd);
	assert_int_equal(unlink(where), 0);
}

static int on_begun(struct source *source, uint32_t events)
{
	(void)source, (void)events;
	return 1;
}

/* Until somebody has written to it. */
static void fifo_wait(int fd)
{
	struct source begun = {};

	assert_int_equal(source_add(loop, &begun, fd, EPOLLIN, on_begun), 0);
	assert_int_equal(loop_run(loop), 1);
	source_del(&begun);
}

static void the_shield_gets_three_words_and_its_end_is_the_answer(void **state)
{
	char want[256];

	(void)state;
	shield_is(SAYS_ARGS, 0700);
	snprintf(want, sizeof(want), SAID("true", "%s 3 allow c1 example.com"), shield);
	is_answered(APPLY("c1", "example.com", "allow"), want);
	snprintf(want, sizeof(want), SAID("true", "%s 3 deny c2 *"), shield);
	is_answered(APPLY("c2", "*", "deny"), want); /* no shell sees it */
	shield_is("exit 0", 0700);
	is_answered(APPLY("c", "d", "allow"), SAID("true", ""));
	shield_is("exit 1", 0700);
	is_answered(APPLY("c", "d", "allow"), SAID("false", ""));
	shield_is("echo '  why not  ' >&2; exit 3", 0700);
	is_answered(APPLY("c", "d", "allow"), SAID("false", "why not"));
	shield_is("echo out; kill -TERM $$", 0700);
	is_answered(APPLY("c", "d", "allow"), SAID("false", ""));
}

static void it_has_our_environment_and_no_input(void **state)
{
	(void)state;
	setenv("TEROK_TEST_WORD", "here", 1);
	shield_is("read x; echo \"$TEROK_TEST_WORD$x\" >&2", 0700);
	is_answered(APPLY("c", "d", "allow"), SAID("true", "here"));
	unsetenv("TEROK_TEST_WORD");
}

static void words_that_are_no_verdict_do_not_reach_the_shield(void **state)
{
	char call[1024], mark[96];
	static const char *const wrong[] = {
		APPLY("c", "d", "status"), APPLY("c", "d", "Allow"),     APPLY("c", "d", ""),
		APPLY("-c", "d", "allow"), APPLY("c", "--help", "deny"), APPLY("", "d", "allow"),
		APPLY("c", "", "allow"),
	};

	(void)state;
	snprintf(mark, sizeof(mark), "%s/ran", folder);
	snprintf(call, sizeof(call), "touch %s", mark);
	shield_is(call, 0700);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		closep(&client);
		client = dial();
		say(client, wrong[i]);
		assert_non_null(strstr(heard(client), "\"ok\":false"));
		assert_int_equal(access(mark, F_OK), -1);
	}
	/* the longest words that are some, and one more */
	snprintf(call, sizeof(call), APPLY("c", "%0257d", "allow"), 0);
	is_answered(call, SAID("false", "a container or destination has at most 256 bytes"));
	assert_int_equal(access(mark, F_OK), -1);
	snprintf(call, sizeof(call), APPLY("c", "%0256d", "allow"), 0);
	is_answered(call, SAID("true", ""));
	assert_int_equal(unlink(mark), 0);
}

static void a_verdict_on_a_push_is_no_shields(void **state)
{
	(void)state;
	shield_is("echo ran >&2; exit 1", 0700);
	is_answered(APPLY("gate:p/t#1", "push:refs/heads/x", "allow"), SAID("true", ""));
	is_answered(APPLY("gate:p/t#1", "push:refs/heads/x", "deny"), SAID("true", ""));
	is_answered(APPLY("gate:p/t#1", "push", "deny"), SAID("false", "ran"));
}

static void a_shield_that_cannot_be_run_is_an_answer(void **state)
{
	(void)state;
	is_answered(APPLY("c", "d", "allow"), SAID("false", "terok-shield not found on PATH"));
	shield_is("exit 0", 0600);
	is_answered(APPLY("c", "d", "allow"), SAID("false", "spawn failed: Permission denied"));
}

/* Only a program counts, and only a folder that is named wholly: a shield at @path says so. */
static void program_at(const char *where, mode_t mode, const char *says)
{
	_cleanup_fclose_ FILE *file = fopen(where, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\necho %s >&2\n", says);
	assert_int_equal(fchmod(fileno(file), mode), 0);
}

static void it_is_looked_for_in_the_path_and_then_at_home(void **state)
{
	static const char *const parts[] = {
		"a/terok-shield",          "b/terok-shield", "b",
		".local/bin/terok-shield", ".local/bin",     ".local"
	};
	char where[96], path_was[4096], home_was[4096], search[256];

	(void)state;
	snprintf(path_was, sizeof(path_was), "%s", getenv("PATH") ?: "");
	snprintf(home_was, sizeof(home_was), "%s", getenv("HOME") ?: "/");
	helper_free(helper);
	assert_int_equal(helper_new(loop, listen_fd, NULL, HELPER_LIMIT_NS, &helper), 0);
	for (int i = sizeof(parts) / sizeof(*parts); i-- > 0;) {
		snprintf(where, sizeof(where), "%s/%s", folder, parts[i]);
		if (!strchr(parts[i], '-'))
			assert_int_equal(mkdir(where, 0700), 0);
	}
	snprintf(where, sizeof(where), "%s/a", folder);
	assert_int_equal(mkdir(where, 0700), 0);
	assert_int_equal(chdir(folder), 0); /* "." must not be looked at */
	snprintf(search, sizeof(search), ":.:%s/a:%s/b:/bin", folder, folder);
	setenv("PATH", search, 1);
	setenv("HOME", folder, 1);
	program_at("terok-shield", 0700, "chance");
	is_answered(APPLY("c", "d", "allow"), SAID("false", "terok-shield not found on PATH"));
	program_at(".local/bin/terok-shield", 0700, "home");
	is_answered(APPLY("c", "d", "allow"), SAID("true", "home"));
	program_at("b/terok-shield", 0700, "b");
	is_answered(APPLY("c", "d", "allow"), SAID("true", "b"));
	assert_int_equal(mkdir("a/terok-shield", 0700), 0); /* no program */
	is_answered(APPLY("c", "d", "allow"), SAID("true", "b"));
	assert_int_equal(rmdir("a/terok-shield"), 0);
	program_at("a/terok-shield", 0600, "a"); /* none that may be run */
	is_answered(APPLY("c", "d", "allow"), SAID("true", "b"));
	setenv("HOME", "", 1);
	assert_int_equal(unlink("b/terok-shield"), 0);
	is_answered(APPLY("c", "d", "allow"), SAID("false", "terok-shield not found on PATH"));
	program_at("b/terok-shield", 0700, "b");
	setenv("PATH", path_was, 1);
	setenv("HOME", home_was, 1);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		assert_int_equal(remove(parts[i]), 0);
	assert_int_equal(remove("a"), 0);
	assert_int_equal(chdir("/"), 0);
}

static void what_it_says_is_cut_and_printable(void **state)
{
	char want[1024], text[513];

	(void)state;
	shield_is("printf 'a\\033[31mb\\nc\\303\\251d\\377' >&2", 0700);
	is_answered(APPLY("c", "d", "allow"), SAID("true", "a [31mb c d "));
	shield_is("head -c 600 /dev/zero | tr '\\0' x >&2", 0700);
	memset(text, 'x', 512);
	text[512] = '\0';
	snprintf(want, sizeof(want), SAID("true", "%s"), text);
	is_answered(APPLY("c", "d", "allow"), want);
}

/* A grandchild that keeps the pipe and ignores every signal that can be ignored. */
static void a_late_shield_is_killed_with_all_that_it_started(void **state)
{
	struct pollfd gone = { .events = POLLIN };
	uint64_t begin;
	int alive[2];

	(void)state;
	teardown(NULL);
	setup_limit(SECOND_NS / 10);
	assert_int_equal(pipe(alive), 0);
	shield_is("trap '' TERM HUP; sleep 60 & exec sleep 60", 0700);
	begin = now_boot_ns();
	is_answered(APPLY("c", "d", "allow"), SAID("false", "timed out after 0.1s"));
	assert_true(now_boot_ns() - begin < 5 * SECOND_NS);
	close(alive[1]);
	gone.fd = alive[0];
	assert_int_equal(poll(&gone, 1, 5000), 1);
	assert_int_equal(gone.revents, POLLHUP);
	close(alive[0]);
}

/* What leaves its group on purpose lives on, as a pause process of podman's does: nobody waits. */
static void what_has_left_the_shield_is_neither_killed_nor_waited_for(void **state)
{
	struct pollfd gone = { .events = POLLIN };
	char script[256], pid[16] = "";
	int fifo, alive[2];
	uint64_t begin;

	(void)state;
	teardown(NULL);
	setup_limit(SECOND_NS / 2);
	fifo = fifo_make("f");
	assert_int_equal(pipe(alive), 0);
	snprintf(script, sizeof(script),
		 "setsid sh -c 'echo $$ >%s/f; exec sleep 60' & exec sleep 60", folder);
	shield_is(script, 0700);
	begin = now_boot_ns();
	is_answered(APPLY("c", "d", "allow"), SAID("false", "timed out after 0.5s"));
	assert_true(now_boot_ns() - begin < 5 * SECOND_NS);
	close(alive[1]);
	gone.fd = alive[0];
	assert_int_equal(poll(&gone, 1, 0), 0);
	assert_true(read(fifo, pid, sizeof(pid) - 1) > 0);
	assert_int_equal(kill(atoi(pid), SIGKILL), 0);
	assert_int_equal(poll(&gone, 1, 5000), 1);
	close(alive[0]);
	fifo_remove("f", fifo);
}

static void verdicts_of_two_connections_run_beside_each_other(void **state)
{
	_cleanup_close_ int other = dial();
	char script[256];
	int fifo;

	(void)state;
	client = dial();
	fifo = fifo_make("f");
	/* the first ends when the second has begun */
	snprintf(script, sizeof(script), "case $2 in first) read x <%s/f;; *) echo >%s/f;; esac",
		 folder, folder);
	shield_is(script, 0700);
	say(client, APPLY("first", "d", "allow"));
	say(other, APPLY("second", "d", "allow"));
	assert_string_equal(heard(client), SAID("true", ""));
	assert_string_equal(heard(other), SAID("true", ""));
	fifo_remove("f", fifo);
}

static void more_than_run_at_once_wait_their_turn(void **state)
{
	enum { CALLS = HELPER_RUNNING_MAX + 8 };
	int fds[CALLS];
	char script[256];

	(void)state;
	snprintf(
	    script, sizeof(script),
	    "mkdir %s/$2; n=$(ls -d %s/c* 2>/dev/null | wc -l); rmdir %s/$2; test $n -le %d || exit 1",
	    folder, folder, folder, HELPER_RUNNING_MAX);
	shield_is(script, 0700);
	for (int i = 0; i < CALLS; i++) {
		char call[256];

		fds[i] = dial();
		snprintf(call, sizeof(call), APPLY("c%d", "d", "allow"), i);
		say(fds[i], call);
	}
	for (int i = 0; i < CALLS; i++) {
		assert_string_equal(heard(fds[i]), SAID("true", ""));
		close(fds[i]);
	}
}

static void calls_on_one_connection_are_answered_in_their_order(void **state)
{
	(void)state;
	shield_is("echo $2 >&2; test $2 != bad", 0700);
	client = dial();
	say(client, APPLY("one", "d", "allow"));
	say(client, APPLY("bad", "d", "deny"));
	say(client, APPLY("-x", "d", "deny"));
	say(client, "{\"method\":\"org.terok.ClearanceVerdict1.Other\"}");
	assert_string_equal(heard(client), SAID("true", "one"));
	assert_string_equal(heard(client), SAID("false", "bad"));
	assert_non_null(strstr(heard(client), "dash"));
	assert_non_null(strstr(heard(client), "MethodNotFound"));
}

static void a_verdict_that_nobody_waits_for_is_carried_out(void **state)
{
	int fifo = fifo_make("f");
	char script[128], byte;

	(void)state;
	snprintf(script, sizeof(script), "echo $2 >%s/f", folder);
	shield_is(script, 0700);
	client = dial();
	say(client, APPLY("c", "d", "allow"));
	closep(&client);
	fifo_wait(fifo);
	assert_int_equal(read(fifo, &byte, 1), 1);
	assert_int_equal(byte, 'c');
	fifo_remove("f", fifo);
}

static unsigned n_idle;

static void on_idle(void *user)
{
	assert_ptr_equal(user, &n_idle);
	n_idle++;
}

static void a_helper_that_ends_begins_nothing_more(void **state)
{
	int begun = fifo_make("begun"), go = fifo_make("go");
	_cleanup_close_ int other = dial();
	char script[256];

	(void)state;
	n_idle = 0;
	client = dial();
	snprintf(script, sizeof(script), "echo >%s/begun; read x <%s/go", folder, folder);
	shield_is(script, 0700);
	say(client, APPLY("c", "d", "allow"));
	fifo_wait(begun);
	helper_close(helper, on_idle, &n_idle);
	say(other, APPLY("e", "d", "allow"));
	assert_string_equal(heard(other), SAID("false", "the helper is about to end"));
	assert_int_equal(n_idle, 0);
	assert_int_equal(write(go, "\n", 1), 1);
	assert_string_equal(heard(client), SAID("true", ""));
	assert_int_equal(n_idle, 1);
	fifo_remove("begun", begun);
	fifo_remove("go", go);
}

static void an_idle_helper_ends_at_once(void **state)
{
	(void)state;
	n_idle = 0;
	helper_close(helper, on_idle, &n_idle);
	assert_int_equal(n_idle, 1);
}

static void it_says_who_it_is(void **state)
{
	(void)state;
	is_answered("{\"method\":\"org.varlink.service.GetInfo\"}",
		    "{\"parameters\":{\"vendor\":\"terok\",\"product\":\"terok-clearance-verdict\","
		    "\"version\":\"" TEROK_VERSION "\",\"url\":\"https://github.com/terok-ai/"
		    "terok-clearance\",\"interfaces\":[\"org.terok.ClearanceVerdict1\","
		    "\"org.varlink.service\"]}}");
	say(client, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
		    "\"interface\":\"org.terok.ClearanceVerdict1\"}}");
	assert_non_null(strstr(heard(client),
			       "method Apply(container: string, dest: string, action: string) -> "
			       "(ok: bool, stderr: string)"));
	is_answered(
	    "{\"method\":\"org.terok.ClearanceVerdict1.Apply\",\"parameters\":{\"container\":"
	    "\"c\",\"action\":\"allow\"}}",
	    "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
	    "\"parameter\":\"dest\"}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_shield_gets_three_words_and_its_end_is_the_answer),
		T(it_has_our_environment_and_no_input),
		T(words_that_are_no_verdict_do_not_reach_the_shield),
		T(a_verdict_on_a_push_is_no_shields),
		T(a_shield_that_cannot_be_run_is_an_answer),
		T(it_is_looked_for_in_the_path_and_then_at_home),
		T(what_it_says_is_cut_and_printable),
		T(a_late_shield_is_killed_with_all_that_it_started),
		T(what_has_left_the_shield_is_neither_killed_nor_waited_for),
		T(verdicts_of_two_connections_run_beside_each_other),
		T(more_than_run_at_once_wait_their_turn),
		T(calls_on_one_connection_are_answered_in_their_order),
		T(a_verdict_that_nobody_waits_for_is_carried_out),
		T(a_helper_that_ends_begins_nothing_more),
		T(an_idle_helper_ends_at_once),
		T(it_says_who_it_is),
	};

	return cmocka_run_group_tests_name("helper_serve", tests, NULL, NULL);
}
