// SPDX-License-Identifier: Apache-2.0
/* test_json.c - base/json.c: a writer that is safe on a terminal, a reader that is strict */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"

#define BYTES(text) text, sizeof(text) - 1

static void is_written(const char *bytes, size_t n, const char *text)
{
	_cleanup_json_ struct json json = {};

	json_add_bytes(&json, NULL, bytes, n);
	assert_string_equal(json_done(&json), text);
}

static void only_printable_ascii_leaves_the_writer(void **state)
{
	(void)state;
	is_written(BYTES("plain text/"), "\"plain text/\"");
	is_written(BYTES(""), "\"\"");
	is_written(BYTES("\"\\\n"), "\"\\\"\\\\\\n\"");
	is_written(BYTES("a\tb\x7f"), "\"a\\u0009b\\u007f\"");
	is_written(BYTES("\x1b[31m\0x"), "\"\\u001b[31m\\u0000x\"");
	is_written(BYTES("caf\xc3\xa9"), "\"caf\\u00e9\"");
	is_written(BYTES("\xe2\x80\xae"), "\"\\u202e\"");
	is_written(BYTES("\xf0\x9f\x98\x80"), "\"\\ud83d\\ude00\"");
	is_written(BYTES("\xf4\x8f\xbf\xbf"), "\"\\udbff\\udfff\"");
	/* a byte that is no UTF-8 is one replacement character */
	is_written(BYTES("\xff!"), "\"\\ufffd!\"");
	is_written(BYTES("\xe2\x80"), "\"\\ufffd\\ufffd\"");
	is_written(BYTES("\xc0\x80"), "\"\\ufffd\\ufffd\"");
	is_written(BYTES("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
	is_written(BYTES("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

static void commas_are_the_writers_business(void **state)
{
	_cleanup_json_ struct json json = {};

	(void)state;
	json_open_object(&json, NULL);
	json_open_array(&json, "empty");
	json_close_array(&json);
	json_open_array(&json, "list");
	json_add_int(&json, NULL, INT64_MIN);
	json_add_uint(&json, NULL, UINT64_MAX);
	json_open_object(&json, NULL);
	json_close_object(&json);
	json_open_object(&json, NULL);
	json_add_bool(&json, "yes", true);
	json_add_bool(&json, "no", false);
	json_close_object(&json);
	json_close_array(&json);
	json_add_null(&json, "a \"key\"");
	json_add_raw(&json, "raw", BYTES("[1,2]"));
	json_close_object(&json);
	assert_string_equal(json_done(&json),
			    "{\"empty\":[],\"list\":[-9223372036854775808,18446744073709551615,{},"
			    "{\"yes\":true,\"no\":false}],\"a \\\"key\\\"\":null,\"raw\":[1,2]}");
	json_reset(&json);
	json_add_string(&json, NULL, "anew");
	assert_string_equal(json_done(&json), "\"anew\"");
}

static void an_error_sticks_until_the_end(void **state)
{
	_cleanup_free_ char *much = calloc(1, JSON_LIMIT);
	_cleanup_json_ struct json json = {};

	(void)state;
	assert_non_null(much);
	memset(much, '1', JSON_LIMIT - 1);
	json_add_raw(&json, NULL, much, JSON_LIMIT - 1);
	assert_string_equal(json_done(&json), much);
	json_reset(&json);
	json_add_raw(&json, NULL, much, JSON_LIMIT);
	json_add_int(&json, NULL, 1);
	assert_null(json_done(&json));
	assert_null(json_done(&json));
	json_reset(&json);
	json_add_int(&json, NULL, 1);
	assert_string_equal(json_done(&json), "1");
}

static int read_bytes(const char *text, size_t n)
{
	_cleanup_(json_putp) struct json_object *object = NULL;

	return json_parse(text, n, &object);
}

#define READ(text) read_bytes(BYTES(text))

static void what_is_json_is_read(void **state)
{
	_cleanup_(json_putp) struct json_object *object = NULL;

	(void)state;
	assert_int_equal(READ("{}"), 0);
	assert_int_equal(READ(" [1, 2.5, -3, true, null] \r\n\t"), 0);
	assert_int_equal(READ("7"), 0);
	assert_int_equal(READ("-1.5e3"), 0);
	assert_int_equal(READ("\"caf\xc3\xa9\""), 0);
	assert_int_equal(READ("null"), 0);
	assert_int_equal(READ("true "), 0);
	assert_int_equal(json_parse(BYTES("{\"a\":\"\\u00e9\\u0000z\"}"), &object), 0);
	assert_int_equal(json_object_get_string_len(json_object_object_get(object, "a")), 4);
	assert_memory_equal(json_object_get_string(json_object_object_get(object, "a")),
			    "\xc3\xa9\0z", 4);
	assert_int_equal(read_bytes("{}garbage", 2), 0); /* @size rules */
}

static void what_is_almost_json_is_not_read(void **state)
{
	(void)state;
	assert_true(READ(""));
	assert_true(READ(" "));
	assert_true(READ("{"));
	assert_true(READ("[1,"));
	assert_true(READ("\"open"));
	assert_true(READ("tru"));
	assert_true(READ("-"));
	assert_true(READ("{} x"));
	assert_true(READ("{}{}"));
	assert_true(READ("7 7"));
	assert_true(READ("7\0"));
	assert_true(READ("{}\0"));
	assert_true(READ("[1,]"));
	assert_true(READ("{\"a\":1,}"));
	assert_true(READ("{a:1}"));
	assert_true(READ("'a'"));
	assert_true(READ("{'a':1}"));
	assert_true(READ("TRUE"));
	assert_true(READ("\"a\nb\"")); /* a control character as it is */
	assert_int_equal(READ("\"a\\nb\\\\\""), 0);
	assert_true(READ("/* no */ 1"));
	assert_true(READ("[1 /* no */]"));
	assert_true(READ("[1] // no"));
}

static void no_number_is_no_number(void **state)
{
	(void)state;
	assert_true(READ("NaN"));
	assert_true(READ("[NaN]"));
	assert_true(READ("Infinity"));
	assert_true(READ("[-Infinity]"));
	assert_int_equal(READ("[1]"), 0);
}

static void a_number_has_digits_on_both_sides_of_its_dot(void **state)
{
	static const char *const none[] = {
		"1.", "-1.", "1.e5", ".5",    "-.5",   "01",    "-01",  "00",  "-",    "--1", "+1",
		"1e", "1e+", "1e-",  "1.5.5", "1e5e5", "1e1.5", "0x10", "1-2", "1 .5", "- 1"
	};
	static const char *const one[] = { "0",     "-0",  "10",    "0.5",
					   "-0.05", "1e5", "1E+05", "1.25e-0" };
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_true(read_bytes(none[i], strlen(none[i])));
		snprintf(text, sizeof(text), "{\"a\":[%s]}", none[i]);
		assert_true(read_bytes(text, strlen(text)));
	}
	for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
		assert_int_equal(read_bytes(one[i], strlen(one[i])), 0);
		snprintf(text, sizeof(text), "{\"a\":[%s,%s]}", one[i], one[i]);
		assert_int_equal(read_bytes(text, strlen(text)), 0);
	}
}

static void a_key_does_not_end_before_its_quote(void **state)
{
	(void)state;
	assert_true(READ("{\"method\\u0000x\":1}"));
	assert_true(READ("{\"a\":{\"\\u0000\" : 1}}"));
	assert_int_equal(READ("{\"a\\\\u0000\":\"\\u0000\",\"b\":\":\"}"), 0);
}

static void text_that_is_no_utf8_is_not_read(void **state)
{
	(void)state;
	assert_true(READ("\"\xff\""));
	assert_true(READ("\"\xc3\""));
	assert_true(READ("\"\xc3(\""));
	assert_true(READ("{\"\x80\":1}"));
	assert_true(READ("\"\xc0\x80\""));         /* overlong */
	assert_true(READ("\"\xe0\x80\xaf\""));     /* overlong */
	assert_true(READ("\"\xed\xa0\x80\""));     /* a surrogate */
	assert_true(READ("\"\xf4\x90\x80\x80\"")); /* beyond U+10FFFF */
	assert_int_equal(READ("\"\xef\xbf\xbd\xf4\x8f\xbf\xbf\""), 0);
}

static void depth_has_an_end(void **state)
{
	char text[2 * (JSON_DEPTH + 1)];

	(void)state;
	for (int depth = JSON_DEPTH; depth <= JSON_DEPTH + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(!read_bytes(text, 2 * depth), depth == JSON_DEPTH);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_printable_ascii_leaves_the_writer),
		cmocka_unit_test(commas_are_the_writers_business),
		cmocka_unit_test(an_error_sticks_until_the_end),
		cmocka_unit_test(what_is_json_is_read),
		cmocka_unit_test(what_is_almost_json_is_not_read),
		cmocka_unit_test(no_number_is_no_number),
		cmocka_unit_test(a_number_has_digits_on_both_sides_of_its_dot),
		cmocka_unit_test(a_key_does_not_end_before_its_quote),
		cmocka_unit_test(text_that_is_no_utf8_is_not_read),
		cmocka_unit_test(depth_has_an_end),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
