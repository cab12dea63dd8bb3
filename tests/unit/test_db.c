// SPDX-License-Identifier: Apache-2.0
/*
 * test_db.c - a file that others write to is waited for as long as they go on, and no longer
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/db.h"
#include "base/event.h"

static const char *const layout[] = { "CREATE TABLE t (a INTEGER)", NULL };
static char dir[40];
static struct problem why;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/terok-test-db-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static sqlite3 *opened(void)
{
	sqlite3 *db = NULL;

	if (db_open(dir, "t.db", layout, &db, &why))
		fail_msg("%s", why.text);
	return db;
}

#define A_PAGE                                                                                     \
	"INSERT INTO t VALUES (randomblob(40000))" /* more than is kept in memory: the log has it */

/* @n times it writes, holds the lock for @held_ms, and commits only if it is to leave @gaps. */
static void write_all(unsigned n, unsigned held_ms, bool gaps, int told)
{
	sqlite3 *db = opened();
	int r = db_exec(db, "PRAGMA cache_size = 1; BEGIN IMMEDIATE; " A_PAGE, &why);

	if (r || write(told, "x", 1) != 1)
		_exit(1);
	for (unsigned i = 0; !r && i < n; i++) {
		usleep(held_ms * 1000);
		r = db_exec(db, gaps ? "COMMIT; BEGIN IMMEDIATE; " A_PAGE : A_PAGE, &why);
	}
	while (!r && !n)
		pause();
	_exit(r ? 1 : 0);
}

/* It has the lock when this returns. */
static pid_t writes(unsigned n, unsigned held_ms, bool gaps)
{
	int told[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		write_all(n, held_ms, gaps, told[1]);
	}
	close(told[1]);
	assert_int_equal(read(told[0], &c, 1), 1);
	close(told[0]);
	return pid;
}

static void ends(pid_t pid)
{
	int status = 0;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it had gone on until then */
}

static void who_writes_without_a_pause_keeps_nobody_out(void **state)
{
	sqlite3 *db = opened();
	pid_t pid = writes(UINT_MAX, 30, true);

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		if (db_exec(db, "INSERT INTO t VALUES (2)", &why))
			fail_msg("%u: %s", i, why.text);
	ends(pid);
	sqlite3_close(db);
}

static void those_who_go_on_are_waited_for(void **state)
{
	sqlite3 *db = opened();
	pid_t pid = writes(70, 100, false);
	uint64_t began = now_boot_ns();
	int status = -1;

	(void)state;
	if (db_exec(db, "INSERT INTO t VALUES (3)", &why))
		fail_msg("%s", why.text);
	assert_true(now_boot_ns() - began >= 7 * SECOND_NS);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	sqlite3_close(db);
}

static void who_holds_it_and_does_nothing_is_named_after_a_while(void **state)
{
	sqlite3 *db = opened();
	pid_t pid = writes(0, 0, false);
	uint64_t began = now_boot_ns();

	(void)state;
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES (2)", &why), -EBUSY);
	assert_true(now_boot_ns() - began >= 5 * SECOND_NS);
	ends(pid);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES (2)", &why), 0);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_writes_without_a_pause_keeps_nobody_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(those_who_go_on_are_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    who_holds_it_and_does_nothing_is_named_after_a_while, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
