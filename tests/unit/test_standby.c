// SPDX-License-Identifier: Apache-2.0
/*
 * test_standby.c - user/standby.c: a child that is there before its errand, and does one
 *
 * The child is this test again, started with --worker: it says its pid to whoever says a byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "standby.h"

#define WAIT_NS (10 * SECOND_NS)
#define LOOK_NS (SECOND_NS / 1000)

static struct standby standby;
static struct loop *loop;
static struct timer look;
static uint64_t until_ns;
static bool wanted; /* what the loop runs for: there is one, or there is none */

static int worker_main(void)
{
	pid_t pid = getpid();
	char byte;

	return recv(3, &byte, 1, 0) != 1 || send(3, &pid, sizeof(pid), MSG_NOSIGNAL) < 0;
}

static int on_look(struct timer *timer)
{
	if (!!standby.child.pid == wanted || now_boot_ns() > until_ns)
		return -ECANCELED;
	timer_arm(loop, timer, now_boot_ns() + LOOK_NS, on_look);
	return 0;
}

static void run_until(bool there)
{
	wanted = there;
	until_ns = now_boot_ns() + WAIT_NS;
	timer_arm(loop, &look, 0, on_look);
	assert_int_equal(loop_run(loop), -ECANCELED);
	assert_int_equal(!!standby.child.pid, there);
}

/* An errand, from its beginning to its end; who did it. */
static pid_t errand_do(void)
{
	struct errand child;
	bool waits = standby.child.pid;
	pid_t pid = 0;
	int fd;

	assert_int_equal(standby_take(&standby, &child, &fd), waits);
	assert_int_equal(sock_send(fd, "x", 1, NULL, 0), 0);
	assert_int_equal(recv(fd, &pid, sizeof(pid), 0), sizeof(pid));
	assert_int_equal(pid, child.pid);
	assert_int_equal(errand_end(&child), 0);
	close(fd);
	return pid;
}

static int setup(void **state)
{
	(void)state;
	if (loop_new(&loop))
		return -1;
	standby_init(&standby, loop, "test");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timer_disarm(&look);
	standby_end(&standby);
	loop_free(loop);
	return waitpid(-1, NULL, WNOHANG) != -1; /* no child is left */
}

static void one_waits_and_does_one_errand(void **state)
{
	pid_t first, second;

	(void)state;
	standby_want(&standby);
	run_until(true);
	first = standby.child.pid;
	assert_int_equal(errand_do(), first);
	assert_int_equal(standby.child.pid, 0);
	run_until(true); /* the next, later */
	second = standby.child.pid;
	assert_int_not_equal(second, first);
	assert_int_equal(errand_do(), second);
}

static void where_none_waits_one_is_started(void **state)
{
	uint64_t next_ns;

	(void)state;
	errand_do(); /* the loop has not run yet */
	run_until(true);
	errand_do();
	next_ns = standby.begin.at_ns;
	errand_do();
	errand_do();
	assert_int_equal(standby.begin.at_ns, next_ns); /* however many are wanted meanwhile */
}

static void one_that_died_is_found_out_by_its_task(void **state)
{
	struct errand child;
	siginfo_t info;
	int fd;

	(void)state;
	standby_want(&standby);
	run_until(true);
	kill(standby.child.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, standby.child.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(standby_take(&standby, &child, &fd), 1);
	assert_int_equal(sock_send(fd, "x", 1, NULL, 0), -EPIPE);
	errand_end(&child);
	close(fd);
	errand_do(); /* the next is well */
}

static void one_that_dies_is_not_started_again_and_again(void **state)
{
	(void)state;
	standby_want(&standby);
	for (unsigned n = 0; n < 2; n++) {
		run_until(true);
		kill(standby.child.pid, SIGKILL);
		run_until(false);
		assert_true(standby.begin.at_ns > now_boot_ns() + (STANDBY_AGAIN_NS << n) / 2);
		assert_int_equal(standby.fd, -1);
	}
	errand_do(); /* who wants one has one */
}

static void one_that_nobody_wants_ends(void **state)
{
	pid_t pid;

	(void)state;
	assert_int_equal(standby.child.pid, 0); /* and none is there before */
	assert_null(standby.begin.loop);
	standby_want(&standby);
	run_until(true);
	pid = standby.child.pid;
	standby_want(&standby);
	assert_int_equal(standby.child.pid, pid);
	assert_true(standby.rest.at_ns > now_boot_ns() + STANDBY_REST_NS / 2);
	timer_arm(loop, &standby.rest, 0, standby.rest.fn); /* the time is over */
	run_until(false);
	assert_null(standby.begin.loop);
	assert_null(standby.rest.loop);
	errand_do(); /* who wants one has one, and the next waits again */
	run_until(true);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(one_waits_and_does_one_errand),
		T(where_none_waits_one_is_started),
		T(one_that_died_is_found_out_by_its_task),
		T(one_that_dies_is_not_started_again_and_again),
		T(one_that_nobody_wants_ends),
	};

	if (argc == 3 && !strcmp(argv[1], "--worker"))
		return worker_main();
	return cmocka_run_group_tests_name("standby", tests, NULL, NULL);
}
