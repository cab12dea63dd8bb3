// SPDX-License-Identifier: Apache-2.0
/* test_unheard.c - user/unheard.c: every refusal that was not told is counted once */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "unheard.h"

static struct unheard unheard;
static struct {
	unsigned said;
	uint64_t all, of[UNHEARD_MAX + 2];
} told;

static void on_say(uint32_t guard, uint64_t count, void *user)
{
	assert_ptr_equal(user, &told);
	told.said++;
	told.all += count;
	if (guard < UNHEARD_MAX + 2)
		told.of[guard] += count;
}

static void every_one_is_said_once_and_by_its_guard(void **state)
{
	(void)state;
	unheard_note(&unheard, 7, 1);
	unheard_note(&unheard, 8, 5);
	unheard_note(&unheard, 7, 2);
	unheard_say(&unheard, on_say, &told);
	assert_int_equal(told.said, 2);
	assert_int_equal(told.of[7], 3);
	assert_int_equal(told.of[8], 5);
	unheard_say(&unheard, on_say, &told);
	assert_int_equal(told.said, 2); /* it begins anew */
}

static void what_is_of_too_many_guards_is_said_together(void **state)
{
	(void)state;
	memset(&told, 0, sizeof(told));
	for (uint32_t guard = 1; guard <= 10 * UNHEARD_MAX; guard++)
		unheard_note(&unheard, guard, 1);
	unheard_note(&unheard, 1, 1);
	unheard_say(&unheard, on_say, &told);
	assert_int_equal(told.said, UNHEARD_MAX + 1);
	assert_int_equal(told.all, 10 * UNHEARD_MAX + 1);
	assert_int_equal(told.of[1], 2);
	assert_int_equal(told.of[UNHEARD_MAX], 1);
	assert_int_equal(told.of[0], 9 * UNHEARD_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_one_is_said_once_and_by_its_guard),
		cmocka_unit_test(what_is_of_too_many_guards_is_said_together),
	};

	return cmocka_run_group_tests_name("unheard", tests, NULL, NULL);
}
