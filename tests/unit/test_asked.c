// SPDX-License-Identifier: Apache-2.0
/* test_asked.c - user/asked.c: what was asked, once per quiet time, and by which number */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "asked.h"
#include "base/event.h"

#define ROOM 100 /* users with one question each */

static struct asked_table *table;

static int setup(void **state)
{
	(void)state;
	return asked_new(&table);
}

static int teardown(void **state)
{
	(void)state;
	asked_free(table);
	return 0;
}

static struct terok_record refusal(unsigned n, uint64_t at_ns)
{
	struct terok_record record = { .guard = 1, .proto = 6, .dst_port = 443, .boot_ns = at_ns };

	record.dst[12] = n >> 24;
	record.dst[13] = n >> 16;
	record.dst[14] = n >> 8;
	record.dst[15] = n;
	return record;
}

/* Of as many guards as it takes for all of them to be asked about. */
static uint64_t ask_many(unsigned n, uint64_t at_ns)
{
	struct terok_record record = refusal(n, at_ns);
	const struct asked *asked;

	record.guard = 10 + n % (2 * ASKED_MAX / ASKED_OPEN_MAX);
	asked = asked_note(table, &record, NULL, NULL, true);
	return asked ? asked->id : 0;
}

static uint64_t ask(unsigned n, uint64_t at_ns)
{
	struct terok_record record = refusal(n, at_ns);
	const struct asked *asked = asked_note(table, &record, NULL, NULL, true);

	return asked ? asked->id : 0;
}

static void the_same_destination_is_asked_once_in_the_quiet_time(void **state)
{
	uint64_t start = 1000, id = ask(5, start);
	struct terok_record record;

	(void)state;
	assert_true(id);
	assert_int_equal(ask(5, start + 1), 0);
	assert_int_equal(ask(5, start + ASKED_QUIET_NS - 1), 0);
	/* then again, under the same number, with all that happened meanwhile */
	assert_int_equal(ask(5, start + ASKED_QUIET_NS), id);
	assert_int_equal(asked_find(table, id)->count, 4);

	/* any other guard, address, port or protocol is another question */
	assert_true(ask(6, start));
	record = refusal(5, start), record.guard = 2;
	assert_non_null(asked_note(table, &record, NULL, NULL, true));
	record = refusal(5, start), record.dst_port = 80;
	assert_non_null(asked_note(table, &record, NULL, NULL, true));
	record = refusal(5, start), record.proto = 17;
	assert_non_null(asked_note(table, &record, NULL, NULL, true));
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Neither their order nor their distance says how many others were asked meanwhile. */
static void numbers_say_nothing_of_each_other_and_are_used_once(void **state)
{
	static uint64_t ids[3 * ASKED_MAX];
	const unsigned n = 3 * ASKED_MAX;
	unsigned rising = 0, far = 0;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		ids[i] = ask(i, 1000);
		assert_in_range(ids[i], 1, ASKED_ID_MAX);
		rising += i && ids[i] > ids[i - 1];
		far += i && ids[i] - ids[i - 1] > ASKED_ID_MAX / 1000 &&
		       ids[i - 1] - ids[i] > ASKED_ID_MAX / 1000;
	}
	assert_in_range(rising, n * 2 / 5, n * 3 / 5);
	assert_in_range(far, n * 9 / 10, n);
	qsort(ids, n, sizeof(ids[0]), by_value);
	for (unsigned i = 1; i < n; i++)
		assert_true(ids[i] > ids[i - 1]);
}

static void the_oldest_question_gives_way_and_the_others_stay_findable(void **state)
{
	uint64_t ids[ASKED_MAX + 1];

	(void)state;
	for (unsigned i = 0; i <= ASKED_MAX; i++)
		ids[i] = ask_many(i * 7919, 1000);
	assert_null(asked_find(table, ids[0]));
	for (unsigned i = 1; i <= ASKED_MAX; i++) {
		assert_non_null(asked_find(table, ids[i]));
		assert_int_equal(ask_many(i * 7919, 1001), 0);
	}
	assert_true(ask_many(0, 1001)); /* forgotten: asked anew */
}

static void an_answered_question_is_asked_anew_only_by_later_refusals(void **state)
{
	uint64_t before = now_boot_ns(), id = ask(5, before), again;

	(void)state;
	asked_answered(table, id);
	assert_null(asked_find(table, id));
	/* refused before the rule was there, read from the ring after it */
	assert_int_equal(ask(5, before + 1), 0);
	assert_null(asked_find(table, id));
	again = ask(5, now_boot_ns());
	assert_true(again && again != id);
	assert_non_null(asked_find(table, again));
	assert_null(asked_find(table, id));
	assert_null(asked_find(table, 0));
}

static void what_a_rule_refuses_is_told_but_is_no_question(void **state)
{
	struct terok_record record = refusal(5, 1000);
	uint64_t id = ask(5, 1000);
	const struct asked *told;

	(void)state;
	told = asked_note(table, &record, NULL, NULL, false);
	assert_non_null(told);
	assert_false(told->question);
	assert_null(asked_find(table, told->id));
	assert_null(asked_find(table, id));
	assert_null(asked_note(table, &record, NULL, NULL, false));
}

/* Every other guard's questions, and those of a process that runs into its rules. */
static void no_flood_pushes_out_anothers_question(void **state)
{
	struct terok_record mine = refusal(1, 1), flood;
	uint64_t id;

	(void)state;
	mine.guard = 2;
	id = asked_note(table, &mine, NULL, NULL, true)->id;
	for (unsigned n = 0; n < 3 * ASKED_MAX; n++) {
		flood = refusal(n, 10 + n);
		assert_non_null(asked_note(table, &flood, NULL, NULL, false));
	}
	assert_non_null(asked_find(table, id));
	for (unsigned n = 0; n < 3 * ASKED_MAX; n++)
		assert_true(ask(1000000 + n, 100000 + n));
	assert_non_null(asked_find(table, id));
}

static void what_is_no_question_is_told_also_where_all_are(void **state)
{
	struct terok_record flood = refusal(77, 500000);
	uint64_t first = 0, id;

	(void)state;
	for (unsigned n = 0; n < ASKED_MAX; n++) {
		id = ask_many(n, 1000);
		first = first ?: id;
	}
	assert_non_null(asked_find(table, first));
	assert_non_null(asked_note(table, &flood, NULL, NULL, false));
	assert_non_null(asked_find(table, first));
}

/* --- the budget ----------------------------------------------------------------------------- */

static const struct asked *ask_named(unsigned n, const char *told, uint64_t at_ns)
{
	struct terok_record record = refusal(n, at_ns);

	return asked_note(table, &record, NULL, told, true);
}

static void all_addresses_of_a_name_are_one_question(void **state)
{
	const struct asked *first = ask_named(1, "cdn.example", 1000);
	struct terok_record other_port = refusal(3, 1003);
	uint64_t id;

	(void)state;
	assert_non_null(first);
	id = first->id;
	assert_null(ask_named(2, "cdn.example", 1001));
	assert_null(ask_named(3, "cdn.example", 1002));
	assert_int_equal(asked_find(table, id)->count, 3);
	/* people were told of that one: an answer about an address is about it */
	assert_int_equal(asked_find(table, id)->record.dst[15], 1);
	other_port.dst_port = 80;
	assert_non_null(asked_note(table, &other_port, NULL, "cdn.example", true));
	assert_non_null(ask_named(1, "www.example", 1004));
	assert_non_null(ask_named(1, NULL, 1005));
	/* told again it is of the last address */
	assert_int_equal(ask_named(9, "cdn.example", 1000 + ASKED_QUIET_NS)->id, id);
	assert_int_equal(asked_find(table, id)->record.dst[15], 9);
}

static void beyond_the_budget_of_a_guard_nobody_is_asked(void **state)
{
	struct terok_record other = refusal(1, 5000);
	uint64_t first = ask(0, 1000);
	const struct asked *held;

	(void)state;
	for (unsigned n = 1; n < ASKED_OPEN_MAX; n++)
		assert_non_null(asked_find(table, ask(n, 1000)));
	held = ask_named(ASKED_OPEN_MAX, NULL, 1001);
	assert_true(held->held);
	assert_false(held->question);
	assert_int_equal(held->count, 1);
	assert_null(asked_find(table, held->id));
	assert_null(ask_named(ASKED_OPEN_MAX, NULL, 1002)); /* counted */
	/* those that are open are told again as ever, and others' are asked */
	assert_int_equal(ask(0, 1000 + ASKED_QUIET_NS), first);
	other.guard = 2;
	assert_true(asked_note(table, &other, NULL, NULL, true)->question);
	/* one is answered: whoever tries again is asked about, at once */
	asked_answered(table, first);
	held = ask_named(ASKED_OPEN_MAX, NULL, 1003);
	assert_non_null(held);
	assert_true(held->question);
	assert_false(held->held);
	assert_true(ask_named(ASKED_OPEN_MAX + 1, NULL, 1004)->held);
}

/* Ten guards each; 0 has one, its number is its own. */
static uint32_t owner_by_tens(uint32_t guard, void *user)
{
	assert_ptr_equal(user, &table);
	return guard / 10;
}

static const struct asked *ask_of(uint32_t guard, unsigned n)
{
	struct terok_record record = refusal(n, 1000);

	record.guard = guard;
	return asked_note(table, &record, NULL, NULL, true);
}

/* Or with enough guards one could push out everybody's questions. */
static void beyond_the_budget_of_a_user_nobody_is_asked(void **state)
{
	uint64_t bobs, first = 0;
	unsigned asked = 0;

	(void)state;
	asked_on_owner(table, owner_by_tens, &table);
	bobs = ask_of(20, 1)->id;
	for (unsigned n = 0; n < 2 * ASKED_MAX; n++) {
		const struct asked *one = ask_of(10 + n % 10, n);

		asked += one->question;
		first = first ?: one->id;
	}
	assert_int_equal(asked, ASKED_USER_MAX);
	assert_non_null(asked_find(table, bobs));
	assert_true(ask_of(21, 7)->question);
	assert_true(ask_of(1, 8)->question); /* root's */
	/* there is room for one when one is answered */
	asked_answered(table, first);
	assert_true(ask_of(11, 5000)->question);
	assert_true(ask_of(12, 5001)->held);
	/* each of root's is for itself */
	for (unsigned n = 0; n < 8 * ASKED_OPEN_MAX; n++)
		assert_true(ask_of(2 + n % 8, 9000 + n)->question);
}

static void count_open(const struct asked *asked, void *user)
{
	assert_true(asked->question);
	++*(int *)user;
}

static uint32_t owner_by_thousands(uint32_t guard, void *user)
{
	assert_ptr_equal(user, &table);
	return guard / 1000;
}

/* Root has no budget; who fills the table loses their own, and not those who have a few. */
static void who_has_most_open_gives_way(void **state)
{
	uint64_t few[ROOM], roots;

	(void)state;
	asked_on_owner(table, owner_by_thousands, &table);
	for (unsigned i = 0; i < ROOM / 2; i++)
		few[i] = ask_of(1000 * (1 + i), i)->id;
	roots = ask_of(1, 1)->id;
	for (unsigned n = 0; n < 2 * ASKED_MAX; n++)
		ask_of(1 + n % 40, 5000 + n);
	for (unsigned i = ROOM / 2; i < ROOM; i++)
		few[i] = ask_of(1000 * (1 + i), i)->id;
	for (unsigned i = 0; i < ROOM; i++)
		assert_non_null(asked_find(table, few[i]));
	assert_null(asked_find(table, roots));
}

static void a_guards_end_ends_its_questions(void **state)
{
	struct terok_record other = refusal(1, 1000);
	int open = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		ask(i, 1000);
	other.guard = 2;
	assert_non_null(asked_note(table, &other, NULL, NULL, true));
	asked_forget_guard(table, 1);
	asked_each(table, count_open, &open);
	assert_int_equal(open, 1);
	assert_null(asked_note(table, &other, NULL, NULL, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_same_destination_is_asked_once_in_the_quiet_time),
		T(numbers_say_nothing_of_each_other_and_are_used_once),
		T(the_oldest_question_gives_way_and_the_others_stay_findable),
		T(an_answered_question_is_asked_anew_only_by_later_refusals),
		T(what_a_rule_refuses_is_told_but_is_no_question),
		T(no_flood_pushes_out_anothers_question),
		T(what_is_no_question_is_told_also_where_all_are),
		T(all_addresses_of_a_name_are_one_question),
		T(beyond_the_budget_of_a_guard_nobody_is_asked),
		T(beyond_the_budget_of_a_user_nobody_is_asked),
		T(who_has_most_open_gives_way),
		T(a_guards_end_ends_its_questions),
	};

	return cmocka_run_group_tests_name("asked", tests, NULL, NULL);
}
