// SPDX-License-Identifier: Apache-2.0
/* test_watcher_text.c - user/watcher/text.c: what podman and others write, and what is made of it */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "watcher/text.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool annotated;
static struct terok_dossier dossier;

static int config(const char *json)
{
	return text_config(json, strlen(json), &annotated, &dossier);
}

static int meta(const char *json)
{
	return text_meta(json, strlen(json), &dossier);
}

static bool event(const char *json)
{
	return text_event(json, strlen(json));
}

static void either_annotation_asks_for_a_guard(void **state)
{
	(void)state;
	assert_int_equal(config("{\"annotations\":{\"terok.guard\":\"\"}}"), 0);
	assert_true(annotated);
	assert_int_equal(config("{\"annotations\":{\"terok.shield.profiles\":\"dev\"}}"), 0);
	assert_true(annotated);
	assert_int_equal(config("{\"annotations\":{\"terok.shield.version\":\"12\"}}"), 0);
	assert_false(annotated);
	assert_int_equal(config("{\"process\":{\"annotations\":{\"terok.guard\":\"\"}}}"), 0);
	assert_false(annotated);
	assert_int_equal(config("{}"), 0);
	assert_false(annotated);
}

static void annotations_of_the_dossier_are_its_pairs(void **state)
{
	(void)state;
	assert_int_equal(
	    config("{\"a\":[{}],\"annotations\":{\"dossier.task\":\"7\\u00e9\",\"x\":1,"
		   "\"dossier.meta_path\":\"/m/a.json\",\"dossier.n\":7}}"),
	    0);
	assert_int_equal(dossier.n, 1);
	assert_string_equal(terok_dossier_get(&dossier, "task"), "7\xc3\xa9");
	assert_string_equal(dossier.meta_path, "/m/a.json");
}

static void what_is_no_config_asks_for_nothing(void **state)
{
	static const char *const none[] = { "", "[]", "{", "null", "{\"annotations\":{}} x" };

	(void)state;
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(config(none[i]), -EBADMSG);
	assert_int_equal(config("{\"annotations\":[\"terok.guard\"]}"), 0);
	assert_false(annotated);
	assert_int_equal(config("{\"annotations\":{\"terok.guard\":true}}"), 0);
	assert_false(annotated);
}

static void long_texts_have_no_place_in_a_dossier(void **state)
{
	char json[1024], *at = json;

	(void)state;
	at += sprintf(at, "{\"annotations\":{\"dossier.");
	memset(at, 'k', 200);
	at += 200;
	at += sprintf(at, "\":\"v\",\"dossier.meta_path\":\"/");
	memset(at, 'p', TEROK_PATH_LEN);
	at += TEROK_PATH_LEN;
	at += sprintf(at, "\",\"dossier.v\":\"");
	memset(at, 'v', 200);
	at += 200;
	sprintf(at, "\"}}");
	assert_int_equal(config(json), 0);
	assert_int_equal(dossier.n, 1);
	assert_int_equal(strlen(terok_dossier_get(&dossier, "v")), TEROK_DOSSIER_VALUE - 1);
	assert_string_equal(dossier.meta_path, "");
}

static void a_file_is_an_object_of_texts(void **state)
{
	(void)state;
	assert_int_equal(meta("{\"task\":\"8\",\"n\":12,\"f\":1.5,\"t\":true,\"l\":[1]}"), 0);
	assert_string_equal(terok_dossier_get(&dossier, "task"), "8");
	assert_string_equal(terok_dossier_get(&dossier, "n"), "12");
	assert_string_equal(terok_dossier_get(&dossier, "f"), "1.5");
	assert_string_equal(terok_dossier_get(&dossier, "t"), "True");
	assert_string_equal(terok_dossier_get(&dossier, "l"), "[1]");
}

static void what_is_false_or_empty_is_left_out(void **state)
{
	(void)state;
	assert_int_equal(meta("{\"a\":\"\",\"b\":0,\"c\":0.0e5,\"d\":false,\"e\":null,\"f\":[ ],"
			      "\"g\":{},\"h\":-0}"),
			 0);
	assert_int_equal(dossier.n, 0);
	assert_int_equal(meta("{\"a\":\"0\",\"b\":0.1,\"c\":[0]}"), 0);
	assert_int_equal(dossier.n, 3);
}

static void a_file_that_is_no_object_says_nothing(void **state)
{
	static const char *const none[] = {
		"", "[]", "\"x\"", "{\"a\":1", "{\"a\":1}{}", "{'a':1}"
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(meta(none[i]), -EBADMSG);
	/* nor does it name itself */
	assert_int_equal(meta("{\"meta_path\":\"/etc/shadow\"}"), 0);
	assert_int_equal(dossier.n, 0);
	assert_string_equal(dossier.meta_path, "");
}

/* Lines of podman 4.3.1's log, of podman 5's, and of the API. */
static void begin_end_and_renaming_are_news(void **state)
{
	(void)state;
	assert_true(
	    event("{\"ID\":\"" ID "\",\"Image\":\"bb\",\"Name\":\"one\",\"Status\":\"start\","
		  "\"Time\":\"2026-11-21T13:58:53Z\",\"Type\":\"container\",\"Attributes\":{}}"));
	assert_true(event("{\"ContainerExitCode\":137,\"ID\":\"" ID
			  "\",\"Status\":\"died\",\"Type\":\"container\"}"));
	assert_true(event("{\"Status\":\"rename\",\"Type\":\"container\"}"));
	assert_true(event("{\"Status\":\"remove\",\"Type\":\"container\"}"));
	assert_true(event("{\"status\":\"die\",\"Type\":\"container\",\"Action\":\"die\"}"));
	assert_true(event("{\"Status\":\"refresh\",\"Type\":\"system\"}") == false);
}

static void what_happens_within_a_container_is_none(void **state)
{
	(void)state;
	assert_false(event("{\"Status\":\"exec\",\"Type\":\"container\"}"));
	assert_false(event("{\"Status\":\"exec_died\",\"Type\":\"container\"}"));
	assert_false(event("{\"Status\":\"health_status\",\"Type\":\"container\"}"));
	assert_false(event("{\"Status\":\"remove\",\"Type\":\"image\"}"));
	assert_false(event("{\"Status\":\"create\",\"Type\":\"volume\"}"));
}

static void what_cannot_be_read_may_be_anything(void **state)
{
	(void)state;
	assert_true(event("{\"Status\":\"exec\",\"Type\":\"contai"));
	assert_true(event("x"));
	assert_true(event("{}"));
}

static char named[256];

static void on_name(const char *id, const char *name, void *user)
{
	(void)user;
	assert_int_equal(strlen(id), 64);
	strcat(named, name);
	strcat(named, " ");
}

static int names(const char *json)
{
	*named = '\0';
	return text_names(json, strlen(json), on_name, NULL);
}

static void the_storages_list_has_names(void **state)
{
	(void)state;
	assert_int_equal(names(" [ {\"id\":\"" ID "\",\"names\":[\"one\",\"two\"],\"metadata\":"
			       "\"{\\\"name\\\":\\\"x\\\"}\"},{\"id\":\"" ID
			       "\",\"names\":[\"due\"],"
			       "\"flags\":{\"Volatile\":true}}]"),
			 0);
	assert_string_equal(named, "one due ");
	assert_int_equal(names("[]"), 0);
	assert_string_equal(named, "");
	assert_int_equal(names("[{\"id\":\"" ID
			       "\",\"names\":[]},{\"id\":\"short\",\"names\":[\"a\"]},"
			       "{\"id\":\"" ID "\",\"names\":[\"a b\"]},{\"id\":\"" ID
			       "\",\"names\":\"a\"},{\"names\":[\"a\"]}]"),
			 0);
	assert_string_equal(named, "");
	assert_int_equal(names("{\"id\":\"" ID "\"}"), -EBADMSG);
	assert_int_equal(names("[{\"id\":"), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_annotation_asks_for_a_guard),
		cmocka_unit_test(annotations_of_the_dossier_are_its_pairs),
		cmocka_unit_test(what_is_no_config_asks_for_nothing),
		cmocka_unit_test(long_texts_have_no_place_in_a_dossier),
		cmocka_unit_test(a_file_is_an_object_of_texts),
		cmocka_unit_test(what_is_false_or_empty_is_left_out),
		cmocka_unit_test(a_file_that_is_no_object_says_nothing),
		cmocka_unit_test(begin_end_and_renaming_are_news),
		cmocka_unit_test(what_happens_within_a_container_is_none),
		cmocka_unit_test(what_cannot_be_read_may_be_anything),
		cmocka_unit_test(the_storages_list_has_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
