// SPDX-License-Identifier: Apache-2.0
/* test_dns_name.c - dns/name.c: wire and text, limits, pointers, children, numbers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dns/name.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Read from a copy that ends where the bytes end. */
static int name_read(const void *bytes, size_t size, size_t *at, char ret[static DNS_NAME_LEN])
{
	uint8_t *copy = malloc(size ?: 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	r = dns_name_read(copy, size, at, ret);
	free(copy);
	return r;
}

static void reads(const void *bytes, size_t size, size_t at, const char *text, size_t behind)
{
	char name[DNS_NAME_LEN];

	if (name_read(bytes, size, &at, name))
		fail_msg("'%s' was refused", text);
	assert_string_equal(name, text);
	assert_int_equal(at, behind);
}

static void refuses(const void *bytes, size_t size, size_t at)
{
	char name[DNS_NAME_LEN] = "untouched";

	assert_int_equal(name_read(bytes, size, &at, name), -EBADMSG);
	assert_string_equal(name, "");
}

static void a_name_is_read_in_lower_case_with_dots_between(void **state)
{
	(void)state;
	reads("\3wWw\7EXAMPLE\3oRg", 17, 0, "www.example.org", 17);
	reads("\5_x-09\0rest", 11, 0, "_x-09", 7);
	reads("xx\1a\0", 5, 2, "a", 5);
	reads("\7xn--e1a", 9, 0, "xn--e1a", 9);
}

static void what_is_no_host_name_is_read_as_nothing(void **state)
{
	static const char odd[] = "\0.* \\/@[`{\x80\xff\n";

	(void)state;
	reads("", 1, 0, "", 1); /* the root */
	for (size_t i = 0; i < sizeof(odd) - 1; i++) {
		char wire[] = "\1a\3x?z\3org";

		wire[4] = odd[i];
		reads(wire, sizeof(wire), 0, "", sizeof(wire));
	}
}

static void each_cut_of_a_name_is_refused(void **state)
{
	static const char wire[] = "\3www\7example\3org";
	static const char pointer[] = "\1a\0\1b\xc0";

	(void)state;
	for (size_t size = 0; size < sizeof(wire); size++)
		refuses(wire, size, 0);
	refuses(wire, sizeof(wire), sizeof(wire));
	reads(pointer, sizeof(pointer), 3, "b.a", 7);
	for (size_t size = 3; size < sizeof(pointer); size++)
		refuses(pointer, size, 3);
}

/* @labels of @length bytes each and one of @last, if any; its size. */
static size_t long_name(uint8_t *out, unsigned labels, unsigned length, unsigned last)
{
	size_t n = 0;

	for (unsigned i = 0; i <= labels; i++) {
		unsigned size = i < labels ? length : last;

		if (!size)
			continue;
		out[n] = size;
		memset(out + n + 1, 'a', size);
		n += 1 + size;
	}
	out[n] = 0;
	return n + 1;
}

static void names_and_labels_have_their_lengths_and_not_a_byte_more(void **state)
{
	uint8_t wire[400] = {};
	char name[DNS_NAME_LEN];
	size_t at = 0;

	(void)state;
	assert_int_equal(long_name(wire, 3, 63, 61), DNS_WIRE_MAX);
	assert_int_equal(name_read(wire, sizeof(wire), &at, name), 0);
	assert_int_equal(at, DNS_WIRE_MAX);
	assert_int_equal(strlen(name), DNS_NAME_MAX);
	assert_int_equal(long_name(wire, 3, 63, 62), DNS_WIRE_MAX + 1);
	refuses(wire, sizeof(wire), 0);

	at = 0;
	assert_int_equal(long_name(wire, 127, 1, 0), DNS_WIRE_MAX);
	assert_int_equal(name_read(wire, sizeof(wire), &at, name), 0);
	assert_int_equal(strlen(name), DNS_NAME_MAX);
	long_name(wire, 128, 1, 0);
	refuses(wire, sizeof(wire), 0);
}

static void reserved_types_of_label_are_refused(void **state)
{
	uint8_t wire[300] = {};

	(void)state;
	for (unsigned length = DNS_LABEL_MAX + 1; length < 0xc0; length++) {
		long_name(wire, 1, length, 0);
		refuses(wire, sizeof(wire), 0);
	}
}

static void a_pointer_leads_backwards_to_a_name_or_its_end(void **state)
{
	/* 0 a.b, 5 c -> 0, 9 -> 5, 11 d -> 2 */
	static const char wire[] = "\1a\1b\0\1c\xc0\0\xc0\5\1d\xc0\2";

	(void)state;
	reads(wire, sizeof(wire), 5, "c.a.b", 9);
	reads(wire, sizeof(wire), 9, "c.a.b", 11);
	reads(wire, sizeof(wire), 11, "d.b", 15);
}

static void a_pointer_to_itself_or_forwards_is_refused(void **state)
{
	(void)state;
	refuses("\xc0\0", 2, 0);
	refuses("\1a\0\xc0\3", 5, 3);
	refuses("\xc0\2\1a\0", 5, 0);
	refuses("\1a\xc0\0", 4, 0); /* to the beginning of the piece that it ends */
	refuses("\1a\xc0\2", 4, 0);
	refuses("\xc0\2\xc0\0", 4, 2); /* to and fro */
	refuses("\1a\0\xff\xff", 5, 3);
}

static void a_name_in_pieces_is_no_longer_than_others(void **state)
{
	uint8_t wire[1024] = {};
	size_t n = long_name(wire, 3, 63, 0), at;
	char name[DNS_NAME_LEN];

	(void)state;
	for (unsigned size = 61; size <= 62; size++) {
		at = n;
		wire[n] = size;
		memset(wire + n + 1, 'b', size);
		memcpy(wire + n + 1 + size, "\xc0", 2);
		if (size == 62) {
			refuses(wire, sizeof(wire), n);
			continue;
		}
		assert_int_equal(name_read(wire, sizeof(wire), &at, name), 0);
		assert_int_equal(strlen(name), DNS_NAME_MAX);
		assert_int_equal(at, n + 1 + size + 2);
	}
}

static void mere_pointers_are_followed_as_often_as_a_name_has_labels(void **state)
{
	uint8_t wire[3 + 2 * 1000] = "\1a";

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		unsigned to = i ? 3 + 2 * (i - 1) : 0;

		wire[3 + 2 * i] = 0xc0 | to >> 8;
		wire[4 + 2 * i] = to;
	}
	reads(wire, sizeof(wire), 3 + 2 * 126, "a", 3 + 2 * 127);
	refuses(wire, sizeof(wire), 3 + 2 * 127);
	refuses(wire, sizeof(wire), 3 + 2 * 999);
}

static void what_is_written_is_read_as_the_same(void **state)
{
	static const char *const names[] = { "a", "www.example.org", "_443._tcp.x-y", "0.1", "-" };
	uint8_t wire[DNS_WIRE_MAX], room[DNS_WIRE_MAX];
	char longest[DNS_NAME_LEN];
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++) {
		size_t n = strlen(names[i]) + 2;

		assert_int_equal(dns_name_write(wire, sizeof(wire), names[i]), n);
		reads(wire, n, 0, names[i], n);
		for (size_t less = 0; less < n; less++)
			assert_int_equal(dns_name_write(room, less, names[i]), -ENOSPC);
	}
	long_name(wire, 3, 63, 61);
	assert_int_equal(name_read(wire, sizeof(wire), &at, longest), 0);
	assert_int_equal(dns_name_write(room, sizeof(room), longest), DNS_WIRE_MAX);
	assert_memory_equal(room, wire, DNS_WIRE_MAX);
}

static void what_is_not_canonical_is_not_written(void **state)
{
	static const char *const bad[] = { "",    ".",   ".a",  "a.",       "a..b", "A",
					   "a b", "*.a", "a\n", "\xc3\xa4", "a\\b" };
	uint8_t wire[400];
	char text[300];

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (dns_name_write(wire, sizeof(wire), bad[i]) != -EINVAL)
			fail_msg("'%s' was written", bad[i]);
	memset(text, 'a', sizeof(text));
	text[63] = '\0';
	assert_int_equal(dns_name_write(wire, sizeof(wire), text), 65);
	text[63] = 'a';
	text[64] = '\0';
	assert_int_equal(dns_name_write(wire, sizeof(wire), text), -EINVAL);
	text[64] = 'a';
	for (unsigned i = 50; i < sizeof(text); i += 50)
		text[i] = '.';
	text[254] = '\0';
	assert_int_equal(dns_name_write(wire, sizeof(wire), text), -EINVAL);
	text[253] = '\0';
	assert_int_equal(dns_name_write(wire, sizeof(wire), text), DNS_WIRE_MAX);
}

static void a_child_is_below_at_any_depth_and_the_zone_itself_is_not(void **state)
{
	(void)state;
	assert_true(dns_name_is_below("a.example.org", "example.org"));
	assert_true(dns_name_is_below("a.b.example.org", "example.org"));
	assert_true(dns_name_is_below("a.b", "b"));
	assert_false(dns_name_is_below("example.org", "example.org"));
	assert_false(dns_name_is_below("badexample.org", "example.org"));
	assert_false(dns_name_is_below("org", "example.org"));
	assert_false(dns_name_is_below("a.example.net", "example.org"));
	assert_false(dns_name_is_below("a.example.org", "")); /* nobody means all of it */
	assert_false(dns_name_is_below("", "org"));
	assert_false(dns_name_is_below("", ""));
}

static void the_number_of_a_name_is_fnv_1a(void **state)
{
	(void)state;
	assert_true(dns_name_hash("") == UINT64_C(0xcbf29ce484222325));
	assert_true(dns_name_hash("a") == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(dns_name_hash("foobar") == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_read_in_lower_case_with_dots_between),
		cmocka_unit_test(what_is_no_host_name_is_read_as_nothing),
		cmocka_unit_test(each_cut_of_a_name_is_refused),
		cmocka_unit_test(names_and_labels_have_their_lengths_and_not_a_byte_more),
		cmocka_unit_test(reserved_types_of_label_are_refused),
		cmocka_unit_test(a_pointer_leads_backwards_to_a_name_or_its_end),
		cmocka_unit_test(a_pointer_to_itself_or_forwards_is_refused),
		cmocka_unit_test(a_name_in_pieces_is_no_longer_than_others),
		cmocka_unit_test(mere_pointers_are_followed_as_often_as_a_name_has_labels),
		cmocka_unit_test(what_is_written_is_read_as_the_same),
		cmocka_unit_test(what_is_not_canonical_is_not_written),
		cmocka_unit_test(a_child_is_below_at_any_depth_and_the_zone_itself_is_not),
		cmocka_unit_test(the_number_of_a_name_is_fnv_1a),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
