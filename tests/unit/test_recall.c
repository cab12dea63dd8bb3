// SPDX-License-Identifier: Apache-2.0
/* test_recall.c - hub/recall.c, hub/wire_entry.c: pages of the journal, turns, and their text */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/event.h"
#include "hub/recall.h"
#include "hub/wire_entry.h"

/* One who asks. */
struct asker {
	struct recall recall;
	unsigned entries, done;
	unsigned want; /* entries that are enough */
	bool more;
	int error;
	uint64_t last;
};

static struct recalls recalls;
static struct msg_history asked; /* the last that the core was */
static unsigned n_asked;
static int ask_error;
static uint64_t journal; /* how many entries the core has */

static int core_asked(const struct msg_history *wanted, void *user)
{
	assert_ptr_equal(user, &journal);
	if (ask_error)
		return ask_error;
	asked = *wanted;
	n_asked++;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	recalls = (struct recalls){ .ask = core_asked, .user = &journal };
	n_asked = 0;
	ask_error = 0;
	journal = 0;
	return 0;
}

/* What it answers to that. */
static void core_answers(void)
{
	struct msg_listed listed = { .token = asked.token };
	uint64_t number = asked.after ? asked.after - 1 : journal;

	for (unsigned i = 0; i < asked.limit && number; i++, number--) {
		struct msg_entry entry = { .token = asked.token, .number = number };

		recall_entry(&recalls, &entry);
	}
	listed.more = number > 0;
	recall_done(&recalls, &listed);
}

static bool take(struct recall *recall, const struct msg_entry *entry)
{
	struct asker *asker = container_of(recall, struct asker, recall);

	asker->entries++;
	asker->last = entry->number;
	return asker->entries != asker->want;
}

static void finish(struct recall *recall, bool more, int error)
{
	struct asker *asker = container_of(recall, struct asker, recall);

	asker->done++;
	asker->more = more;
	asker->error = error;
}

static void ask(struct asker *asker, uint32_t uid, uint32_t limit)
{
	*asker = (struct asker){ .recall = {
				     .uid = uid, .limit = limit, .entry = take, .done = finish } };
	recall_begin(&recalls, &asker->recall);
}

static void a_question_is_answered_by_one_page(void **state)
{
	struct asker asker;

	(void)state;
	journal = MSG_HISTORY_MAX + 10;
	ask(&asker, 4001, 1000);
	assert_int_equal(asked.uid, 4001);
	assert_int_equal(asked.limit, MSG_HISTORY_MAX);
	core_answers();
	assert_int_equal(asker.done, 1);
	assert_int_equal(asker.entries, MSG_HISTORY_MAX);
	assert_int_equal(asker.last, 11);
	assert_true(asker.more);
	journal = 10;
	ask(&asker, 4001, 1000);
	core_answers();
	assert_int_equal(asker.entries, 10);
	assert_false(asker.more);
	assert_int_equal(n_asked, 2);
}

static void no_more_than_the_limit_comes(void **state)
{
	struct asker asker;

	(void)state;
	journal = 1000;
	ask(&asker, 4001, 3);
	assert_int_equal(asked.limit, 3);
	core_answers();
	assert_int_equal(asker.entries, 3);
	assert_true(asker.more);
	ask(&asker, 4001, 0);
	core_answers();
	assert_int_equal(asker.entries, 0);
}

static void who_has_enough_gets_no_more(void **state)
{
	struct asker asker;

	(void)state;
	journal = 1000;
	ask(&asker, 4001, 1000);
	asker.want = 5;
	core_answers();
	assert_int_equal(asker.done, 1);
	assert_int_equal(asker.entries, 5);
	assert_true(asker.more);
	assert_int_equal(n_asked, 1);
}

static void users_take_turns(void **state)
{
	struct asker first[9], second[9], other;

	(void)state;
	journal = 10 * MSG_HISTORY_MAX;
	for (unsigned i = 0; i < 9; i++) {
		ask(&first[i], 4001, 1000);
		ask(&second[i], 4002, 1000);
	}
	assert_int_equal(n_asked, 1); /* one at a time */
	core_answers();
	core_answers();
	assert_int_equal(asked.uid, 4001);
	/* however many others ask together: one page of each is what somebody waits for */
	ask(&other, 4003, 1);
	for (unsigned i = 0; i < 3; i++)
		core_answers();
	assert_int_equal(other.done, 1);
	ask(&other, 4003, 1);
	for (unsigned i = 0; i < 3; i++)
		core_answers();
	assert_int_equal(other.done, 1);
	while (recalls.busy)
		core_answers();
	assert_int_equal(n_asked, 9 + 9 + 2);
	assert_int_equal(first[8].done + second[8].done, 2);
}

/* Who asks one thing after the other has no more of it than who asks all at once. */
static void who_comes_again_has_one_turn(void **state)
{
	struct asker many[9], one;
	unsigned before;

	(void)state;
	journal = 10;
	for (unsigned i = 0; i < 9; i++)
		ask(&many[i], 4001, 1);
	for (unsigned i = 0; i < 4; i++) {
		ask(&one, 4002, 1);
		for (before = n_asked; !one.done;)
			core_answers();
		assert_in_range(n_asked - before, 1, 3);
	}
	assert_true(many[2].done);
	assert_false(many[8].done);
}

static void who_went_away_hears_nothing_and_holds_up_nobody(void **state)
{
	struct asker first, second, third;

	(void)state;
	journal = 10;
	ask(&first, 4001, 10);
	ask(&second, 4002, 10);
	ask(&third, 4003, 10);
	recall_end(&recalls, &first.recall);
	recall_end(&recalls, &second.recall);
	core_answers();
	core_answers();
	assert_int_equal(first.entries + first.done, 0);
	assert_int_equal(second.entries + second.done, 0);
	assert_int_equal(third.entries, 10);
	assert_int_equal(third.done, 1);
}

static void what_fails_is_told_and_the_next_is_asked(void **state)
{
	struct msg_listed broken = { .result = -EIO };
	struct asker first, second;

	(void)state;
	journal = 10;
	ask(&first, 4001, 10);
	ask(&second, 4002, 10);
	broken.token = asked.token;
	recall_done(&recalls, &broken);
	assert_int_equal(first.done, 1);
	assert_int_equal(first.error, -EIO);
	core_answers();
	assert_int_equal(second.entries, 10);
	ask_error = -EPIPE;
	ask(&first, 4001, 10);
	assert_int_equal(first.error, -EPIPE);
	ask_error = 0;
	recalls.ask = NULL; /* a hub without a journal */
	ask(&first, 4001, 10);
	assert_int_equal(first.error, -ENOSYS);
}

static void what_was_not_asked_for_is_passed_over(void **state)
{
	struct msg_entry entry = { .token = 7, .number = 7 };
	struct msg_listed listed = { .token = 7 };
	struct asker asker;

	(void)state;
	recall_entry(&recalls, &entry);
	recall_done(&recalls, &listed);
	journal = 1;
	ask(&asker, 0, 10);
	recall_entry(&recalls, &entry);
	recall_done(&recalls, &listed);
	assert_int_equal(asker.entries + asker.done, 0);
	core_answers();
	assert_int_equal(asker.entries, 1);
	core_answers(); /* again */
	assert_int_equal(asker.entries, 1);
	assert_int_equal(asker.done, 1);
}

static void an_entry_is_printable_whatever_a_container_said(void **state)
{
	struct msg_entry entry = { .number = 3,
				   .wall_ns = 5,
				   .type = ENTRY_VERDICT,
				   .guard = 2,
				   .ask = 9,
				   .port = 443,
				   .proto = 6,
				   .action = TEROK_ALLOW,
				   .scope = SCOPE_ONCE,
				   .uid = 4001,
				   .ok = 1 };
	_cleanup_json_ struct json json = {};

	(void)state;
	strcpy(entry.container, "0123456789abcdef");
	strcpy(entry.name, "box\x1b[31m");
	strcpy(entry.dest, "192.0.2.1");
	memset(entry.process, 0xff, sizeof(entry.process)); /* without an end */
	wire_entry(&json, NULL, &entry);
	assert_non_null(json_done(&json));
	for (const char *p = json.text; *p; p++)
		assert_in_range(*p, 0x20, 0x7e);
	assert_null(strstr(json.text, "\\u"));
	assert_non_null(strstr(json.text,
			       "{\"number\":3,\"wall_ns\":5,\"type\":\"verdict\",\"guard\":2,"
			       "\"container\":\"0123456789abcdef\",\"name\":\"box [31m\","
			       "\"request_id\":\"0123456789ab:9\",\"dest\":\"192.0.2.1\","
			       "\"port\":443,\"proto\":6,\"domain\":\"\",\"action\":\"allow\","
			       "\"scope\":\"once\",\"until_ns\":0,\"uid\":4001,"
			       "\"client\":\"\",\"ok\":true,\"process\":\""));
	/* numbers that mean nothing yet */
	entry.type = 99;
	json_reset(&json);
	wire_entry(&json, NULL, &entry);
	assert_non_null(strstr(json_done(&json), "\"type\":\"unknown\""));
	assert_non_null(strstr(json.text, "\"action\":\"\",\"scope\":\"\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_question_is_answered_by_one_page),
		T(no_more_than_the_limit_comes),
		T(who_has_enough_gets_no_more),
		T(users_take_turns),
		T(who_comes_again_has_one_turn),
		T(who_went_away_hears_nothing_and_holds_up_nobody),
		T(what_fails_is_told_and_the_next_is_asked),
		T(what_was_not_asked_for_is_passed_over),
		T(an_entry_is_printable_whatever_a_container_said),
	};

	return cmocka_run_group_tests_name("unit/recall", tests, NULL, NULL);
}
