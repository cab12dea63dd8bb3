// SPDX-License-Identifier: Apache-2.0
/* test_journal_share.c - user/journal_share.c: what one user's guards keep on disk has an end */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "journal.h"
#include "journal_db.h"
#include "policy.h"

#define ANNE 4001
#define BERT 4002

static char folder[] = "/tmp/test_journal.XXXXXX";
static sqlite3 *db;

static int set_up(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	setenv("TEROK_STATE", folder, 1);
	if (journal_open(&db, NULL))
		return -1;
	return db_exec(db, "BEGIN", NULL); /* no disk is waited for */
}

static int tear_down(void **state)
{
	static const char *const files[] = { "policy.db", "policy.db-wal", "policy.db-shm" };
	char path[64];

	(void)state;
	journal_close();
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	return rmdir(folder);
}

/* The key of a user's container; static. */
static const char *key_of(uint32_t uid, unsigned n)
{
	static char key[JOURNAL_KEY_LEN];
	struct terok_info info = { .kind = TEROK_KIND_CONTAINER, .uid = uid };

	snprintf(info.container, sizeof(info.container), "%064x", n);
	assert_true(journal_key(&info, key));
	return key;
}

static bool is_kept(uint32_t uid, unsigned n)
{
	_cleanup_journal_ sqlite3_stmt *row = NULL;

	assert_int_equal(
	    journal_prepare("SELECT 1 FROM guard WHERE key = ?1", key_of(uid, n), &row, NULL), 0);
	return sqlite3_step(row) == SQLITE_ROW;
}

static int block(uint32_t uid, unsigned n, uint32_t by, struct problem *why)
{
	return journal_put_state(key_of(uid, n), TEROK_STATE_BLOCK, by, why);
}

static void so_many_guards_are_kept_and_the_oldest_makes_room(void **state)
{
	struct rule deny = { .dest = { .bits = 128 },
			     .value = { .action = TEROK_DENY, .author = TEROK_AUTHOR_PROFILE } };
	unsigned n;

	(void)state;
	assert_int_equal(block(ANNE, 1, ANNE, NULL), 0);
	assert_int_equal(journal_put_rule(key_of(ANNE, 2), &deny, NULL), 0);
	for (n = 3; n <= JOURNAL_USER_GUARDS; n++)
		assert_int_equal(journal_put_names(key_of(ANNE, n), 1, NULL), 0);
	for (n = 1; n <= JOURNAL_USER_GUARDS; n++)
		assert_true(is_kept(ANNE, n));
	assert_int_equal(journal_put_names(key_of(ANNE, 7), 1, NULL), 0); /* it has its place */
	assert_true(is_kept(ANNE, 2));
	assert_int_equal(journal_put_names(key_of(ANNE, n), 1, NULL), 0);
	assert_true(is_kept(ANNE, n));
	assert_false(is_kept(ANNE, 2)); /* what a profile denies comes again with it */
	assert_true(is_kept(ANNE, 1));  /* she has blocked it */
	assert_true(is_kept(ANNE, JOURNAL_USER_GUARDS));
}

static void what_denies_stays_and_no_more_is_kept(void **state)
{
	struct rule deny = { .dest = { .bits = 128 },
			     .value = { .action = TEROK_DENY, .uid = ANNE } };
	struct problem why = {};
	unsigned n;

	(void)state;
	for (n = 0; n < JOURNAL_USER_GUARDS / 2; n++)
		assert_int_equal(block(ANNE, n, ANNE, NULL), 0);
	for (; n < JOURNAL_USER_GUARDS; n++)
		assert_int_equal(journal_put_rule(key_of(ANNE, n), &deny, NULL), 0);
	assert_int_equal(block(ANNE, n, ANNE, &why), -EDQUOT);
	assert_non_null(strstr(why.text, "4096 guards of user 4001 are kept"));
	assert_int_equal(journal_put_rule(key_of(ANNE, n), &deny, NULL), -EDQUOT);
	assert_false(is_kept(ANNE, n));
	/* nor of a cgroup that is hers, which is of the same share */
	assert_int_equal(journal_put_state("cgroup:4001:/hers", TEROK_STATE_BLOCK, ANNE, NULL),
			 -EDQUOT);
	assert_int_equal(journal_put_state("cgroup:/4001:/roots", TEROK_STATE_BLOCK, 0, NULL), 0);
	/* others are not kept out by it, and what root says of hers is kept */
	assert_int_equal(block(BERT, n, BERT, NULL), 0);
	assert_int_equal(block(0, n, 0, NULL), 0);
	assert_int_equal(block(ANNE, n, 0, NULL), 0);
	deny.value.uid = 0;
	assert_int_equal(journal_put_rule(key_of(ANNE, n + 1), &deny, NULL), 0);
	/* what is taken back makes room */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(journal_forget(key_of(ANNE, i), NULL), 0);
	assert_int_equal(block(ANNE, n + 2, ANNE, NULL), 0);
}

static int ports(unsigned guard, unsigned first, unsigned end, struct problem *why)
{
	int r = 0;

	for (unsigned i = first; !r && i < end; i++) {
		struct publish port = { .port = i, .proto = i >> 16 ? 17 : 6 };

		r = journal_put_port(key_of(ANNE, guard), &port, why);
	}
	return r;
}

static void so_many_entries_are_kept_and_the_oldest_make_room(void **state)
{
	struct rule allow = { .dest = { .bits = 128 },
			      .value = { .action = TEROK_ALLOW, .uid = ANNE } };
	struct problem why = {};

	(void)state;
	assert_int_equal(ports(1, 0, 100, NULL), 0);
	assert_int_equal(ports(2, 0, JOURNAL_USER_ENTRIES - 100, NULL), 0);
	assert_true(is_kept(ANNE, 1));
	assert_int_equal(ports(2, JOURNAL_USER_ENTRIES - 100, JOURNAL_USER_ENTRIES, NULL), 0);
	assert_false(is_kept(ANNE, 1));
	/* all of it is one guard's now */
	assert_int_equal(ports(2, JOURNAL_USER_ENTRIES, JOURNAL_USER_ENTRIES + 1, &why), -EDQUOT);
	assert_non_null(strstr(why.text, "65536 entries"));
	assert_int_equal(journal_put_rule(key_of(BERT, 1), &allow, NULL), 0);
	/* another's need of room makes it */
	assert_int_equal(ports(3, 0, 1, NULL), 0);
	assert_false(is_kept(ANNE, 2));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(so_many_guards_are_kept_and_the_oldest_makes_room),
		TEST(what_denies_stays_and_no_more_is_kept),
		TEST(so_many_entries_are_kept_and_the_oldest_make_room),
	};

	return cmocka_run_group_tests_name("journal share", tests, NULL, NULL);
}
