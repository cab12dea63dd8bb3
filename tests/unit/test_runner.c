// SPDX-License-Identifier: Apache-2.0
/* test_runner.c - base/runner.c: programs are run by a process of before, and nothing else is */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/runner.h"
#include "base/spawn.h"

#define LIMIT (20 * SECOND_NS)

static const char *const env[] = { "PATH=/usr/bin:/bin", "WHOSE=runner", NULL };
static int runner = -1, heard[2];

/* Scripts of sh, and a program that is not there. */
static bool may(const char *const *argv)
{
	return !strcmp(argv[0], "no-such-program") ||
	       (!strcmp(argv[0], "sh") && argv[1] && !strcmp(argv[1], "-c"));
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(pipe(heard), 0); /* open in the runner, it would never end */
	return runner_begin(&(struct runner_use){ "test-runner", env, may }, &runner, NULL);
}

static int teardown(void **state)
{
	(void)state;
	closep(&runner);
	closep(&heard[0]);
	closep(&heard[1]);
	while (waitpid(-1, NULL, 0) > 0) /* it ends by that */
		;
	return 0;
}

static int run(const char *const *argv, struct spawn_result *ret)
{
	const struct spawn spawn = { argv, NULL, LIMIT, 1 << 20, runner };

	return spawn_run(&spawn, ret, NULL);
}

static int sh(const char *script, struct spawn_result *ret)
{
	return run((const char *const[]){ "sh", "-c", script, NULL }, ret);
}

static void output_errors_and_status_come_back(void **state)
{
	struct spawn_result result;

	(void)state;
	assert_int_equal(sh("echo $WHOSE; cat; echo oh >&2; exit 7", &result), 0);
	assert_string_equal(result.output, "runner\n");
	assert_string_equal(result.error, "oh\n");
	assert_int_equal(result.status, 7);
	spawn_result_done(&result);
	assert_int_equal(sh("kill -TERM $$", &result), 0);
	assert_int_equal(result.status, 128 + SIGTERM);
	spawn_result_done(&result);
	/* more than pipes hold, and what was written last before the end */
	assert_int_equal(sh("head -c 500000 /dev/zero; echo; echo end", &result), 0);
	assert_int_equal(result.size, 500005);
	assert_string_equal(result.output + 500001, "end\n");
	spawn_result_done(&result);
}

static void what_may_not_be_run_is_not(void **state)
{
	char *big = malloc(RUNNER_LINE_MAX + 1);
	struct spawn_result result;

	(void)state;
	assert_int_equal(run((const char *const[]){ "cat", NULL }, &result), -EPERM);
	assert_int_equal(run((const char *const[]){ "sh", "-x", "-c", "true", NULL }, &result),
			 -EPERM);
	assert_int_equal(run((const char *const[]){ "no-such-program", NULL }, &result), -ENOENT);
	memset(big, ' ', RUNNER_LINE_MAX);
	big[RUNNER_LINE_MAX] = '\0';
	assert_int_equal(sh(big, &result), -E2BIG);
	free(big);
	assert_int_equal(sh("true", &result), 0); /* and it goes on */
	spawn_result_done(&result);
}

/* What is not made by runner_ask() gets no answer that means anything, and ends nothing. */
static void what_is_no_question_costs_nothing(void **state)
{
	struct spawn_result result;

	(void)state;
	assert_int_equal(write(runner, "x", 1), 1);
	assert_int_equal(write(runner, "longer", 6), 6);
	assert_int_equal(sh("true", &result), 0);
	spawn_result_done(&result);
}

static void nothing_of_ours_is_open_in_it(void **state)
{
	struct pollfd end = { .fd = heard[0], .events = POLLIN };
	struct spawn_result result;

	(void)state;
	closep(&heard[1]);
	assert_int_equal(sh("true", &result), 0); /* it has begun by now */
	spawn_result_done(&result);
	assert_int_equal(poll(&end, 1, 10000), 1);
	assert_true(end.revents & POLLHUP);
}

/* --- in a loop ------------------------------------------------------------------------------- */

static struct loop *loop;
static int told = 1, status = -1;
static unsigned left;
static char said[64];

static void on_done(const struct spawn_result *result, int error, void *user)
{
	(void)user;
	told = error;
	status = error ? -1 : result->status;
	if (!--left)
		loop_stop(loop);
}

static int on_word(int fd, const char *bytes, size_t n, void *user)
{
	(void)fd, (void)user;
	snprintf(said, sizeof(said), "%.*s", (int)n, bytes);
	return 0;
}

static int on_number(int fd, const char *bytes, size_t n, void *user)
{
	on_word(fd, bytes, n, user);
	kill(atoi(said), SIGKILL);
	return 0;
}

static struct spawn_child *follow(const char *script, spawn_bytes_fn bytes)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	const struct spawn spawn = { argv, NULL, LIMIT, 4096, runner };
	struct spawn_child *child = NULL;

	left++;
	assert_int_equal(spawn_begin_follow(loop, &spawn, bytes, on_done, NULL, &child, NULL), 0);
	return child;
}

/* Gone, or a zombie of a process that does not look. */
static bool gone(pid_t pid)
{
	char path[32], text[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file) {
		if (!fgets(text, sizeof(text), file))
			*text = '\0';
		fclose(file);
	}
	return !*text || strstr(text, ") Z ");
}

static void await_gone(pid_t pid)
{
	for (int i = 0; i < 2000 && !gone(pid); i++)
		usleep(5000); /* a process of somebody else's child: no event tells of it */
	assert_true(gone(pid));
}

static void one_that_ends_is_told_in_a_loop(void **state)
{
	(void)state;
	left = 0;
	assert_int_equal(loop_new(&loop), 0);
	follow("echo $$; exec sleep 1000", on_number);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(told, 0);
	assert_int_equal(status, 128 + SIGKILL);
	loop_free(loop);
}

/* By a callback of its own it cannot be freed: a timer does. */
static struct spawn_child *ended;

static int on_end(struct timer *timer)
{
	(void)timer;
	if (!*said)
		return timer_arm(loop, timer, now_boot_ns() + SECOND_NS / 100, on_end), 0;
	spawn_end(TAKE_PTR(ended));
	loop_stop(loop);
	return 0;
}

static void one_that_is_ended_is_gone_with_its_group(void **state)
{
	struct timer timer = {};
	pid_t one = 0, two = 0;

	(void)state;
	*said = '\0';
	assert_int_equal(loop_new(&loop), 0);
	ended = follow("sleep 1000 & echo $$ $!; wait", on_word);
	timer_arm(loop, &timer, 0, on_end);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(sscanf(said, "%d %d", &one, &two), 2);
	await_gone(one);
	await_gone(two);
	loop_free(loop);
}

static void with_its_owner_all_end(void **state)
{
	struct spawn_result result;
	struct pollfd fd = { .events = POLLIN };
	pid_t one = 0, two = 0, self = 0;
	int out[2], leash;
	char text[64] = "";

	(void)state;
	assert_int_equal(pipe(out), 0);
	assert_int_equal(sh("echo $PPID", &result), 0);
	self = atoi(result.output);
	spawn_result_done(&result);
	assert_int_equal(
	    runner_ask(runner,
		       (const char *const[]){ "sh", "-c", "sleep 1000 & echo $$ $!; wait", NULL },
		       out[1], 2, &leash),
	    0);
	fd.fd = out[0];
	assert_int_equal(poll(&fd, 1, 10000), 1);
	assert_true(read(out[0], text, sizeof(text) - 1) > 0);
	assert_int_equal(sscanf(text, "%d %d", &one, &two), 2);
	closep(&runner); /* and the leash stays */
	await_gone(one);
	await_gone(two);
	await_gone(self);
	close(leash);
	close(out[0]);
	close(out[1]);
}

static void one_that_has_gone_is_an_error(void **state)
{
	struct pollfd fd = { .fd = runner, .events = POLLIN };
	struct spawn_result result;

	(void)state;
	assert_int_equal(sh("kill -KILL $PPID; sleep 1000", &result), -ECONNRESET);
	assert_int_equal(poll(&fd, 1, 10000), 1);
	assert_int_equal(sh("true", &result), -EPIPE);
}

static void there_are_so_many_and_no_more(void **state)
{
	int leash[RUNNER_MAX + 1], r;
	struct spawn_result result;

	(void)state;
	for (unsigned i = 0; i <= RUNNER_MAX; i++)
		assert_int_equal(
		    runner_ask(runner, (const char *const[]){ "sh", "-c", "exec sleep 1000", NULL },
			       -1, 2, &leash[i]),
		    0);
	assert_int_equal(
	    poll(&(struct pollfd){ .fd = leash[RUNNER_MAX], .events = POLLIN }, 1, 20000), 1);
	assert_int_equal(runner_ended(leash[RUNNER_MAX], &r), -EAGAIN);
	for (unsigned i = 0; i <= RUNNER_MAX; i++)
		close(leash[i]);
	assert_int_equal(sh("true", &result), 0);
	spawn_result_done(&result);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(output_errors_and_status_come_back),
		CASE(what_may_not_be_run_is_not),
		CASE(what_is_no_question_costs_nothing),
		CASE(nothing_of_ours_is_open_in_it),
		CASE(one_that_ends_is_told_in_a_loop),
		CASE(one_that_is_ended_is_gone_with_its_group),
		CASE(with_its_owner_all_end),
		CASE(one_that_has_gone_is_an_error),
		CASE(there_are_so_many_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
