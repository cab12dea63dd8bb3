// SPDX-License-Identifier: Apache-2.0
/* test_dns_cache.c - dns/cache.c: what is kept, for how long, and who gives way to whom */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <malloc.h>
#include <cmocka.h>

#include "dns/cache.h"

#define UNTIL 1000

static struct cache *cache;

static int setup(void **state)
{
	(void)state;
	return cache_new(&cache);
}

static int teardown(void **state)
{
	(void)state;
	cache_free(cache);
	return 0;
}

static const char *name_of(unsigned n)
{
	static char name[32];

	snprintf(name, sizeof(name), "n%u.example.com", n);
	return name;
}

static int put(uint32_t guard, const char *name, const char *text)
{
	struct dns_body body = { .records = 1, .size = strlen(text) };

	return cache_put(cache, guard, name, DNS_A, &body, (const uint8_t *)text, UNTIL);
}

static bool has(uint32_t guard, unsigned n)
{
	return cache_find(cache, guard, name_of(n), DNS_A, 1);
}

static void fill(uint32_t guard, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(put(guard, name_of(i), "body"), 0);
}

static void an_answer_is_found_until_it_ends(void **state)
{
	const struct cache_entry *entry;

	(void)state;
	assert_null(cache_find(cache, 1, "a.example.com", DNS_A, 1));
	assert_int_equal(put(1, "a.example.com", "bytes"), 0);
	entry = cache_find(cache, 1, "a.example.com", DNS_A, UNTIL - 1);
	assert_non_null(entry);
	assert_int_equal(entry->body.size, 5);
	assert_int_equal(entry->body.records, 1);
	assert_memory_equal(entry->bytes, "bytes", 5);
	assert_string_equal(entry->name, "a.example.com");
	assert_int_equal(entry->until_ns, UNTIL);
	assert_int_equal(entry->asked_ns, UNTIL - 1);
	assert_int_equal(entry->hits, 1);
	assert_null(cache_find(cache, 1, "a.example.com", DNS_A, UNTIL));

	/* any other guard, name or type is another question */
	assert_null(cache_find(cache, 2, "a.example.com", DNS_A, 1));
	assert_null(cache_find(cache, 1, "b.example.com", DNS_A, 1));
	assert_null(cache_find(cache, 1, "a.example.com", DNS_AAAA, 1));
	assert_int_equal(cache_counts(cache)->found, 1);
	assert_int_equal(cache_counts(cache)->missed, 5);
}

static void the_next_answer_takes_the_place_of_the_last(void **state)
{
	const struct cache_entry *entry;

	(void)state;
	assert_int_equal(put(1, "a.example.com", "first"), 0);
	assert_int_equal(put(1, "a.example.com", "second one"), 0);
	assert_int_equal(cache_counts(cache)->entries, 1);
	assert_int_equal(cache_counts(cache)->added, 2);
	assert_int_equal(cache_counts(cache)->pushed_out, 0);
	entry = cache_find(cache, 1, "a.example.com", DNS_A, 1);
	assert_non_null(entry);
	assert_memory_equal(entry->bytes, "second one", 10);

	/* its own bytes and name, with another end */
	assert_int_equal(cache_put(cache, 1, entry->name, DNS_A, &entry->body, entry->bytes, 5000),
			 0);
	entry = cache_find(cache, 1, "a.example.com", DNS_A, 4999);
	assert_non_null(entry);
	assert_memory_equal(entry->bytes, "second one", 10);
}

static void an_empty_body_is_an_answer_and_one_that_is_too_large_is_not_kept(void **state)
{
	static uint8_t bytes[CACHE_BODY + 1];
	struct dns_body body = { .negative = true };

	(void)state;
	assert_int_equal(cache_put(cache, 1, "a", DNS_A, &body, NULL, UNTIL), 0);
	assert_true(cache_find(cache, 1, "a", DNS_A, 1)->body.negative);
	body.size = CACHE_BODY;
	assert_int_equal(cache_put(cache, 1, "a", DNS_A, &body, bytes, UNTIL), 0);
	assert_non_null(cache_find(cache, 1, "a", DNS_A, 1));
	body.size = CACHE_BODY + 1;
	assert_int_equal(cache_put(cache, 1, "a", DNS_A, &body, bytes, UNTIL), -E2BIG);
	assert_null(cache_find(cache, 1, "a", DNS_A, 1));
	assert_int_equal(cache_counts(cache)->entries, 0);
}

static void a_guard_at_its_limit_loses_what_it_asked_for_longest_ago(void **state)
{
	(void)state;
	fill(1, CACHE_PER_GUARD);
	assert_int_equal(cache_counts(cache)->pushed_out, 0);
	assert_true(has(1, 0)); /* so that it is not the oldest any more */
	assert_int_equal(put(1, "one.more", "body"), 0);
	assert_int_equal(cache_counts(cache)->entries, CACHE_PER_GUARD);
	assert_int_equal(cache_counts(cache)->pushed_out, 1);
	assert_true(has(1, 0));
	assert_false(has(1, 1));
	assert_true(has(1, 2));
}

static void a_flood_of_one_guard_is_bounded_and_takes_nothing_from_others(void **state)
{
	size_t before;

	(void)state;
	fill(2, 100);
	fill(1, CACHE_PER_GUARD);
	before = mallinfo2().uordblks;
	fill(1, 100000);
	assert_true(mallinfo2().uordblks < before + 100000);
	assert_int_equal(cache_counts(cache)->entries, CACHE_PER_GUARD + 100);
	for (unsigned i = 0; i < 100; i++)
		assert_true(has(2, i));
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(has(1, i), i >= 100000 - CACHE_PER_GUARD);
}

static void
in_a_full_cache_who_adds_loses_its_own_and_who_has_nothing_takes_from_the_largest(void **state)
{
	unsigned guards = CACHE_MAX / CACHE_PER_GUARD;

	(void)state;
	/* guard 1 is one short, so that guard 2 has the most; the last has one */
	for (unsigned guard = 1; guard <= guards; guard++)
		fill(guard, guard == 2 ? CACHE_PER_GUARD : CACHE_PER_GUARD - 1);
	fill(100, guards - 1);
	assert_int_equal(cache_counts(cache)->entries, CACHE_MAX);

	assert_int_equal(put(1, "one.more", "body"), 0);
	assert_false(has(1, 0));
	assert_true(has(1, 1));
	assert_true(has(2, 0));

	assert_int_equal(put(200, "first", "body"), 0);
	assert_true(has(2, 0)); /* asked for just now, so it is the next that goes */
	assert_false(has(2, 1));
	assert_int_equal(put(200, "second", "body"), 0);
	assert_null(cache_find(cache, 200, "first", DNS_A, 1));
	assert_non_null(cache_find(cache, 200, "second", DNS_A, 1));
	assert_int_equal(cache_counts(cache)->entries, CACHE_MAX);
	assert_int_equal(cache_counts(cache)->pushed_out, 3);
}

static void what_is_dropped_is_one_name_or_all_of_one_guard_or_of_all(void **state)
{
	struct dns_body body = {};

	(void)state;
	fill(1, 10);
	fill(2, 10);
	fill(3, 10);
	assert_int_equal(cache_put(cache, 1, name_of(5), DNS_AAAA, &body, NULL, UNTIL), 0);
	/* each type of it; and a name that is the entry's own */
	assert_int_equal(cache_drop(cache, 1, cache_find(cache, 1, name_of(5), DNS_A, 1)->name), 2);
	assert_false(has(1, 5));
	assert_true(has(2, 5));
	assert_int_equal(cache_drop(cache, 0, name_of(6)), 3);
	assert_int_equal(cache_drop(cache, 2, NULL), 9);
	assert_int_equal(cache_drop(cache, 2, NULL), 0);
	assert_true(has(1, 7));
	assert_int_equal(cache_drop(cache, 0, NULL), 8 + 9);
	assert_int_equal(cache_counts(cache)->entries, 0);
	fill(2, 10);
	assert_true(has(2, 5));
}

static void count(const struct cache_entry *entry, void *user)
{
	assert_int_equal(entry->guard, 1);
	++*(int *)user;
}

static void only_a_guards_own_entries_are_listed(void **state)
{
	int n = 0;

	(void)state;
	fill(1, 10);
	fill(2, 10);
	fill(1025, 10); /* beside guard 1 in the table of guards */
	cache_each(cache, 1, count, &n);
	assert_int_equal(n, 10);
	cache_each(cache, 4, count, &n);
	assert_int_equal(n, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(an_answer_is_found_until_it_ends),
		T(the_next_answer_takes_the_place_of_the_last),
		T(an_empty_body_is_an_answer_and_one_that_is_too_large_is_not_kept),
		T(a_guard_at_its_limit_loses_what_it_asked_for_longest_ago),
		T(a_flood_of_one_guard_is_bounded_and_takes_nothing_from_others),
		T(in_a_full_cache_who_adds_loses_its_own_and_who_has_nothing_takes_from_the_largest),
		T(what_is_dropped_is_one_name_or_all_of_one_guard_or_of_all),
		T(only_a_guards_own_entries_are_listed),
	};

	return cmocka_run_group_tests_name("dns cache", tests, NULL, NULL);
}
