// SPDX-License-Identifier: Apache-2.0
/*
 * test_history_killed.c - history.db when its writer is killed at any moment, and when two write
 *
 * Writers are processes of their own; what they say has been written comes through a pipe.
 */
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
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/event.h"
#include "hub/history_db.h"

#define BATCH  8 /* entries that are written together */
#define KILLS  40
#define ROUNDS 100 /* batches of each of two writers */

static const struct history_limits usual = { .days = HISTORY_DAYS, .mib = HISTORY_MIB };
static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_history.XXXXXX");
	return !mkdtemp(folder) || setenv("TEROK_STATE", folder, 1) ? -1 : 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "", "-wal", "-shm" };
	char path[128];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/" HISTORY_FILE "%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

/* @wall_ns: the clock, read by the caller */
static int batch_write(struct history_db *db, uint32_t guard, uint64_t n, uint64_t wall_ns)
{
	struct msg_entry batch[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		batch[i] = (struct msg_entry){ .type = ENTRY_REQUEST,
					       .guard = guard,
					       .owner = guard,
					       .wall_ns = wall_ns,
					       .ask = n * BATCH + i + 1 };
		snprintf(batch[i].dest, sizeof(batch[i].dest), "host-%u.example", i);
	}
	return history_db_write(db, batch, BATCH, NULL);
}

/* A process that writes @rounds batches, one byte to @fd for each; 0: for ever. */
static pid_t writer_start(uint32_t guard, unsigned rounds, int fd)
{
	uint64_t wall_ns = time(NULL) * SECOND_NS;
	struct history_db *db = NULL;
	pid_t pid = fork();
	int r = 0;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	do
		r = history_db_open(&usual, &db, NULL);
	while (r == -EBUSY);
	for (uint64_t n = 0; !r && (!rounds || n < rounds); n++) {
		do
			r = batch_write(db, guard, n, wall_ns);
		while (r == -EBUSY);
		if (!r && write(fd, "", 1) != 1)
			r = -errno;
	}
	history_db_close(db);
	_exit(r ? 1 : 0);
}

struct found {
	unsigned n;
	uint64_t last[3]; /* of guard 1 and 2: the ask that came last */
};

static void take(const struct msg_entry *entry, void *user)
{
	struct found *found = user;

	assert_in_range(entry->guard, 1, 2);
	assert_int_equal(entry->ask, found->last[entry->guard] + 1); /* none is missing */
	found->last[entry->guard] = entry->ask;
	found->n++;
}

static struct found look(void)
{
	struct history_query all = { .oldest_first = true };
	sqlite3_stmt *check = NULL;
	struct history_db *db = NULL;
	struct found found = {};

	assert_int_equal(history_db_open(&usual, &db, NULL), 0);
	assert_int_equal(db_prepare(history_db_handle(db), "PRAGMA integrity_check", &check, NULL),
			 0);
	assert_int_equal(db_step(check, NULL), 1);
	assert_string_equal((const char *)sqlite3_column_text(check, 0), "ok");
	sqlite3_finalize(check);
	assert_int_equal(history_db_read(history_db_handle(db), &all, take, &found, NULL), 0);
	history_db_close(db);
	return found;
}

/* What was said to be written is there, and of what was being written all or nothing. */
static void a_writer_may_be_killed_at_any_moment(void **state)
{
	(void)state;
	for (unsigned kills = 0; kills < KILLS; kills++) {
		unsigned written = 0;
		struct found found;
		int said[2], status;
		char byte;
		pid_t pid;

		teardown(NULL);
		setup(NULL);
		assert_int_equal(pipe2(said, O_CLOEXEC), 0);
		pid = writer_start(1, 0, said[1]);
		close(said[1]);
		while (written < 1 + kills % 7 && read(said[0], &byte, 1) == 1)
			written++;
		for (volatile unsigned i = 0; i < kills * 1000; i++)
			; /* at another moment each time */
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while (read(said[0], &byte, 1) == 1)
			written++;
		close(said[0]);
		found = look();
		assert_int_equal(found.n % BATCH, 0);
		assert_in_range(found.n / BATCH, written, written + 1);
	}
}

static void two_writers_and_a_reader_are_in_nobodys_way(void **state)
{
	int said[2], status;
	pid_t pid[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	for (unsigned i = 0; i < 2; i++)
		pid[i] = writer_start(i + 1, ROUNDS, said[1]);
	close(said[1]);
	for (unsigned n = 0; read(said[0], &byte, 1) == 1; n++) {
		struct history_query newest = { .limit = 10 };
		struct found found = {};
		sqlite3 *reader = NULL;

		if (n % 10)
			continue;
		assert_int_equal(history_db_reader(&reader, NULL), 0);
		newest.oldest_first = true;
		assert_true(history_db_read(reader, &newest, take, &found, NULL) >= 0);
		assert_true(found.n >= BATCH);
		sqlite3_close(reader);
	}
	close(said[0]);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(look().n, 2 * ROUNDS * BATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_writer_may_be_killed_at_any_moment, setup,
						teardown),
		cmocka_unit_test_setup_teardown(two_writers_and_a_reader_are_in_nobodys_way, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("unit/history_killed", tests, NULL, NULL);
}
