// SPDX-License-Identifier: Apache-2.0
/* test_dns_channel.c - dns/channel.c: what names may carry out, and who hears of it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/event.h"
#include "dns/channel.h"

#define ZONE   "w.example.com"
#define MINUTE (60 * SECOND_NS)
#define START  (100 * SECOND_NS)
#define ALL_IT (CHANNEL_BURST + CHANNEL_RATE) /* in any minute */

static struct channel *channel;

static int setup(void **state)
{
	(void)state;
	return channel_new(START, &channel);
}

static int teardown(void **state)
{
	(void)state;
	channel_free(channel);
	return 0;
}

static struct channel_say ask_in(const char *zone, const char *labels, uint64_t now_ns)
{
	char name[300];

	snprintf(name, sizeof(name), "%s.%s", labels, zone);
	return channel_ask(channel, name, zone, now_ns);
}

static struct channel_say ask(const char *labels, uint64_t now_ns)
{
	return ask_in(ZONE, labels, now_ns);
}

/* A new label of @size bytes each time. */
static struct channel_say ask_new(unsigned size, uint64_t now_ns)
{
	static unsigned count;
	char label[64];

	snprintf(label, sizeof(label), "%0*u", size, ++count);
	return ask(label, now_ns);
}

static void plenty(void)
{
	channel_limit(channel, UINT32_MAX, UINT32_MAX);
}

static void new_labels_are_paid_by_the_byte_until_the_budget_is_spent(void **state)
{
	struct channel_say say = ask("abcdefgh", START);

	(void)state;
	assert_int_equal(say.verdict, CHANNEL_PASS);
	assert_int_equal(say.bytes, 8);
	assert_int_equal(ask("a.b", START).bytes, 3); /* where the dot is says something too */
	assert_int_equal(ask_new(CHANNEL_BURST - 11 + 1, START).verdict, CHANNEL_BUDGET);
	say = ask_new(CHANNEL_BURST - 11, START);
	assert_int_equal(say.verdict, CHANNEL_PASS);
	say = ask_new(1, START);
	assert_int_equal(say.verdict, CHANNEL_BUDGET);
	assert_int_equal(say.bytes, 0);
	assert_int_equal(channel_counts(channel)->bytes, CHANNEL_BURST);
	assert_int_equal(channel_counts(channel)->sent, 3);
	assert_int_equal(channel_counts(channel)->spent, 2);
}

static void the_budget_comes_back_by_the_minute_and_no_higher_than_the_burst(void **state)
{
	uint64_t a_byte = MINUTE / CHANNEL_RATE;

	(void)state;
	assert_int_equal(ask_new(CHANNEL_BURST, START).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(1, START + a_byte - 1000).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_new(1, START + a_byte).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(1, START + a_byte).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_new(CHANNEL_BURST + 1, START + 100 * MINUTE).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_new(CHANNEL_BURST, START + 100 * MINUTE).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(1, START + 100 * MINUTE).verdict, CHANNEL_BUDGET);
}

/* However it asks: small steps lose no budget and win none. */
static void no_minute_carries_more_than_burst_and_rate(void **state)
{
	unsigned bytes = 0;

	(void)state;
	for (uint64_t at = START; at < START + MINUTE; at += 12345678)
		bytes += ask_new(4, at).bytes;
	assert_in_range(bytes, ALL_IT - 4, ALL_IT);
}

static void a_name_that_was_sent_is_free_and_one_that_was_refused_is_not(void **state)
{
	(void)state;
	assert_int_equal(ask("abcdefgh", START).bytes, 8);
	assert_int_equal(ask_new(CHANNEL_BURST - 8, START).verdict, CHANNEL_PASS);
	assert_int_equal(ask("refused", START).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask("abcdefgh", START).verdict, CHANNEL_PASS);
	assert_int_equal(ask("abcdefgh", START).bytes, 0);
	assert_int_equal(ask("refused", START).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask("refused", START + MINUTE).bytes, 7);
	assert_int_equal(ask("refused", START + MINUTE).bytes, 0);
}

static void an_exact_rule_costs_nothing_and_alarms_nobody(void **state)
{
	struct channel_say say;

	(void)state;
	assert_int_equal(ask_new(CHANNEL_BURST, START).verdict, CHANNEL_PASS);
	for (unsigned i = 0; i < 200; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%050u.example.com", i);
		say = channel_ask(channel, name, NULL, START);
		assert_int_equal(say.verdict, CHANNEL_PASS);
		assert_int_equal(say.bytes, 0);
		assert_int_equal(say.alarms, 0);
	}
	/* the zone itself is no child of it; what is not below it pays for every byte */
	assert_int_equal(channel_ask(channel, ZONE, ZONE, START).verdict, CHANNEL_PASS);
	say = channel_ask(channel, "a.example.org", ZONE, START + MINUTE);
	assert_int_equal(say.bytes, strlen("a.example.org"));
}

static void the_oldest_names_are_forgotten_after_a_few_thousand_others(void **state)
{
	uint64_t at = START;

	(void)state;
	plenty();
	assert_int_equal(ask("first", at).bytes, 5);
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(ask_new(6, at += SECOND_NS).bytes, 6);
	assert_int_equal(ask("first", at).bytes, 0);
	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal(ask_new(6, at += SECOND_NS).bytes, 6);
		if (i % 1000 == 0) /* in use: stays */
			assert_int_equal(ask("first", at).bytes, 0);
	}
	for (unsigned i = 0; i < 5000; i++)
		ask_new(6, at += SECOND_NS);
	assert_int_equal(ask("first", at).bytes, 5);
}

static void questions_a_second_are_limited(void **state)
{
	struct channel_say say;

	(void)state;
	for (unsigned i = 0; i < CHANNEL_QUERIES; i++)
		assert_int_equal(channel_ask(channel, "a.example.com", NULL, START + i).verdict,
				 CHANNEL_PASS);
	say = channel_ask(channel, "a.example.com", NULL, START + SECOND_NS - 1);
	assert_int_equal(say.verdict, CHANNEL_FLOOD);
	assert_int_equal(say.alarms, CHANNEL_ALARM_FLOOD);
	assert_int_equal(ask("new", START + SECOND_NS - 1).verdict, CHANNEL_FLOOD);
	say = channel_ask(channel, "a.example.com", NULL, START + SECOND_NS);
	assert_int_equal(say.verdict, CHANNEL_PASS);
	assert_int_equal(channel_counts(channel)->flooded, 2);
	assert_int_equal(channel_counts(channel)->alarms, 1);
	assert_int_equal(ask("new", START + SECOND_NS).bytes, 3);
}

static void a_long_label_is_an_alarm(void **state)
{
	char label[CHANNEL_LABEL + 2] = "";

	(void)state;
	plenty();
	memset(label, 'a', CHANNEL_LABEL);
	assert_int_equal(ask(label, START).alarms & CHANNEL_ALARM_LENGTH, 0);
	label[0] = 'x';
	label[CHANNEL_LABEL] = 'a';
	assert_int_equal(ask(label, START).alarms & CHANNEL_ALARM_LENGTH, CHANNEL_ALARM_LENGTH);
}

/* Each in a window of its own. */
static void a_label_that_looks_like_data_is_an_alarm_and_one_of_words_is_not(void **state)
{
	static const char *const data[] = {
		"abcdefghijklmnopqrst",                 /* every byte another: 4.3 bits */
		"k7x2m9qz4vb8ncw1hjs5t",                /* random */
		"00112233445566778899",                 /* hex digits: 3.3 bits */
		"deadbeefdeadbeefdeadbeef",             /* hex: 2.3 bits */
		"550e8400-e29b-41d4-a716-446655440000", /* with dashes */
		"mfrggzdfmztwq2lknnwg23tp",             /* base32 */
		"mmmmmmmmmmmmmmmmmm22",                 /* no randomness, but its alphabet */
		"www.mfrggzdfmztwq2lknnwg23tp",         /* whichever label it is */
		"mfrggzdfmztwq2lknnwg23tp.www",
	};
	static const char *const words[] = {
		"abcdefghijklmnopqrs", /* 19 bytes */
		"deadbeefdeadbeefdea",
		"internal-loadbalancer-seven",
		"internationalization",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaag",
		"static-assets.images.eu-west-1",
		"internalloadbalancer2",
	};
	uint64_t at = START;

	(void)state;
	plenty();
	for (unsigned i = 0; i < sizeof(data) / sizeof(*data); i++)
		if (ask(data[i], at += CHANNEL_WINDOW_NS).alarms != CHANNEL_ALARM_ENTROPY)
			fail_msg("%s", data[i]);
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (ask(words[i], at += CHANNEL_WINDOW_NS).alarms)
			fail_msg("%s", words[i]);
}

static void many_new_children_of_one_wildcard_are_an_alarm(void **state)
{
	struct channel_say say;

	(void)state;
	/* refused or not; asking for one again is not one more */
	for (unsigned i = 0; i < CHANNEL_CHILDREN; i++) {
		char label[8];

		snprintf(label, sizeof(label), "c%u", i);
		assert_int_equal(ask(label, START).alarms & CHANNEL_ALARM_CHILDREN, 0);
		assert_int_equal(ask(label, START).alarms & CHANNEL_ALARM_CHILDREN, 0);
		assert_int_equal(
		    ask_in("v.example.org", label, START).alarms & CHANNEL_ALARM_CHILDREN, 0);
	}
	say = ask("onemore", START);
	assert_int_equal(say.verdict, CHANNEL_BUDGET);
	assert_int_equal(say.alarms, CHANNEL_ALARM_CHILDREN);

	/* of the next window none was asked for yet */
	assert_int_equal(ask("another", START + CHANNEL_WINDOW_NS).alarms, 0);
}

static void an_alarm_is_raised_once_a_window(void **state)
{
	static const char data[] = "mfrggzdfmztwq2lknnwg23tp";
	struct channel_say say;

	(void)state;
	say = ask_new(CHANNEL_BURST + 1, START);
	assert_int_equal(say.alarms, CHANNEL_ALARM_BUDGET | CHANNEL_ALARM_ENTROPY);
	assert_int_equal(ask(data, START).alarms, 0);
	assert_int_equal(ask_new(50, START).alarms, CHANNEL_ALARM_LENGTH);
	assert_int_equal(ask_new(50, START + CHANNEL_WINDOW_NS - 1).alarms, 0);
	say = ask_new(50, START + CHANNEL_WINDOW_NS);
	assert_int_equal(say.alarms,
			 CHANNEL_ALARM_BUDGET | CHANNEL_ALARM_ENTROPY | CHANNEL_ALARM_LENGTH);
	assert_int_equal(channel_counts(channel)->alarms, 6);
}

static void other_limits_hold_from_now_on(void **state)
{
	(void)state;
	channel_limit(channel, 0, 100);
	assert_int_equal(ask_new(60, START).verdict, CHANNEL_PASS);
	channel_limit(channel, 0, 100); /* said again: nothing is won */
	assert_int_equal(ask_new(41, START).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_new(40, START).verdict, CHANNEL_PASS);
	channel_limit(channel, 600, 10);
	assert_int_equal(ask_new(10, START + SECOND_NS - 1000).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_new(10, START + SECOND_NS).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(11, START + MINUTE).verdict, CHANNEL_BUDGET);
	channel_limit(channel, UINT32_MAX, UINT32_MAX);
	assert_int_equal(ask_new(60, START + 100000 * MINUTE).verdict, CHANNEL_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(new_labels_are_paid_by_the_byte_until_the_budget_is_spent),
		T(the_budget_comes_back_by_the_minute_and_no_higher_than_the_burst),
		T(no_minute_carries_more_than_burst_and_rate),
		T(a_name_that_was_sent_is_free_and_one_that_was_refused_is_not),
		T(an_exact_rule_costs_nothing_and_alarms_nobody),
		T(the_oldest_names_are_forgotten_after_a_few_thousand_others),
		T(questions_a_second_are_limited),
		T(a_long_label_is_an_alarm),
		T(a_label_that_looks_like_data_is_an_alarm_and_one_of_words_is_not),
		T(many_new_children_of_one_wildcard_are_an_alarm),
		T(an_alarm_is_raised_once_a_window),
		T(other_limits_hold_from_now_on),
	};

	return cmocka_run_group_tests_name("dns channel", tests, NULL, NULL);
}
