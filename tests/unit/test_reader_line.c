// SPDX-License-Identifier: Apache-2.0
/* test_reader_line.c - hub/reader_line.c: which lines are some, and what is made of them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hub/reader_line.h"

#define PENDING(more) "{\"type\":\"pending\",\"container\":\"c1\",\"id\":\"c1:1\"," more "}"
#define FLOW          "\"dest\":\"198.51.100.1\",\"port\":443,\"proto\":6"
#define EXITED(more)  "{\"type\":\"container_exited\",\"container\":\"c1\"" more "}"

static struct reader_line line;
static struct problem why;

static int parse(const char *text)
{
	why.text[0] = '\0';
	return reader_line_parse(text, strlen(text), &line, &why);
}

static void is_refused(const char *text, const char *said)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(why.text, said));
}

static const char *dossier_get(const char *key)
{
	for (unsigned i = 0; i < line.dossier.n; i++)
		if (!strcmp(line.dossier.entry[i].key, key))
			return line.dossier.entry[i].value;
	return NULL;
}

static void a_pending_line_is_a_blocked_connection_with_all_it_says(void **state)
{
	(void)state;
	for (int alias = 0; alias < 2; alias++) {
		char text[256];

		snprintf(text, sizeof(text),
			 "{\"type\":\"%s\",\"container\":\"c1\",\"id\":\"c1:1\"," FLOW
			 ",\"domain\":\"example.com\",\"dossier\":{\"task\":\"t\"},\"ts\":\"now\"}",
			 alias ? "connection_blocked" : "pending");
		assert_int_equal(parse(text), 0);
		assert_string_equal(reader_type_name(line.type), "connection_blocked");
		assert_string_equal(line.container, "c1");
		assert_string_equal(line.id, "c1:1");
		assert_string_equal(line.dest, "198.51.100.1");
		assert_int_equal(line.port, 443);
		assert_int_equal(line.proto, 6);
		assert_string_equal(line.domain, "example.com");
		assert_string_equal(dossier_get("task"), "t");
		assert_int_equal(line.dossier.n, 1);
	}
}

static void every_other_type_is_told_by_its_name(void **state)
{
	static const struct {
		const char *said, *told;
	} types[] = {
		{ "container_started", "container_started" },
		{ "container_exited", "container_exited" },
		{ "shield_up", "shield_up" },
		{ "shield_down", "shield_down" },
		{ "shield_disengaged", "shield_disengaged" },
		{ "shield_down_all", "shield_disengaged" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		char text[128];

		snprintf(text, sizeof(text),
			 "{\"type\":\"%s\",\"container\":\"c1\",\"dest\":\"x\",\"dossier\":{\"a\":"
			 "\"b\"}}",
			 types[i].said);
		assert_int_equal(parse(text), 0);
		assert_string_equal(reader_type_name(line.type), types[i].told);
		assert_string_equal(line.dest, "");
		assert_string_equal(dossier_get("a"), "b");
	}
}

static void a_reason_comes_with_an_exit_only(void **state)
{
	(void)state;
	assert_int_equal(parse(EXITED(",\"reason\":\"poststop\"")), 0);
	assert_string_equal(line.reason, "poststop");
	assert_int_equal(parse(EXITED("")), 0);
	assert_string_equal(line.reason, "");
	assert_int_equal(parse("{\"type\":\"shield_up\",\"container\":\"\",\"reason\":\"x\"}"), 0);
	assert_string_equal(line.reason, "");
	assert_string_equal(line.container, "");
}

static void types_that_no_reader_has_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"type\":\"verdict_applied\",\"container\":\"c1\"}"), -ENOMSG);
	assert_int_equal(parse("{\"type\":\"Pending\",\"container\":\"c1\"}"), -ENOMSG);
	assert_int_equal(parse("{\"container\":\"c1\"}"), -ENOMSG);
	assert_int_equal(parse("{\"type\":null}"), -ENOMSG);
	assert_int_equal(parse("{}"), -ENOMSG);
}

static void what_is_no_object_is_refused_and_a_blank_line_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(parse(""), -ENODATA);
	assert_int_equal(parse(" \t\r"), -ENODATA);
	is_refused("{", "no JSON object");
	is_refused("[1]", "no JSON object");
	is_refused("\"pending\"", "no JSON object");
	is_refused("null", "no JSON object");
	is_refused("{\"type\":\"pending\xff\"}", "no JSON object");
	is_refused("{\"type\":[\"pending\"]}", "type is no text");
	is_refused("{\"type\":{}}", "type is no text");
	assert_int_equal(parse("\xef\xbb\xbf" EXITED("") "\r"), 0);
}

static void what_is_required_must_be_there(void **state)
{
	(void)state;
	is_refused("{\"type\":\"shield_up\"}", "no container");
	is_refused("{\"type\":\"shield_up\",\"container\":null}", "no container");
	is_refused("{\"type\":\"shield_up\",\"container\":[\"c1\"]}", "container is no text");
	is_refused("{\"type\":\"pending\",\"container\":\"c1\"," FLOW "}", "no id");
	is_refused(PENDING("\"port\":443,\"proto\":6"), "no dest");
	is_refused(PENDING("\"dest\":\"d\",\"proto\":6"), "no port");
	is_refused(PENDING("\"dest\":\"d\",\"port\":443"), "no proto");
	is_refused(PENDING(FLOW ",\"domain\":{}"), "domain is no text");
}

static void a_domain_that_is_null_is_none(void **state)
{
	(void)state;
	assert_int_equal(parse(PENDING(FLOW ",\"domain\":null")), 0);
	assert_string_equal(line.domain, "");
	assert_int_equal(parse(PENDING(FLOW)), 0);
	assert_string_equal(line.domain, "");
}

static void texts_may_be_numbers_and_numbers_texts(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"type\":\"pending\",\"container\":12,\"id\":1.5,\"dest\":true,"
			       "\"port\":\"443\",\"proto\":6.9}"),
			 0);
	assert_string_equal(line.container, "12");
	assert_string_equal(line.id, "1.5");
	assert_string_equal(line.dest, "True");
	assert_int_equal(line.port, 443);
	assert_int_equal(line.proto, 6);
	assert_int_equal(parse(PENDING("\"dest\":\"d\",\"port\":true,\"proto\":1.7e1")), 0);
	assert_int_equal(line.port, 1);
	assert_int_equal(line.proto, 17);
}

static void ports_and_protocols_have_their_range(void **state)
{
	static const char *const wrong[] = {
		"-1",     "65536", "1e20",      "100000000000000000000000000000000000",
		"\"x\"",  "\"\"",  "\"-1\"",    "\"0x10\"",
		"\" 1\"", "[]",    "\"65536\"", "{\"a\":1}",
	};
	char text[256];

	(void)state;
	assert_int_equal(parse(PENDING("\"dest\":\"d\",\"port\":65535,\"proto\":255")), 0);
	assert_int_equal(line.port, 65535);
	assert_int_equal(line.proto, 255);
	assert_int_equal(parse(PENDING("\"dest\":\"d\",\"port\":0,\"proto\":0")), 0);
	is_refused(PENDING("\"dest\":\"d\",\"port\":0,\"proto\":256"), "0 to 255");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(text, sizeof(text),
			 "{\"type\":\"pending\",\"container\":\"c\",\"id\":\"i\",\"dest\":\"d\","
			 "\"port\":%s,\"proto\":6}",
			 wrong[i]);
		is_refused(text, "port");
	}
}

static void texts_are_printable_and_of_bounded_length(void **state)
{
	char text[2048], want[SANITISE_MAX + 1];

	(void)state;
	assert_int_equal(parse(PENDING(FLOW ",\"domain\":\"evil\\u001b[31mfake\\u0000.example\"")),
			 0);
	assert_string_equal(line.domain, "evil [31mfake .example");
	assert_int_equal(parse("{\"type\":\"shield_up\",\"container\":\"a\\u202eb\\nc\x7f\xc3\xa9"
			       "<&>\\ud83d\\ude00!\"}"),
			 0);
	assert_string_equal(line.container, "a b c  <&> !");

	/* a text that is cut, also where each of its characters is an escape */
	for (int escaped = 0; escaped < 2; escaped++) {
		int n = sprintf(text, "{\"type\":\"shield_up\",\"container\":\"");

		for (int i = 0; i < SANITISE_MAX + 1; i++)
			n += sprintf(text + n, escaped ? "\\u0078" : "x");
		strcpy(text + n, "\"}");
		memset(want, 'x', SANITISE_MAX);
		strcpy(want + SANITISE_MAX - 3, "...");
		assert_int_equal(parse(text), 0);
		assert_string_equal(line.container, want);
	}
}

static void a_dossier_is_an_object_of_texts_or_empty(void **state)
{
	static const char *const none[] = { "null", "[]", "[\"a\"]", "\"a\"", "1", "{}" };
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		snprintf(text, sizeof(text),
			 "{\"type\":\"shield_up\",\"container\":\"c1\",\"dossier\":%s}", none[i]);
		assert_int_equal(parse(text), 0);
		assert_int_equal(line.dossier.n, 0);
	}
	assert_int_equal(parse(EXITED("")), 0);
	assert_int_equal(line.dossier.n, 0);
	assert_int_equal(parse(EXITED(",\"dossier\":{\"n\":12,\"t\":true,\"z\":null,\"v\":\"a\\nb"
				      "\xc3\xa9\",\"l\":[1,2],\"k\xc3\xa9y\\n\":\"x\",\"n\":13}")),
			 0);
	assert_string_equal(dossier_get("n"), "13");
	assert_string_equal(dossier_get("t"), "True");
	assert_string_equal(dossier_get("z"), "None");
	assert_string_equal(dossier_get("v"), "a b ");
	assert_string_equal(dossier_get("l"), "[1,2]");
	assert_string_equal(dossier_get("k\xc3\xa9y\n"), "x"); /* keys are the reader's */
	assert_int_equal(line.dossier.n, 6);
}

static void a_dossier_has_bounds_of_number_and_size(void **state)
{
	char text[16384], key[DOSSIER_KEY_MAX + 2];
	int n = sprintf(text, "{\"type\":\"shield_up\",\"container\":\"c1\",\"dossier\":{\"a\":1");

	(void)state;
	for (int i = 1; i < DOSSIER_MAX + 8; i++)
		n += sprintf(text + n, ",\"k%d\":\"v\"", i);
	sprintf(text + n, ",\"a\":\"last\"}}");
	assert_int_equal(parse(text), 0);
	assert_int_equal(line.dossier.n, DOSSIER_MAX);
	assert_string_equal(dossier_get("a"), "last");
	assert_non_null(dossier_get("k31"));
	assert_null(dossier_get("k32"));

	/* one key at its longest, one beyond; then more bytes than there is room for */
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	n = sprintf(text, "{\"type\":\"shield_up\",\"container\":\"c1\",\"dossier\":{");
	n += sprintf(text + n, "\"%s\":\"x\",\"%s\":\"y\"", key + 1, key);
	for (int i = 0; i < 20; i++)
		n += sprintf(text + n, ",\"k%d\":\"%0300d\"", i, 0);
	sprintf(text + n, ",\"small\":\"s\"}}");
	assert_int_equal(parse(text), 0);
	assert_string_equal(dossier_get(key + 1), "x");
	assert_null(dossier_get(key));
	assert_int_equal(strlen(dossier_get("k0")), SANITISE_MAX);
	assert_null(dossier_get("k19"));
	assert_string_equal(dossier_get("small"), "s");
	assert_true(line.dossier.used <= DOSSIER_TEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pending_line_is_a_blocked_connection_with_all_it_says),
		cmocka_unit_test(every_other_type_is_told_by_its_name),
		cmocka_unit_test(a_reason_comes_with_an_exit_only),
		cmocka_unit_test(types_that_no_reader_has_are_passed_over),
		cmocka_unit_test(what_is_no_object_is_refused_and_a_blank_line_is_nothing),
		cmocka_unit_test(what_is_required_must_be_there),
		cmocka_unit_test(a_domain_that_is_null_is_none),
		cmocka_unit_test(texts_may_be_numbers_and_numbers_texts),
		cmocka_unit_test(ports_and_protocols_have_their_range),
		cmocka_unit_test(texts_are_printable_and_of_bounded_length),
		cmocka_unit_test(a_dossier_is_an_object_of_texts_or_empty),
		cmocka_unit_test(a_dossier_has_bounds_of_number_and_size),
	};

	return cmocka_run_group_tests_name("reader_line", tests, NULL, NULL);
}
