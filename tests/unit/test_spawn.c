// SPDX-License-Identifier: Apache-2.0
/* test_spawn.c - base/spawn.c: output, status, deadline, limits, nothing left behind */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/spawn.h"

#define SECOND UINT64_C(1000000000)

static int sh(const char *script, uint64_t limit_ns, size_t max, struct spawn_result *ret,
	      struct problem *why)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", "GREETING=hello", NULL };
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct spawn spawn = { argv, env, limit_ns, max, 0 };

	return spawn_run(&spawn, ret, why);
}

static void output_errors_and_status_come_back(void **state)
{
	struct spawn_result result;

	(void)state;
	assert_int_equal(sh("echo $GREETING; echo oh >&2; exit 7", 10 * SECOND, 100, &result, NULL),
			 0);
	assert_string_equal(result.output, "hello\n");
	assert_int_equal(result.size, 6);
	assert_string_equal(result.error, "oh\n");
	assert_int_equal(result.status, 7);
	spawn_result_done(&result);
	assert_int_equal(sh("kill -TERM $$", 10 * SECOND, 100, &result, NULL), 0);
	assert_int_equal(result.status, 128 + SIGTERM);
	spawn_result_done(&result);
}

static void only_the_given_environment_is_seen(void **state)
{
	struct spawn_result result;

	(void)state;
	setenv("SECRET", "x", 1);
	assert_int_equal(sh("echo ${SECRET-none}; cat", 10 * SECOND, 100, &result, NULL), 0);
	assert_string_equal(result.output, "none\n"); /* and standard input is empty */
	spawn_result_done(&result);
}

static void no_descriptor_but_three_is_handed_down(void **state)
{
	struct spawn_result result;

	(void)state;
	assert_int_equal(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), 0);
	assert_int_equal(sh("echo /proc/self/fd/*", 10 * SECOND, 1000, &result, NULL), 0);
	/* 3: the folder, while it is read */
	assert_string_equal(result.output,
			    "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n");
	spawn_result_done(&result);
}

/* Each waits for what the other does, the first with more than a pipe holds. */
static void several_run_at_once(void **state)
{
	static const char *const wait = "until [ -e \"$DIR/%s\" ]; do sleep 0.01; done";
	char dir[] = "/tmp/terok-spawn-XXXXXX", env_dir[64], script[2][256];
	const char *const env[] = { "PATH=/usr/bin:/bin", env_dir, NULL };
	const char *const argv[2][4] = { { "sh", "-c", script[0] }, { "sh", "-c", script[1] } };
	const struct spawn both[] = { { argv[0], env, 10 * SECOND, 1 << 20, 0 },
				      { argv[1], env, 10 * SECOND, 1 << 20, 0 } };
	struct spawn_result result[2];
	struct problem why = {};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(env_dir, sizeof(env_dir), "DIR=%s", dir);
	snprintf(script[0], sizeof(script[0]), "touch $DIR/a; ");
	snprintf(script[0] + 14, sizeof(script[0]) - 14, wait, "b");
	strcat(script[0], "; head -c 300000 /dev/zero | tr '\\0' x");
	snprintf(script[1], sizeof(script[1]), "touch $DIR/b; ");
	snprintf(script[1] + 14, sizeof(script[1]) - 14, wait, "a");
	strcat(script[1], "; head -c 200000 /dev/zero | tr '\\0' y; rm $DIR/a $DIR/b; exit 3");
	assert_int_equal(spawn_run_all(both, 2, result, &why), 0);
	assert_int_equal(result[0].size, 300000);
	assert_int_equal(result[0].status, 0);
	assert_int_equal(result[1].size, 200000);
	assert_int_equal(result[1].output[0], 'y');
	assert_int_equal(result[1].status, 3);
	spawn_result_done(&result[0]);
	spawn_result_done(&result[1]);
	assert_int_equal(rmdir(dir), 0);
}

/* Nothing of the others is left, or handed out. */
static void one_of_several_that_cannot_be_run_is_named(void **state)
{
	const char *const slow[] = { "sleep", "1000", NULL }, *const none[] = { "/nowhere", NULL };
	const struct spawn both[] = { { slow, NULL, 10 * SECOND, 100, 0 },
				      { none, NULL, 10 * SECOND, 100, 0 } };
	struct spawn_result result[2];
	struct problem why = {};

	(void)state;
	assert_int_equal(spawn_run_all(both, 2, result, &why), -ENOENT);
	assert_non_null(strstr(why.text, "/nowhere"));
}

static void more_output_than_wanted_is_an_error(void **state)
{
	struct spawn_result result;
	struct problem why;

	(void)state;
	assert_int_equal(sh("printf 12345678", 10 * SECOND, 8, &result, NULL), 0);
	spawn_result_done(&result);
	assert_int_equal(sh("printf 123456789", 10 * SECOND, 8, &result, &why), -EFBIG);
	assert_int_equal(sh("yes", 10 * SECOND, 1 << 20, &result, &why), -EFBIG);
}

static void a_late_program_is_killed_with_its_children(void **state)
{
	struct spawn_result result;
	struct problem why;
	char byte;
	int alive[2];

	(void)state;
	assert_int_equal(pipe(alive), 0); /* the grandchild holds the writing end while it lives */
	assert_int_equal(sh("sleep 30 & wait", SECOND / 20, 100, &result, &why), -ETIMEDOUT);
	close(alive[1]);
	assert_int_equal(poll(&(struct pollfd){ .fd = alive[0], .events = POLLIN }, 1, 5000), 1);
	assert_int_equal(read(alive[0], &byte, 1), 0); /* end of file: nobody has it any more */
	close(alive[0]);
}

static void what_cannot_be_run_is_named(void **state)
{
	const char *const argv[] = { "terok-no-such-program", NULL };
	struct spawn spawn = { argv, NULL, SECOND, 10, 0 };
	struct spawn_result result;
	struct problem why;

	(void)state;
	assert_int_equal(spawn_run(&spawn, &result, &why), -ENOENT);
	assert_non_null(strstr(why.text, "terok-no-such-program"));
}

/* --- in a loop ------------------------------------------------------------------------ */

static struct loop *loop;
static struct spawn_result told;
static int told_error;
static unsigned n_told, n_wanted;

static void on_done(const struct spawn_result *result, int error, void *user)
{
	assert_ptr_equal(user, &told);
	told = *result;
	told_error = error;
	if (++n_told == n_wanted)
		loop_stop(loop);
}

static struct spawn_child *begin(const char *script, uint64_t limit_ns)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct spawn spawn = { argv, env, limit_ns, 0, 0 };
	struct spawn_child *child = NULL;

	assert_int_equal(spawn_begin(loop, &spawn, on_done, &told, &child, NULL), 0);
	return child;
}

static void wait_for(unsigned n)
{
	n_told = 0;
	n_wanted = n;
	assert_int_equal(loop_run(loop), 0);
	loop_free(loop);
	loop = NULL;
}

static void without_waiting_errors_and_status_come_back(void **state)
{
	char want[SPAWN_ERR_MAX];

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	begin("echo out; echo oh >&2; exit 7", 10 * SECOND);
	wait_for(1);
	assert_int_equal(told_error, 0);
	assert_string_equal(told.error, "oh\n");
	assert_null(told.output);
	assert_int_equal(told.status, 7);

	/* more on standard error than a pipe holds: the first of it is kept, and it does not block */
	assert_int_equal(loop_new(&loop), 0);
	begin("head -c 1000000 /dev/zero | tr '\\0' x >&2", 10 * SECOND);
	wait_for(1);
	assert_int_equal(told_error, 0);
	assert_int_equal(told.status, 0);
	memset(want, 'x', sizeof(want) - 1);
	want[sizeof(want) - 1] = '\0';
	assert_string_equal(told.error, want);
}

static void programs_run_beside_each_other(void **state)
{
	int both[2];
	char script[96];

	(void)state;
	assert_int_equal(pipe(both), 0);
	assert_int_equal(loop_new(&loop), 0);
	/* the first ends only when the second has begun */
	snprintf(script, sizeof(script), "read x <&%d", both[0]);
	begin(script, 10 * SECOND);
	snprintf(script, sizeof(script), "echo x >&%d", both[1]);
	begin(script, 10 * SECOND);
	wait_for(2);
	assert_int_equal(told_error, 0);
	close(both[0]);
	close(both[1]);
}

/* A grandchild that holds the pipes is no reason to wait, in time or too late. */
static void whoever_holds_its_pipes_is_killed_with_it(void **state)
{
	static const struct {
		const char *script;
		uint64_t limit_ns;
		int error;
	} ways[] = {
		{ "sleep 30 &", 10 * SECOND, 0 },
		{ "sleep 30 & wait", SECOND / 20, -ETIMEDOUT },
		{ "trap '' TERM; sleep 30 & exec sleep 30", SECOND / 20, -ETIMEDOUT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct pollfd gone = { .events = POLLIN };
		int alive[2];

		assert_int_equal(pipe(alive), 0);
		assert_int_equal(loop_new(&loop), 0);
		begin(ways[i].script, ways[i].limit_ns);
		wait_for(1);
		assert_int_equal(told_error, ways[i].error);
		close(alive[1]);
		gone.fd = alive[0];
		assert_int_equal(poll(&gone, 1, 5000), 1);
		assert_int_equal(gone.revents, POLLHUP);
		close(alive[0]);
	}
}

static void one_that_is_ended_is_not_told(void **state)
{
	struct spawn_child *child;
	struct pollfd gone = { .events = POLLIN };
	int alive[2];

	(void)state;
	n_told = 0;
	assert_int_equal(pipe(alive), 0);
	assert_int_equal(loop_new(&loop), 0);
	child = begin("sleep 30 & wait", 10 * SECOND);
	spawn_end(child);
	spawn_end(NULL);
	close(alive[1]);
	gone.fd = alive[0];
	assert_int_equal(poll(&gone, 1, 5000), 1);
	close(alive[0]);
	assert_int_equal(n_told, 0);
	loop_free(loop);
	loop = NULL;
}

static char kept[256];

static void on_kept(const struct spawn_result *result, int error, void *user)
{
	snprintf(kept, sizeof(kept), "%s", error || !result->output ? "" : result->output);
	on_done(result, error, user);
}

static void keep(const char *script, size_t max)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct spawn spawn = { argv, NULL, 30 * SECOND, max, 0 };
	struct spawn_child *child = NULL;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(spawn_begin(loop, &spawn, on_kept, &told, &child, NULL), 0);
	wait_for(1);
}

static void what_one_in_a_loop_writes_is_kept_if_there_is_room_for_it(void **state)
{
	(void)state;
	keep("echo one; echo two >&2; echo three", 100);
	assert_int_equal(told_error, 0);
	assert_string_equal(kept, "one\nthree\n");
	assert_string_equal(told.error, "two\n");
	keep("printf 0123456789", 10);
	assert_int_equal(told_error, 0);
	assert_string_equal(kept, "0123456789");
	keep("printf 0123456789a", 10);
	assert_int_equal(told_error, -EFBIG);
	keep("exec yes", 100000); /* it is ended, and does not keep us */
	assert_int_equal(told_error, -EFBIG);
	keep("exec >&-; echo so >&2; exit 3", 10); /* its end of output is not its end */
	assert_int_equal(told_error, 0);
	assert_int_equal(told.status, 3);
	assert_string_equal(kept, "");
}

static void what_cannot_be_begun_is_named(void **state)
{
	const char *const argv[] = { "terok-no-such-program", NULL };
	struct spawn spawn = { argv, NULL, SECOND, 0, 0 };
	struct spawn_child *child = NULL;
	struct problem why;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	for (int i = 0; i < 2000; i++) /* and nothing of it stays open */
		assert_int_equal(spawn_begin(loop, &spawn, on_done, &told, &child, &why), -ENOENT);
	assert_non_null(strstr(why.text, "terok-no-such-program"));
	assert_null(child);
	loop_free(loop);
	loop = NULL;
}

/* --- as it comes ---------------------------------------------------------------------- */

static char seen[2][64];
static unsigned n_bites, enough_after;

static int on_bytes(int fd, const char *bytes, size_t n, void *user)
{
	char *to = seen[fd - 1];

	(void)user;
	n_bites++;
	if (strlen(to) + n < sizeof(seen[0]))
		strncat(to, bytes, n);
	return enough_after && n_bites >= enough_after;
}

static int follow(const char *script, uint64_t limit_ns, const struct spawn_watch *watch,
		  int *status, struct problem *why)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct spawn spawn = { argv, env, limit_ns, 0, 0 };

	memset(seen, 0, sizeof(seen));
	n_bites = enough_after = 0;
	*status = -2;
	return spawn_follow(&spawn, watch, status, why);
}

static const struct spawn_watch plain = { .bytes = on_bytes };

static void what_is_written_comes_at_once_and_all_of_it(void **state)
{
	int status;

	(void)state;
	assert_int_equal(follow("echo a; echo b >&2; sleep 0.2; echo c; exit 3", 10 * SECOND,
				&plain, &status, NULL),
			 0);
	assert_int_equal(status, 3);
	assert_string_equal(seen[0], "a\nc\n");
	assert_string_equal(seen[1], "b\n");
	assert_true(n_bites >= 3);
	/* nobody closes: what holds the pipe still is not waited for */
	assert_int_equal(follow("sleep 30 & echo a", 10 * SECOND, &plain, &status, NULL), 0);
	assert_string_equal(seen[0], "a\n");
}

static int one_is_enough(int fd, const char *bytes, size_t n, void *user)
{
	(void)fd;
	(void)bytes;
	(void)n;
	return *(int *)user;
}

static void who_has_enough_ends_it(void **state)
{
	int status, answer = 1;
	const struct spawn_watch watch = { .bytes = one_is_enough, .user = &answer };

	(void)state;
	assert_int_equal(follow("yes", 10 * SECOND, &watch, &status, NULL), 0);
	assert_int_equal(status, -1);
	answer = -EPIPE;
	assert_int_equal(follow("yes", 10 * SECOND, &watch, &status, NULL), -EPIPE);
	assert_int_equal(status, -2);
}

static void one_that_is_followed_has_a_deadline(void **state)
{
	struct problem why = {};
	int status;

	(void)state;
	assert_int_equal(follow("echo a; sleep 30", SECOND / 5, &plain, &status, &why), -ETIMEDOUT);
	assert_string_equal(seen[0], "a\n");
	assert_non_null(strstr(why.text, "did not end in time"));
}

/* A grandchild that holds the pipe's writing end while it lives. */
static bool lives_on(bool leaves_others)
{
	const struct spawn_watch watch = { .bytes = on_bytes, .leaves_others = leaves_others };
	int alive[2], status;
	char script[80];
	bool lives;
	int pid = 0;

	assert_int_equal(pipe(alive), 0);
	snprintf(script, sizeof(script), "sleep 30 & echo $!; exit 0");
	assert_int_equal(follow(script, 10 * SECOND, &watch, &status, NULL), 0);
	close(alive[1]);
	lives = poll(&(struct pollfd){ .fd = alive[0], .events = POLLIN }, 1,
		     leaves_others ? 200 : 5000) == 0;
	close(alive[0]);
	assert_int_equal(sscanf(seen[0], "%d", &pid), 1);
	if (lives)
		kill(pid, SIGKILL);
	return lives;
}

static void what_it_started_goes_on_only_if_that_is_wanted(void **state)
{
	(void)state;
	assert_true(lives_on(true));
	assert_false(lives_on(false));
}

static int interrupt_us(int fd, const char *bytes, size_t n, void *user)
{
	(void)fd;
	(void)bytes;
	(void)n;
	(void)user;
	if (!n_bites++)
		kill(getpid(), SIGINT);
	return 0;
}

static void a_signal_is_the_programs(void **state)
{
	const struct spawn_watch watch = { .bytes = interrupt_us, .pass_signals = true };
	sigset_t mask;
	int status;

	(void)state;
	assert_int_equal(follow("trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done",
				10 * SECOND, &watch, &status, NULL),
			 0);
	assert_int_equal(status, 9);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGINT));
}

static int keep_bytes(int fd, const char *bytes, size_t n, void *user)
{
	(void)fd;
	strncat(user, bytes, n);
	return 0;
}

static void a_file_can_be_its_standard_input(void **state)
{
	static const char *const argv[] = { "cat", NULL };
	const struct spawn spawn = { .argv = argv, .limit_ns = 10 * SECOND };
	FILE *file = tmpfile();
	char heard[100] = "";
	const struct spawn_watch watch = { .bytes = keep_bytes,
					   .user = heard,
					   .input = fileno(file) };
	int status = -1;

	(void)state;
	fputs("said before", file);
	rewind(file);
	assert_int_equal(spawn_follow(&spawn, &watch, &status, NULL), 0);
	assert_int_equal(status, 0);
	assert_string_equal(heard, "said before");
	fclose(file);
}

static void keep_following(const char *script)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct spawn spawn = { argv, NULL, 30 * SECOND, 1000, 0 };
	struct spawn_child *child = NULL;

	memset(seen, 0, sizeof(seen));
	n_bites = 0;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(spawn_begin_follow(loop, &spawn, on_bytes, on_done, &told, &child, NULL),
			 0);
	wait_for(1);
}

static void what_one_in_a_loop_writes_is_handed_over_as_it_comes(void **state)
{
	(void)state;
	enough_after = 0;
	keep_following("echo one; sleep 0.1; echo two; echo oh >&2; exit 3");
	assert_int_equal(told_error, 0);
	assert_int_equal(told.status, 3);
	assert_int_equal(told.size, 0);
	assert_string_equal(seen[0], "one\ntwo\n");
	assert_string_equal(told.error, "oh\n");
	assert_true(n_bites > 1);
	enough_after = 1;
	keep_following("echo one; exec sleep 20");
	assert_int_equal(told_error, -ECANCELED);
	enough_after = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_comes_at_once_and_all_of_it),
		cmocka_unit_test(who_has_enough_ends_it),
		cmocka_unit_test(one_that_is_followed_has_a_deadline),
		cmocka_unit_test(what_it_started_goes_on_only_if_that_is_wanted),
		cmocka_unit_test(a_signal_is_the_programs),
		cmocka_unit_test(output_errors_and_status_come_back),
		cmocka_unit_test(only_the_given_environment_is_seen),
		cmocka_unit_test(no_descriptor_but_three_is_handed_down),
		cmocka_unit_test(several_run_at_once),
		cmocka_unit_test(one_of_several_that_cannot_be_run_is_named),
		cmocka_unit_test(more_output_than_wanted_is_an_error),
		cmocka_unit_test(a_late_program_is_killed_with_its_children),
		cmocka_unit_test(what_cannot_be_run_is_named),
		cmocka_unit_test(without_waiting_errors_and_status_come_back),
		cmocka_unit_test(programs_run_beside_each_other),
		cmocka_unit_test(whoever_holds_its_pipes_is_killed_with_it),
		cmocka_unit_test(one_that_is_ended_is_not_told),
		cmocka_unit_test(what_one_in_a_loop_writes_is_kept_if_there_is_room_for_it),
		cmocka_unit_test(what_one_in_a_loop_writes_is_handed_over_as_it_comes),
		cmocka_unit_test(what_cannot_be_begun_is_named),
		cmocka_unit_test(a_file_can_be_its_standard_input),
	};

	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
