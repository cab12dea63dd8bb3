// SPDX-License-Identifier: Apache-2.0
/* test_history.c - hub/history*.c, user/history_core.c: what is kept, for whom, and how much of it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <cmocka.h>

#include "history_core.h"

#define DAY_NS (86400 * SECOND_NS)
#define ALICE  4001
#define BOB    4002

static const struct history_limits usual = { .days = HISTORY_DAYS, .mib = HISTORY_MIB };
static struct history_db *db;
static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_history.XXXXXX");
	db = NULL;
	return !mkdtemp(folder) || setenv("TEROK_STATE", folder, 1) ? -1 : 0;
}

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int teardown(void **state)
{
	static const char *const names[] = { "history.db", "history.db-wal", "history.db-shm" };
	char name[64];

	(void)state;
	history_db_close(db);
	chmod(folder, 0700);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_folder(names[i]));
	for (unsigned i = 1; i <= HISTORY_BROKEN; i++) {
		for (unsigned j = 0; j < 3; j++) {
			snprintf(name, sizeof(name), "history.db.broken-%u%s", i,
				 &names[j][strlen("history.db")]);
			unlink(in_folder(name));
		}
	}
	return rmdir(folder);
}

static uint64_t wall_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static struct msg_entry entry_of(uint32_t guard, uint32_t owner, enum entry_type type)
{
	struct msg_entry entry = { .type = type,
				   .guard = guard,
				   .owner = owner,
				   .wall_ns = wall_now_ns(),
				   .port = 443,
				   .proto = 6,
				   .count = 1 };

	snprintf(entry.container, sizeof(entry.container), "0123456789abcdef%u", guard);
	snprintf(entry.name, sizeof(entry.name), "box%u", guard);
	snprintf(entry.dest, sizeof(entry.dest), "192.0.2.%u", guard);
	return entry;
}

static void open_with(const struct history_limits *limits)
{
	struct problem why = {};

	history_db_close(db);
	db = NULL;
	if (history_db_open(limits, &db, &why))
		fail_msg("%s", why.text);
	/* no test takes the power away: the disk is not waited for */
	assert_int_equal(db_exec(history_db_handle(db), "PRAGMA synchronous = OFF", NULL), 0);
}

static void write_one(struct msg_entry entry)
{
	assert_int_equal(history_db_write(db, &entry, 1, NULL), 0);
}

/* What was read last. */
static struct msg_entry heard[300000];
static unsigned n_heard;

static void hear(const struct msg_entry *entry, void *user)
{
	(void)user;
	assert_true(n_heard < sizeof(heard) / sizeof(heard[0]));
	heard[n_heard++] = *entry;
}

static int read_with(struct history_query query)
{
	n_heard = 0;
	return history_db_read(history_db_handle(db), &query, hear, NULL, NULL);
}

static unsigned count_of(uint32_t uid)
{
	assert_int_equal(read_with((struct history_query){ .uid = uid }), 0);
	return n_heard;
}

/* --- the file ------------------------------------------------------------------------------ */

static void an_entry_comes_back_as_it_went(void **state)
{
	struct msg_entry entry = entry_of(7, ALICE, ENTRY_VERDICT);

	(void)state;
	entry.ask = 12345;
	entry.until_ns = entry.wall_ns + DAY_NS;
	entry.uid = 4711;
	entry.action = TEROK_ALLOW;
	entry.scope = SCOPE_TIME;
	entry.ok = 1;
	strcpy(entry.domain, "api.example");
	strcpy(entry.client, "terok-clearance");
	strcpy(entry.request, "box:7");
	strcpy(entry.process, "curl[1] /usr/bin/\xff\x1b[31mcurl"); /* a container's bytes */
	open_with(&usual);
	write_one(entry);
	assert_int_equal(read_with((struct history_query){}), 0);
	assert_int_equal(n_heard, 1);
	assert_int_equal(heard[0].number, entry.wall_ns / 1000);
	entry.number = entry.wall_ns / 1000;
	assert_memory_equal(&heard[0], &entry, sizeof(entry));
	/* and after the file was closed and opened */
	open_with(&usual);
	assert_int_equal(count_of(0), 1);
	assert_memory_equal(&heard[0], &entry, sizeof(entry));
}

static void pages_go_from_the_newest_to_the_oldest_and_back(void **state)
{
	struct msg_entry entry = entry_of(1, ALICE, ENTRY_REQUEST);
	uint64_t first = entry.wall_ns / 1000;

	(void)state;
	open_with(&usual);
	for (unsigned i = 0; i < 10; i++)
		write_one(entry); /* all of one moment, and yet one after the other */
	assert_int_equal(read_with((struct history_query){ .limit = 4 }), 1);
	assert_int_equal(n_heard, 4);
	assert_int_equal(heard[0].number, first + 9);
	assert_int_equal(heard[3].number, first + 6);
	assert_int_equal(read_with((struct history_query){ .limit = 6, .after = first + 6 }), 0);
	assert_int_equal(n_heard, 6);
	assert_int_equal(heard[5].number, first);
	assert_int_equal(read_with((struct history_query){ .after = first }), 0);
	assert_int_equal(n_heard, 0);
	assert_int_equal(read_with((struct history_query){
			     .limit = 3, .after = first + 1, .oldest_first = true }),
			 1);
	assert_int_equal(heard[0].number, first + 2);
	assert_int_equal(heard[2].number, first + 4);
}

/* Between two of a user's entries there is time, and not how much happened to others. */
static void a_number_tells_nothing_of_other_users(void **state)
{
	struct msg_entry alices = entry_of(1, ALICE, ENTRY_REQUEST);
	struct msg_entry bobs = entry_of(2, BOB, ENTRY_REQUEST);

	(void)state;
	open_with(&usual);
	for (unsigned round = 0; round < 2; round++) {
		write_one(alices);
		alices.wall_ns += SECOND_NS;
		for (unsigned i = 0; i < (round ? 1 : 500); i++) {
			bobs.wall_ns = alices.wall_ns - SECOND_NS / 2;
			write_one(bobs);
		}
	}
	write_one(alices);
	assert_int_equal(count_of(ALICE), 3);
	assert_int_equal(heard[0].number - heard[1].number, 1000000);
	assert_int_equal(heard[1].number - heard[2].number, 1000000);
	/* also by a clock that was set back a number is not used twice */
	alices.wall_ns -= 3600 * SECOND_NS;
	write_one(alices);
	assert_int_equal(count_of(ALICE), 4);
	assert_int_equal(heard[0].number - heard[1].number, 1);
}

static void everybody_reads_their_own_and_root_all(void **state)
{
	(void)state;
	open_with(&usual);
	write_one(entry_of(1, ALICE, ENTRY_REQUEST));
	write_one(entry_of(2, BOB, ENTRY_REQUEST));
	write_one(entry_of(3, 0, ENTRY_REQUEST));
	write_one(entry_of(1, BOB, ENTRY_REQUEST)); /* the number was another's before a restart */
	assert_int_equal(count_of(ALICE), 1);
	assert_int_equal(heard[0].guard, 1);
	assert_int_equal(count_of(BOB), 2);
	assert_int_equal(count_of(4003), 0);
	assert_int_equal(count_of(0), 4);
	/* by guard: the owner counts all the same */
	assert_int_equal(read_with((struct history_query){ .uid = ALICE, .guard = 2 }), 0);
	assert_int_equal(n_heard, 0);
	assert_int_equal(read_with((struct history_query){ .uid = ALICE, .guard = 1 }), 0);
	assert_int_equal(n_heard, 1);
	assert_int_equal(read_with((struct history_query){ .guard = 1 }), 0);
	assert_int_equal(n_heard, 2);
}

static void a_guard_is_found_by_number_name_or_part_of_its_id(void **state)
{
	static const char *const same[] = { "2", "box2", "0123456789abcdef2", "0123456789ab" };

	(void)state;
	open_with(&usual);
	write_one(entry_of(2, ALICE, ENTRY_REQUEST));
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(read_with((struct history_query){ .text = same[i] }), 0);
		assert_int_equal(n_heard, 1);
	}
	assert_int_equal(read_with((struct history_query){ .text = "0123" }), 0);
	assert_int_equal(n_heard, 0);
	assert_int_equal(read_with((struct history_query){ .text = "box" }), 0);
	assert_int_equal(n_heard, 0);
}

static void what_is_too_old_goes_and_nothing_else(void **state)
{
	struct history_limits two = { .days = 2, .mib = HISTORY_MIB };
	struct msg_entry entry = entry_of(1, ALICE, ENTRY_REQUEST);
	uint64_t now = wall_now_ns();

	(void)state;
	open_with(&usual);
	for (unsigned day = 10; day-- > 0;) {
		entry.wall_ns = now - day * DAY_NS - SECOND_NS;
		write_one(entry);
	}
	entry.wall_ns = now + DAY_NS; /* the clock was wrong */
	write_one(entry);
	assert_int_equal(count_of(0), 11);
	open_with(&two);
	assert_int_equal(history_db_trim(db, NULL), 0);
	assert_int_equal(count_of(0), 3);
	assert_int_equal(heard[2].wall_ns, now - DAY_NS - SECOND_NS);
	/* the next is due when the oldest is two days old */
	assert_int_equal(history_db_due(db), heard[2].wall_ns + 2 * DAY_NS);
	/* and the one of the wrong clock stays the last */
	write_one(entry_of(1, ALICE, ENTRY_REQUEST));
	assert_int_equal(count_of(0), 4);
	assert_int_equal(heard[0].number, entry.wall_ns / 1000 + 1);
}

static void old_entries_go_in_bites(void **state)
{
	struct history_limits one = { .days = 1, .mib = HISTORY_MIB };
	struct msg_entry entry = entry_of(1, ALICE, ENTRY_REQUEST);
	unsigned bites = 0;

	(void)state;
	open_with(&usual);
	entry.wall_ns -= 5 * DAY_NS;
	for (unsigned i = 0; i < 1000; i++)
		write_one(entry);
	open_with(&one);
	while (history_db_trim(db, NULL) == 1)
		bites++;
	assert_true(bites > 1 && bites < 20);
	assert_int_equal(count_of(0), 0);
	assert_int_equal(history_db_due(db), 0);
}

static uint64_t bytes_on_disk(void)
{
	static const char *const names[] = { "history.db", "history.db-wal" };
	uint64_t bytes = 0;
	struct stat st;

	for (unsigned i = 0; i < 2; i++)
		if (!stat(in_folder(names[i]), &st))
			bytes += st.st_size;
	return bytes;
}

/* @n entries of a guard, in batches as the agent writes them. */
static void flood(uint32_t guard, uint32_t owner, unsigned n, uint64_t limit_bytes)
{
	static struct msg_entry batch[HISTORY_WAITING];
	struct problem why = {};

	for (unsigned i = 0; i < HISTORY_WAITING; i++)
		batch[i] = entry_of(guard, owner, ENTRY_REQUEST);
	for (; n; n -= n < HISTORY_WAITING ? n : HISTORY_WAITING) {
		if (history_db_write(db, batch, n < HISTORY_WAITING ? n : HISTORY_WAITING, &why))
			fail_msg("%s", why.text);
		if (limit_bytes)
			assert_true(bytes_on_disk() <= limit_bytes);
	}
}

static void the_file_never_grows_beyond_its_limit(void **state)
{
	struct history_limits small = { .days = HISTORY_DAYS, .mib = HISTORY_MIB_MIN };

	(void)state;
	open_with(&small);
	flood(1, ALICE, 30000, HISTORY_MIB_MIN << 20);
	assert_int_equal(read_with((struct history_query){}), 0);
	assert_true(n_heard > 5000); /* and it is used */
}

static void noise_pushes_out_nobody_elses_entries(void **state)
{
	struct history_limits small = { .days = HISTORY_DAYS, .mib = HISTORY_MIB_MIN };

	(void)state;
	open_with(&small);
	for (unsigned i = 0; i < 100; i++) {
		write_one(entry_of(1, ALICE, ENTRY_VERDICT));
		write_one(entry_of(2, BOB, ENTRY_VERDICT));
	}
	flood(3, BOB, 30000, 0);
	assert_int_equal(count_of(ALICE), 100);
	/* nor those of the owner's other guards */
	assert_int_equal(read_with((struct history_query){ .guard = 2 }), 0);
	assert_int_equal(n_heard, 100);
	/* and of the noise the newest is there */
	assert_true(count_of(BOB) > 5000);
}

static void a_lower_limit_shortens_the_file(void **state)
{
	struct history_limits large = { .days = HISTORY_DAYS, .mib = 16 };
	struct history_limits small = { .days = HISTORY_DAYS, .mib = HISTORY_MIB_MIN };
	unsigned bites = 0;

	(void)state;
	open_with(&large);
	flood(1, ALICE, 80000, 0);
	assert_true(bytes_on_disk() > 8 << 20);
	open_with(&small);
	while (history_db_trim(db, NULL) == 1)
		assert_true(++bites < 1000);
	open_with(&small);
	assert_true(bytes_on_disk() <= HISTORY_MIB_MIN << 20);
	assert_true(count_of(0) > 5000);
	flood(1, ALICE, 1000, HISTORY_MIB_MIN << 20);
}

static void spoil(void)
{
	_cleanup_close_ int fd = open(in_folder("history.db"), O_WRONLY | O_CLOEXEC);
	char garbage[8192];

	memset(garbage, 'x', sizeof(garbage));
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
}

static void a_broken_file_is_set_aside_and_a_new_one_begun(void **state)
{
	struct problem why = {};

	(void)state;
	for (unsigned i = 1; i <= HISTORY_BROKEN; i++) {
		char name[32];

		open_with(&usual);
		assert_int_equal(count_of(0), 0);
		write_one(entry_of(1, ALICE, ENTRY_REQUEST));
		history_db_close(db);
		db = NULL;
		spoil();
		snprintf(name, sizeof(name), "history.db.broken-%u", i);
		assert_int_equal(access(in_folder(name), F_OK), -1);
		open_with(&usual);
		assert_int_equal(access(in_folder(name), F_OK), 0);
	}
	/* a disk that breaks everything is not filled with what it broke */
	history_db_close(db);
	db = NULL;
	spoil();
	assert_int_equal(history_db_open(&usual, &db, &why), -EUCLEAN);
	assert_non_null(strstr(why.text, "broken"));
}

static void a_file_of_a_newer_program_stays_as_it_is(void **state)
{
	struct problem why = {};
	sqlite3 *reader = NULL;

	(void)state;
	open_with(&usual);
	assert_int_equal(db_exec(history_db_handle(db), "PRAGMA user_version = 99", NULL), 0);
	history_db_close(db);
	db = NULL;
	assert_int_equal(history_db_open(&usual, &db, &why), -EPROTO);
	assert_int_equal(access(in_folder("history.db.broken-1"), F_OK), -1);
	assert_int_equal(history_db_reader(&reader, &why), -EPROTO);
}

/* A reader raises nothing: the agent that was there before it may still write. */
static void a_file_of_an_older_program_is_read_and_raised(void **state)
{
	sqlite3 *reader = NULL;

	(void)state;
	open_with(&usual);
	write_one(entry_of(1, ALICE, ENTRY_REQUEST));
	assert_int_equal(db_exec(history_db_handle(db),
				 "ALTER TABLE entry DROP COLUMN request; PRAGMA user_version = 1",
				 NULL),
			 0);
	assert_int_equal(history_db_reader(&reader, NULL), 0);
	n_heard = 0;
	assert_int_equal(history_db_read(reader, &(struct history_query){}, hear, NULL, NULL), 0);
	assert_int_equal(n_heard, 1);
	sqlite3_close(reader);
	open_with(&usual);
	assert_int_equal(count_of(0), 1);
	assert_string_equal(heard[0].request, "");
	write_one(entry_of(1, ALICE, ENTRY_REQUEST));
	assert_int_equal(count_of(0), 2);
}

static void a_reader_reads_beside_the_writer_and_makes_nothing(void **state)
{
	struct problem why = {};
	sqlite3 *reader = NULL;

	(void)state;
	assert_int_equal(history_db_reader(&reader, &why), -ENOENT);
	assert_int_equal(access(in_folder("history.db"), F_OK), -1);
	open_with(&usual);
	write_one(entry_of(1, ALICE, ENTRY_REQUEST));
	assert_int_equal(history_db_reader(&reader, &why), 0);
	n_heard = 0;
	assert_int_equal(history_db_read(reader, &(struct history_query){}, hear, NULL, &why), 0);
	assert_int_equal(n_heard, 1);
	write_one(entry_of(1, ALICE, ENTRY_REQUEST));
	assert_int_equal(db_exec(reader, "DELETE FROM entry", &why), -EROFS);
	sqlite3_close(reader);
}

/* --- the agent's side ---------------------------------------------------------------------- */

static struct loop *loop;
static struct history *history;

static int setup_history(void **state)
{
	struct terok_info info = { .uid = ALICE, .container = "0123456789abcdef", .name = "box" };

	if (setup(state) || loop_new(&loop) || history_new(loop, &usual, &history))
		return -1;
	history_guard(history, 1, &info, true);
	return 0;
}

static int teardown_history(void **state)
{
	history_free(history);
	loop_free(loop);
	return teardown(state);
}

/* Ends this run of the loop, and not the loop. */
static int stop(struct timer *timer)
{
	(void)timer;
	return -ETIME;
}

/* Let the agent do what it does in @ns. */
static void live(uint64_t ns)
{
	struct timer end = {};

	timer_arm(loop, &end, now_boot_ns() + ns, stop);
	assert_int_equal(loop_run(loop), -ETIME);
}

static struct asked question(unsigned n)
{
	struct asked asked = { .id = n, .count = 1, .question = true };

	asked.record = (struct terok_record){ .guard = 1, .proto = 6, .dst_port = 443, .tgid = 9 };
	memcpy(asked.record.dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	strcpy(asked.record.comm, "curl");
	strcpy(asked.told, "api.example");
	return asked;
}

static void request(unsigned n)
{
	const struct process_text process = { .exe = "/usr/bin/curl" };
	struct asked asked = question(n);

	history_request(history, &asked, &process);
}

static void recall(struct history_query query)
{
	n_heard = 0;
	assert_true(history_read(history, &query, hear, NULL) >= 0);
}

static void what_happened_is_there_as_soon_as_somebody_asks(void **state)
{
	struct msg_verdict verdict = {
		.ask = 5, .action = TEROK_ALLOW, .scope = SCOPE_ONCE, .uid = ALICE
	};
	struct msg_result applied = { .until_ns = now_boot_ns() + 60 * SECOND_NS, .client = "tui" };
	struct asked asked = question(5);
	uint64_t now = wall_now_ns();

	(void)state;
	request(5);
	history_verdict(history, &asked, &verdict, &applied);
	asked.id = 6;
	history_expired(history, &asked);
	history_revoked(history, 1, "192.0.2.1", 443, 6, TEROK_ALLOW, ALICE, "web");
	history_gone(history, 1);
	recall((struct history_query){ .uid = ALICE });
	assert_int_equal(n_heard, 6);
	assert_int_equal(heard[5].type, ENTRY_ATTACHED);
	assert_int_equal(heard[4].type, ENTRY_REQUEST);
	assert_int_equal(heard[4].ask, 5);
	assert_string_equal(heard[4].dest, "192.0.2.1");
	assert_string_equal(heard[4].domain, "api.example");
	assert_string_equal(heard[4].process, "curl[9] /usr/bin/curl");
	assert_int_equal(heard[3].type, ENTRY_VERDICT);
	assert_int_equal(heard[3].uid, ALICE);
	assert_string_equal(heard[3].client, "tui");
	assert_true(heard[3].until_ns >= now + 59 * SECOND_NS);
	assert_true(heard[3].until_ns <= wall_now_ns() + 60 * SECOND_NS);
	assert_int_equal(heard[2].type, ENTRY_EXPIRED);
	assert_int_equal(heard[1].type, ENTRY_REVOKED);
	assert_string_equal(heard[1].client, "web");
	assert_int_equal(heard[0].type, ENTRY_DETACHED);
	recall((struct history_query){ .uid = BOB });
	assert_int_equal(n_heard, 0);
}

static void what_waits_is_written_soon_and_at_the_end(void **state)
{
	(void)state;
	request(1);
	assert_int_equal(access(in_folder("history.db"), F_OK), -1);
	live(SECOND_NS / 2);
	open_with(&usual);
	assert_int_equal(count_of(ALICE), 2);
	request(2);
	history_free(history);
	history = NULL;
	assert_int_equal(count_of(ALICE), 3);
}

static void a_guard_that_asks_for_ever_is_counted(void **state)
{
	struct msg_verdict verdict = { .ask = 1, .uid = ALICE };
	struct asked asked = question(1);

	(void)state;
	for (unsigned i = 0; i < HISTORY_BURST + 50; i++)
		request(i);
	/* what people do has no budget */
	history_verdict(history, &asked, &verdict, &(struct msg_result){});
	recall((struct history_query){});
	assert_in_range(n_heard, HISTORY_BURST + 3, HISTORY_BURST + 10);
	assert_int_equal(heard[0].type, ENTRY_VERDICT);
	assert_int_equal(heard[1].type, ENTRY_MISSED);
	assert_in_range(heard[1].count, 40, 50);
	assert_int_equal(heard[1].owner, ALICE);
}

static void what_cannot_be_written_is_counted_and_said_later(void **state)
{
	uint64_t until = now_boot_ns() + 20 * SECOND_NS;
	unsigned n = 2;

	(void)state;
	assert_int_equal(chmod(folder, 0777), 0); /* not safe: nothing is written there */
	request(1);
	request(2);
	live(SECOND_NS / 2);
	assert_int_equal(access(in_folder("history.db"), F_OK), -1);
	assert_int_equal(chmod(folder, 0700), 0);
	while (access(in_folder("history.db"), F_OK)) {
		assert_true(now_boot_ns() < until);
		request(++n);
		live(SECOND_NS / 4);
	}
	recall((struct history_query){});
	assert_true(n_heard >= 2);
	assert_int_equal(heard[n_heard - 1].type, ENTRY_MISSED);
	/* the attachment, the first two requests, and all that came too early */
	assert_true(heard[n_heard - 1].count >= 3);
	assert_int_equal(heard[n_heard - 1].count + n_heard - 1, 1 + n);
}

static void what_breaks_while_it_is_open_is_set_aside(void **state)
{
	(void)state;
	request(1);
	recall((struct history_query){});
	assert_int_equal(n_heard, 2);
	open_with(&usual); /* its log is written back by whoever closes it last */
	assert_int_equal(db_exec(history_db_handle(db), "PRAGMA wal_checkpoint(TRUNCATE)", NULL),
			 0);
	history_db_close(db);
	db = NULL;
	spoil();
	request(2);
	live(SECOND_NS / 2);
	request(3);
	recall((struct history_query){});
	assert_int_equal(access(in_folder("history.db.broken-1"), F_OK), 0);
	assert_int_equal(heard[0].ask, 3);
}

static void days_of_nothing_keep_nothing(void **state)
{
	struct history_limits none = { .days = 0, .mib = HISTORY_MIB };

	(void)state;
	history_free(history);
	assert_int_equal(unlink(in_folder("history.db")), 0);
	assert_int_equal(history_new(loop, &none, &history), 0);
	assert_null(history);
	history_guard(history, 1, &(struct terok_info){}, true);
	request(1);
	history_gone(history, 1);
	n_heard = 0;
	assert_int_equal(history_read(history, &(struct history_query){}, hear, NULL), -ENOSYS);
	assert_int_equal(n_heard, 0);
	assert_int_equal(access(in_folder("history.db"), F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define H(name) cmocka_unit_test_setup_teardown(name, setup_history, teardown_history)
		T(an_entry_comes_back_as_it_went),
		T(pages_go_from_the_newest_to_the_oldest_and_back),
		T(a_number_tells_nothing_of_other_users),
		T(everybody_reads_their_own_and_root_all),
		T(a_guard_is_found_by_number_name_or_part_of_its_id),
		T(what_is_too_old_goes_and_nothing_else),
		T(old_entries_go_in_bites),
		T(the_file_never_grows_beyond_its_limit),
		T(noise_pushes_out_nobody_elses_entries),
		T(a_lower_limit_shortens_the_file),
		T(a_broken_file_is_set_aside_and_a_new_one_begun),
		T(a_file_of_a_newer_program_stays_as_it_is),
		T(a_file_of_an_older_program_is_read_and_raised),
		T(a_reader_reads_beside_the_writer_and_makes_nothing),
		H(what_happened_is_there_as_soon_as_somebody_asks),
		H(what_waits_is_written_soon_and_at_the_end),
		H(a_guard_that_asks_for_ever_is_counted),
		H(what_cannot_be_written_is_counted_and_said_later),
		H(what_breaks_while_it_is_open_is_set_aside),
		H(days_of_nothing_keep_nothing),
	};

	return cmocka_run_group_tests_name("unit/history", tests, NULL, NULL);
}
