// SPDX-License-Identifier: Apache-2.0
/* test_sanitise.c - base/sanitise.c: what a container chose, as people may be shown it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/sanitise.h"

#define BYTES(text) text, sizeof(text) - 1

static void is_shown(const char *text, size_t n, size_t max, const char *shown)
{
	char buf[SANITISE_MAX + 8];

	memset(buf, '#', sizeof(buf));
	assert_ptr_equal(sanitise(buf, max, text, n), buf);
	assert_string_equal(buf, shown);
	assert_true(strlen(shown) <= max);
	assert_int_equal(buf[max + 1], '#'); /* nothing behind max + 1 bytes */
}

static void printable_ascii_stays(void **state)
{
	char all[0x7f - 0x20 + 1] = "";

	(void)state;
	for (int i = 0x20; i < 0x7f; i++)
		all[i - 0x20] = i;
	is_shown(all, sizeof(all) - 1, SANITISE_MAX, all);
	is_shown("", 0, SANITISE_MAX, "");
	is_shown("abc", 2, SANITISE_MAX, "ab"); /* @n rules, not the NUL */
}

static void any_other_code_point_becomes_one_space(void **state)
{
	(void)state;
	is_shown(BYTES("caf\xc3\xa9"), SANITISE_MAX, "caf ");
	is_shown(BYTES("evil\x1b[31mfake\0.example.com"), SANITISE_MAX,
		 "evil [31mfake .example.com");
	is_shown(BYTES("a\xe2\x80\xaetxt"), SANITISE_MAX, "a txt"); /* U+202E turns text around */
	is_shown(BYTES("a\x7f"
		       "b"),
		 SANITISE_MAX, "a b");
	is_shown(BYTES("a\r\n\tb"), SANITISE_MAX, "a   b");
	is_shown(BYTES("\xf0\x9f\x98\x80!"), SANITISE_MAX, " !");
	is_shown(BYTES("\xc2\x9b!"), SANITISE_MAX, " !"); /* CSI in one code point */
}

static void bytes_that_are_no_utf8_become_a_space_each(void **state)
{
	(void)state;
	is_shown(BYTES("\xff\xfe!"), SANITISE_MAX, "  !");
	is_shown(BYTES("\x80!"), SANITISE_MAX, " !");
	is_shown(BYTES("\xc3(!"), SANITISE_MAX, " (!");
	is_shown(BYTES("\xe2\x80"), SANITISE_MAX, "  ");             /* cut short */
	is_shown(BYTES("\xc0\xaf!"), SANITISE_MAX, "  !");           /* overlong */
	is_shown(BYTES("\xe0\x80\xaf!"), SANITISE_MAX, "   !");      /* overlong */
	is_shown(BYTES("\xed\xa0\x80!"), SANITISE_MAX, "   !");      /* a surrogate */
	is_shown(BYTES("\xf4\x90\x80\x80!"), SANITISE_MAX, "    !"); /* beyond U+10FFFF */
}

static void a_longer_text_ends_in_three_dots(void **state)
{
	char many[1000];

	(void)state;
	memset(many, 'x', sizeof(many));
	is_shown(many, 10, 10, "xxxxxxxxxx"); /* exactly max: unchanged */
	is_shown(many, 11, 10, "xxxxxxx...");
	is_shown(many, sizeof(many), 10, "xxxxxxx...");
	is_shown(many, sizeof(many), 4, "x...");
	is_shown(many, sizeof(many), 3, "...");
	is_shown(many, sizeof(many), 2, "..");
	is_shown(many, sizeof(many), 1, ".");
	is_shown(many, sizeof(many), 0, "");
	/* characters count, not bytes */
	is_shown(BYTES("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"), 4, "    ");
	is_shown(BYTES("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"), 4, " ...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable_ascii_stays),
		cmocka_unit_test(any_other_code_point_becomes_one_space),
		cmocka_unit_test(bytes_that_are_no_utf8_become_a_space_each),
		cmocka_unit_test(a_longer_text_ends_in_three_dots),
	};

	return cmocka_run_group_tests_name("sanitise", tests, NULL, NULL);
}
