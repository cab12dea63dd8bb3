// SPDX-License-Identifier: Apache-2.0
/* test_answered.c - hub/answered.c: whose outcomes are remembered, and how many */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "hub/answered.h"

static void anothers_many_answers_make_nobody_forget_mine(void **state)
{
	struct answered mine = { .id = "bob:1", .owner = 4002 };
	struct answered_table *table;
	char id[32];
	struct answered theirs = { .id = id, .owner = 4001 };

	(void)state;
	assert_int_equal(answered_new(&table), 0);
	answered_note(table, &mine);
	for (unsigned i = 1; i <= 2 * ANSWERED_MAX; i++) {
		snprintf(id, sizeof(id), "alice:%u", i);
		answered_note(table, &theirs);
	}
	assert_non_null(answered_find_own(table, "bob:1", 4002));
	/* and of hers the newest are there */
	snprintf(id, sizeof(id), "alice:%u", 2 * ANSWERED_MAX - ANSWERED_USER_MAX);
	assert_null(answered_find(table, id));
	snprintf(id, sizeof(id), "alice:%u", 2 * ANSWERED_MAX - ANSWERED_USER_MAX + 1);
	assert_non_null(answered_find_own(table, id, 4001));
	/* root's fill what there is */
	theirs.owner = 0;
	for (unsigned i = 1; i <= ANSWERED_MAX; i++) {
		snprintf(id, sizeof(id), "root:%u", i);
		answered_note(table, &theirs);
	}
	assert_non_null(answered_find(table, "root:1"));
	assert_null(answered_find(table, "bob:1"));
	answered_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anothers_many_answers_make_nobody_forget_mine),
	};

	return cmocka_run_group_tests_name("unit/answered", tests, NULL, NULL);
}
