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
#include "dns/wire.h"

#define ZONE   "w.example.com"
#define MINUTE (60 * SECOND_NS)
#define START  (100 * SECOND_NS)

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
	return channel_ask(channel, name, DNS_A, zone, now_ns);
}

static struct channel_say ask(const char *labels, uint64_t now_ns)
{
	return ask_in(ZONE, labels, now_ns);
}

/* One exact name. */
static struct channel_say ask_exact(unsigned number, uint16_t type, uint64_t now_ns)
{
	char name[64];

	snprintf(name, sizeof(name), "%050u.example.com", number);
	return channel_ask(channel, name, type, NULL, now_ns);
}

/* A new name each time, of @cost bytes: its label and one. */
static struct channel_say ask_new(unsigned cost, uint64_t now_ns)
{
	static unsigned count;
	char label[64];

	snprintf(label, sizeof(label), "%0*u", cost - 1, ++count);
	return ask(label, now_ns);
}

static void plenty(void)
{
	channel_limit(channel, UINT32_MAX);
}

static void new_labels_are_paid_by_the_byte_until_the_budget_is_spent(void **state)
{
	struct channel_say say = ask("abcdefgh", START);

	(void)state;
	assert_int_equal(say.verdict, CHANNEL_PASS);
	assert_int_equal(say.bytes, 9);               /* one for which of all questions it is */
	assert_int_equal(ask("a.b", START).bytes, 4); /* where the dot is says something too */
	assert_int_equal(ask_new(CHANNEL_BYTES - 13 + 1, START).verdict, CHANNEL_BUDGET);
	say = ask_new(CHANNEL_BYTES - 13, START);
	assert_int_equal(say.verdict, CHANNEL_PASS);
	say = ask("x", START);
	assert_int_equal(say.verdict, CHANNEL_BUDGET);
	assert_int_equal(say.bytes, 0);
	assert_int_equal(channel_counts(channel)->bytes, CHANNEL_BYTES);
	assert_int_equal(channel_counts(channel)->sent, 3);
	assert_int_equal(channel_counts(channel)->spent, 2);
}

static void what_was_spent_comes_back_after_a_minute_and_not_before(void **state)
{
	(void)state;
	assert_int_equal(ask_new(20, START).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(CHANNEL_BYTES - 20, START + MINUTE / 2).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(2, START + MINUTE).verdict, CHANNEL_BUDGET);
	/* seconds are counted whole */
	assert_int_equal(ask_new(21, START + MINUTE + SECOND_NS).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_new(20, START + MINUTE + SECOND_NS).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(CHANNEL_BYTES + 1, START + 100 * MINUTE).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_new(CHANNEL_BYTES, START + 100 * MINUTE).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(2, START + 100 * MINUTE).verdict, CHANNEL_BUDGET);
}

/* However it asks, and wherever the minute begins. */
static void no_minute_carries_more_than_the_budget(void **state)
{
	static unsigned spent[1000];
	uint64_t step = SECOND_NS / 4 + 1234567;
	unsigned all = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		spent[i] = ask_new(2 + i % 5, START + i * step).bytes;
		all += spent[i];
	}
	for (unsigned i = 0; i < 1000; i++) {
		unsigned bytes = 0;

		for (unsigned j = i; j < 1000 && (j - i) * step <= MINUTE; j++)
			bytes += spent[j];
		assert_true(bytes <= CHANNEL_BYTES);
	}
	/* 256 seconds: four minutes of it, and what was there at first */
	assert_true(all >= 4 * (CHANNEL_BYTES - 6));
}

static void a_name_that_was_sent_costs_one_byte_and_one_that_was_refused_all(void **state)
{
	(void)state;
	assert_int_equal(ask("abcdefgh", START).bytes, 9);
	assert_int_equal(ask("abcdefgh", START).bytes, 1);
	assert_int_equal(ask_new(CHANNEL_BYTES - 10, START).verdict, CHANNEL_PASS);
	assert_int_equal(ask("refused", START).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask("abcdefgh", START).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask("refused", START + 2 * MINUTE).bytes, 8);
	assert_int_equal(ask("refused", START + 2 * MINUTE).bytes, 1);
}

static void an_exact_name_is_free_once_a_minute_and_alarms_nobody(void **state)
{
	struct channel_say say;

	(void)state;
	assert_int_equal(ask_new(CHANNEL_BYTES, START).verdict, CHANNEL_PASS);
	for (unsigned i = 0; i < 200; i++) {
		say = ask_exact(i, i % 2 ? DNS_A : DNS_AAAA, START);
		assert_int_equal(say.verdict, CHANNEL_PASS);
		assert_int_equal(say.bytes, 0);
		assert_int_equal(say.alarms, 0);
	}
	/* which of them is asked again and again, before its answer ends, says something */
	assert_int_equal(ask_exact(7, DNS_A, START + MINUTE - SECOND_NS).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_exact(7, DNS_A, START + MINUTE).bytes, 0);
	assert_int_equal(ask_exact(7, DNS_AAAA, START + MINUTE + SECOND_NS).bytes, 1);
	/* the zone itself is no child of it; what is not below it pays for every byte */
	assert_int_equal(channel_ask(channel, ZONE, DNS_A, ZONE, START).bytes, 0);
	say = channel_ask(channel, "a.example.org", DNS_A, ZONE, START + 3 * MINUTE);
	assert_int_equal(say.bytes, strlen("a.example.org") + 1);
}

/* More than are remembered: paid as if they had been asked lately, rather than free. */
static void of_very_many_exact_names_some_are_paid(void **state)
{
	unsigned paid = 0;

	(void)state;
	plenty();
	for (unsigned i = 0; i < 3000; i++)
		paid += ask_exact(i, DNS_A, START + i * SECOND_NS / 100).bytes;
	assert_true(paid < 60); /* rows fill by chance */
	for (unsigned i = 0; i < 20000; i++)
		ask_exact(5000 + i, DNS_A, START + (30 + i / 1000) * SECOND_NS);
	paid = 0;
	for (unsigned i = 0; i < 3000; i++)
		paid += ask_exact(i, DNS_A, START + (51 + i / 500) * SECOND_NS).bytes;
	assert_int_equal(paid, 3000);
}

static void another_type_costs_a_byte_more(void **state)
{
	(void)state;
	assert_int_equal(ask_exact(1, DNS_TXT, START).bytes, 2);
	assert_int_equal(ask_exact(1, DNS_TXT, START + 2 * MINUTE).bytes, 2);
	assert_int_equal(channel_ask(channel, "abc." ZONE, DNS_MX, ZONE, START).bytes, 5);
	assert_int_equal(channel_ask(channel, "abc." ZONE, DNS_MX, ZONE, START).bytes, 2);
	assert_int_equal(ask("abc", START).bytes, 1);
}

static void what_clients_do_without_leaves_them_three_quarters(void **state)
{
	unsigned bytes = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		bytes += ask_exact(i, i % 2 ? DNS_HTTPS : DNS_SVCB, START).bytes;
	assert_int_equal(bytes, CHANNEL_BYTES / 4);
	assert_int_equal(ask_new(CHANNEL_BYTES - CHANNEL_BYTES / 4, START).verdict, CHANNEL_PASS);
	assert_int_equal(ask("x", START).verdict, CHANNEL_BUDGET);
}

static void a_page_with_ten_hosts_below_one_wildcard_is_there_at_once(void **state)
{
	static const char *const hosts[] = {
		"www", "api", "img", "cdn1", "cdn2", "auth", "fonts", "media", "login", "stats",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		assert_int_equal(ask(hosts[i], START).verdict, CHANNEL_PASS);
	for (unsigned i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		assert_int_equal(ask(hosts[i], START + 2 * MINUTE).bytes, 1);
}

static void the_oldest_names_are_forgotten_after_so_many_others(void **state)
{
	uint64_t at = START;

	(void)state;
	plenty();
	assert_int_equal(ask("first", at).bytes, 6);
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(ask_new(6, at += SECOND_NS).bytes, 6);
	assert_int_equal(ask("first", at).bytes, 1);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(ask_new(6, at += SECOND_NS).bytes, 6);
		if (i % 50 == 0) /* in use: stays */
			assert_int_equal(ask("first", at).bytes, 1);
	}
	for (unsigned i = 0; i < 130; i++)
		ask_new(6, at += SECOND_NS);
	assert_int_equal(ask("first", at).bytes, 6);
}

static void questions_a_second_are_limited(void **state)
{
	struct channel_say say;

	(void)state;
	plenty();
	for (unsigned i = 0; i < CHANNEL_QUERIES; i++)
		assert_int_equal(ask_exact(1, DNS_A, START + i).verdict, CHANNEL_PASS);
	say = ask_exact(1, DNS_A, START + SECOND_NS - 1);
	assert_int_equal(say.verdict, CHANNEL_FLOOD);
	assert_int_equal(say.alarms, CHANNEL_ALARM_FLOOD);
	assert_int_equal(ask("new", START + SECOND_NS - 1).verdict, CHANNEL_FLOOD);
	assert_int_equal(ask_exact(1, DNS_A, START + SECOND_NS).verdict, CHANNEL_PASS);
	assert_int_equal(channel_counts(channel)->flooded, 2);
	assert_int_equal(channel_counts(channel)->alarms, 1);
	assert_int_equal(ask("new", START + SECOND_NS).bytes, 4);
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
	assert_int_equal(ask("another", START + 2 * CHANNEL_WINDOW_NS).alarms, 0);
}

static void an_alarm_is_raised_once_a_window(void **state)
{
	static const char data[] = "mfrggzdfmztwq2lknnwg23tp";
	struct channel_say say;

	(void)state;
	say = ask_new(CHANNEL_BYTES, START);
	assert_int_equal(say.alarms, CHANNEL_ALARM_LENGTH | CHANNEL_ALARM_ENTROPY);
	say = ask(data, START);
	assert_int_equal(say.alarms, CHANNEL_ALARM_BUDGET);
	assert_int_equal(ask(data, START).alarms, 0);
	assert_int_equal(ask_new(50, START + CHANNEL_WINDOW_NS - 1).alarms, 0);
	assert_int_equal(ask_new(50, START + CHANNEL_WINDOW_NS).alarms,
			 CHANNEL_ALARM_BUDGET | CHANNEL_ALARM_LENGTH | CHANNEL_ALARM_ENTROPY);
	assert_int_equal(channel_counts(channel)->alarms, 6);
}

static void another_limit_holds_from_now_on(void **state)
{
	(void)state;
	channel_limit(channel, 100);
	assert_int_equal(ask_new(60, START).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(41, START).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_new(40, START).verdict, CHANNEL_PASS);
	channel_limit(channel, 10); /* more is spent than that */
	assert_int_equal(ask_new(10, START).verdict, CHANNEL_BUDGET);
	assert_int_equal(ask_new(10, START + 2 * MINUTE).verdict, CHANNEL_PASS);
	assert_int_equal(ask_new(2, START + 2 * MINUTE).verdict, CHANNEL_BUDGET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(new_labels_are_paid_by_the_byte_until_the_budget_is_spent),
		T(what_was_spent_comes_back_after_a_minute_and_not_before),
		T(no_minute_carries_more_than_the_budget),
		T(a_name_that_was_sent_costs_one_byte_and_one_that_was_refused_all),
		T(an_exact_name_is_free_once_a_minute_and_alarms_nobody),
		T(of_very_many_exact_names_some_are_paid),
		T(another_type_costs_a_byte_more),
		T(what_clients_do_without_leaves_them_three_quarters),
		T(a_page_with_ten_hosts_below_one_wildcard_is_there_at_once),
		T(the_oldest_names_are_forgotten_after_so_many_others),
		T(questions_a_second_are_limited),
		T(a_long_label_is_an_alarm),
		T(a_label_that_looks_like_data_is_an_alarm_and_one_of_words_is_not),
		T(many_new_children_of_one_wildcard_are_an_alarm),
		T(an_alarm_is_raised_once_a_window),
		T(another_limit_holds_from_now_on),
	};

	return cmocka_run_group_tests_name("dns channel", tests, NULL, NULL);
}
