// SPDX-License-Identifier: Apache-2.0
/* test_lock.c - base/lock.c: a lock that is free, one that is given back, one that is not, and who has it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/event.h"
#include "base/lock.h"

static char path[64];
static pid_t child;
static int say,
    hear; /* the child gives its lock back when say is closed; it has it when hear tells */

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/terok-lock-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	child = 0;
	return unlink(path);
}

static int open_it(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Another process has the lock when this returns. */
static void held(void)
{
	int up[2], down[2];
	char byte;

	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(down[1]);
		if (flock(open(path, O_RDWR | O_CLOEXEC), LOCK_EX) || write(up[1], "", 1) != 1)
			_exit(1);
		_exit(read(down[0], &byte, 1) != 0);
	}
	close(up[1]);
	close(down[0]);
	hear = up[0];
	say = down[1];
	assert_int_equal(read(hear, &byte, 1), 1);
	close(hear);
}

static void what_is_free_is_taken_and_nobody_has_it_before(void **state)
{
	int fd = open_it(), other = open_it();
	char who[64], mine[64];

	(void)state;
	assert_false(lock_holder(fd, who, sizeof(who)));
	assert_int_equal(lock_take(fd, 0), 0);
	assert_int_equal(lock_take(other, 0), -EBUSY);
	assert_true(lock_holder(other, who, sizeof(who)));
	snprintf(mine, sizeof(mine), "process %d, test_lock", getpid());
	assert_string_equal(who, mine);
	close(fd);
	assert_int_equal(lock_take(other, 0), 0);
	close(other);
}

static void who_keeps_it_is_waited_for_and_named(void **state)
{
	uint64_t begun_ns = now_boot_ns(), took_ns;
	int fd = open_it();
	char who[64], theirs[64];

	(void)state;
	held();
	assert_int_equal(lock_take(fd, 0), -EBUSY);
	assert_int_equal(lock_take(fd, 1), -EBUSY);
	took_ns = now_boot_ns() - begun_ns;
	assert_true(took_ns >= SECOND_NS && took_ns < 20 * SECOND_NS);
	assert_true(lock_holder(fd, who, sizeof(who)));
	snprintf(theirs, sizeof(theirs), "process %d, ", child);
	assert_memory_equal(who, theirs, strlen(theirs));
	close(say);
	close(fd);
}

static void who_gives_it_back_is_not_waited_for_longer(void **state)
{
	uint64_t begun_ns = now_boot_ns();
	struct sigaction before;
	int fd = open_it();

	(void)state;
	held();
	close(say);
	assert_int_equal(lock_take(fd, 60), 0);
	assert_true(now_boot_ns() - begun_ns < 20 * SECOND_NS);
	assert_int_equal(sigaction(SIGALRM, NULL, &before), 0);
	assert_true(before.sa_handler == SIG_DFL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_is_free_is_taken_and_nobody_has_it_before),
		T(who_keeps_it_is_waited_for_and_named),
		T(who_gives_it_back_is_not_waited_for_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
