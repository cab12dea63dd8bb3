// SPDX-License-Identifier: Apache-2.0
/* test_json_scan.c - base/json_scan.c: members in place, the same grammar as json_parse() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/json_scan.h"

#define BYTES(text) text, sizeof(text) - 1

/* What was told, as "key=value;" with a letter for the type. */
static char told[512];

static void tell(const struct json_span *key, const struct json_span *value, void *user)
{
	static const char letters[] = "nbdioas"; /* of enum json_type, in its order */
	char text[64];

	(void)user;
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%.*s=%c%.*s;",
		 (int)json_span_text(key, text, sizeof(text)), text, letters[value->type],
		 (int)value->n, value->text);
}

static const char *scanned(const char *text)
{
	*told = '\0';
	return json_scan(text, strlen(text), tell, NULL) ? "refused" : told;
}

static void members_are_told_in_their_order(void **state)
{
	(void)state;
	assert_string_equal(scanned("{}"), "");
	assert_string_equal(scanned(" { \"a\" : \"b\" , \"a\":1\t}\r\n"), "a=sb;a=i1;");
	assert_string_equal(scanned("{\"o\":{\"x\":[1,{}]},\"l\":[],\"t\":true,\"n\":null}"),
			    "o=o{\"x\":[1,{}]};l=a[];t=btrue;n=nnull;");
	assert_string_equal(scanned("{\"i\":-12,\"d\":0.5,\"e\":1E9,\"s\":\"x\\ny\"}"),
			    "i=i-12;d=d0.5;e=d1E9;s=sx\\ny;");
}

static void tell_value(const struct json_span *value, void *user)
{
	static const struct json_span none = { "", 0, json_type_string, false };

	tell(&none, value, user);
}

static const char *each(const char *text)
{
	*told = '\0';
	return json_each(text, strlen(text), tell_value, NULL) ? "refused" : told;
}

static void values_of_an_array_are_told_in_their_order(void **state)
{
	(void)state;
	assert_string_equal(each(" [ ]\n"), "");
	assert_string_equal(each("[1,\"a\", {\"b\":[2]} ,[3],null]"),
			    "=i1;=sa;=o{\"b\":[2]};=a[3];=nnull;");
	assert_string_equal(each("{}"), "refused");
	assert_string_equal(each("[1,]"), "refused");
	assert_string_equal(each("[1]]"), "refused");
	assert_string_equal(each("[1"), "refused");
}

static void where_it_is_wrong_is_told(void **state)
{
	(void)state;
	assert_int_equal(json_wrong(BYTES("{\"a\":1}")), 7);
	assert_int_equal(json_wrong(BYTES("{\"a\":1} x")), 8);
	assert_int_equal(json_wrong(BYTES("{\"a\":1,}")), 7);
	assert_int_equal(json_wrong(BYTES("[1,\n2,\nx]")), 7);
	assert_int_equal(json_wrong(BYTES("")), 0);
	assert_int_equal(json_wrong(BYTES("{\"a\":")), 5);
}

static void only_one_whole_object_is_one(void **state)
{
	const char *const wrong[] = { "",
				      "[]",
				      "1",
				      "{",
				      "{}x",
				      "{} {}",
				      "{\"a\"}",
				      "{\"a\":}",
				      "{\"a\":1,}",
				      "{,}",
				      "{\"a\":1 \"b\":2}",
				      "{\"a\":[1}",
				      "{\"a\":[1,]}",
				      "{\"a\":tru}",
				      "{\"a\":truefalse}",
				      "{\"a\":01}",
				      "{\"a\":\"x}",
				      "{a:1}",
				      "{\"a\":\"\\x\"}",
				      "{\"a\":\"\\u12g4\"}",
				      "{\"a\":\"\\",
				      "{\"a\\u0000b\":1}",
				      "{\"a\":\"\t\"}",
				      "{\"a\":\"\xff\"}",
				      "\xef\xbb\xbf{}" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_string_equal(scanned(wrong[i]), "refused");
	/* a backslash that is written, and then u0000, is none of it */
	assert_string_equal(scanned("{\"a\\\\u0000\":1}"), "a\\u0000=i1;");
}

static void escapes_are_resolved(void **state)
{
	struct json_span span = { .type = json_type_string, .escaped = true };
	static const char text[] = "a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00|"
				   "\\ud83dx\\ude00\\u0000.",
			  want[] = "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80|"
				   "\xef\xbf\xbdx\xef\xbf\xbd\0.";
	char buf[64];

	(void)state;
	span.text = text;
	span.n = sizeof(text) - 1;
	assert_int_equal(json_span_text(&span, buf, sizeof(buf)), sizeof(want) - 1);
	assert_memory_equal(buf, want, sizeof(want) - 1);
	for (size_t size = 0; size < sizeof(want) - 1; size++)
		assert_true(json_span_text(&span, buf, size) <= size);
}

static void a_key_is_what_it_says_however_it_is_written(void **state)
{
	struct json_span plain = { BYTES("type"), json_type_string, false },
			 other = { BYTES("\\u0074yp\\u0065"), json_type_string, true },
			 number = { BYTES("1"), json_type_int, false };

	(void)state;
	assert_true(json_span_is(&plain, "type"));
	assert_true(json_span_is(&other, "type"));
	assert_false(json_span_is(&plain, "typ"));
	assert_false(json_span_is(&other, "types"));
	assert_false(json_span_is(&number, "1"));
}

static void depth_has_an_end_where_the_tree_has_it(void **state)
{
	char text[4 * JSON_DEPTH + 32];

	(void)state;
	for (int depth = 1; depth <= JSON_DEPTH + 1; depth++) {
		struct json_object *tree = NULL;
		int n, seen;

		strcpy(text, "{\"a\":");
		for (int i = 1; i < depth; i++)
			strcat(text, "[");
		strcat(text, "1");
		for (int i = 1; i < depth; i++)
			strcat(text, "]");
		strcat(text, "}");
		n = (int)strlen(text);
		seen = json_scan(text, n, tell, NULL);
		*told = '\0';
		assert_int_equal(!seen, depth < JSON_DEPTH);
		assert_int_equal(!json_parse(text, n, &tree), depth < JSON_DEPTH);
		json_object_put(tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_told_in_their_order),
		cmocka_unit_test(values_of_an_array_are_told_in_their_order),
		cmocka_unit_test(where_it_is_wrong_is_told),
		cmocka_unit_test(only_one_whole_object_is_one),
		cmocka_unit_test(escapes_are_resolved),
		cmocka_unit_test(a_key_is_what_it_says_however_it_is_written),
		cmocka_unit_test(depth_has_an_end_where_the_tree_has_it),
	};

	return cmocka_run_group_tests_name("json_scan", tests, NULL, NULL);
}
