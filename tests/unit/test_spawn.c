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
	struct spawn spawn = { argv, env, limit_ns, max };

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
	struct spawn spawn = { argv, NULL, SECOND, 10 };
	struct spawn_result result;
	struct problem why;

	(void)state;
	assert_int_equal(spawn_run(&spawn, &result, &why), -ENOENT);
	assert_non_null(strstr(why.text, "terok-no-such-program"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_errors_and_status_come_back),
		cmocka_unit_test(only_the_given_environment_is_seen),
		cmocka_unit_test(no_descriptor_but_three_is_handed_down),
		cmocka_unit_test(more_output_than_wanted_is_an_error),
		cmocka_unit_test(a_late_program_is_killed_with_its_children),
		cmocka_unit_test(what_cannot_be_run_is_named),
	};

	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
