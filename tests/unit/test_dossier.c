// SPDX-License-Identifier: Apache-2.0
/* test_dossier.c - include/terok/dossier.h: annotations into pairs, within their bounds */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "terok/dossier.h"

static void annotations_of_the_dossier_are_pairs(void **state)
{
	struct terok_dossier dossier = {};

	(void)state;
	assert_int_equal(terok_dossier_annotate(&dossier, "terok.guard", "up"), 0);
	assert_int_equal(terok_dossier_annotate(&dossier, "dossierX", "up"), 0);
	assert_false(terok_dossier_said(&dossier));
	assert_int_equal(terok_dossier_annotate(&dossier, "dossier.project", "warp"), 1);
	assert_int_equal(terok_dossier_annotate(&dossier, "dossier.task", ""), 1);
	assert_int_equal(terok_dossier_annotate(&dossier, "dossier.project", "core"), 1);
	assert_int_equal(dossier.n, 2);
	assert_string_equal(terok_dossier_get(&dossier, "project"), "core");
	assert_string_equal(terok_dossier_get(&dossier, "task"), "");
	assert_null(terok_dossier_get(&dossier, "name"));
}

static void the_file_is_no_pair(void **state)
{
	struct terok_dossier dossier = {};
	char path[TEROK_PATH_LEN + 1] = "/";

	(void)state;
	assert_int_equal(terok_dossier_annotate(&dossier, "dossier.meta_path", "/m/meta.json"), 1);
	assert_int_equal(dossier.n, 0);
	assert_string_equal(dossier.meta_path, "/m/meta.json");
	assert_true(terok_dossier_said(&dossier));
	assert_int_equal(terok_dossier_put(&dossier, "meta_path", "x"), -EINVAL);
	assert_int_equal(terok_dossier_annotate(&dossier, "dossier.meta_path", "meta.json"),
			 -EINVAL);
	memset(path, '/', TEROK_PATH_LEN - 1);
	assert_int_equal(terok_dossier_annotate(&dossier, "dossier.meta_path", path), 1);
	path[TEROK_PATH_LEN - 1] = '/';
	assert_int_equal(terok_dossier_annotate(&dossier, "dossier.meta_path", path), -EINVAL);
	assert_int_equal(strlen(dossier.meta_path), TEROK_PATH_LEN - 1);
}

static void a_dossier_has_bounds(void **state)
{
	struct terok_dossier dossier = {};
	char text[TEROK_DOSSIER_VALUE + 8];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[TEROK_DOSSIER_KEY] = '\0';
	assert_int_equal(terok_dossier_put(&dossier, text, "v"), -ENAMETOOLONG);
	assert_int_equal(terok_dossier_put(&dossier, text + 1, "v"), 0);
	assert_int_equal(terok_dossier_put(&dossier, "", "v"), -EINVAL);
	for (unsigned i = 1; i < TEROK_DOSSIER_MAX; i++) {
		snprintf(text, sizeof(text), "k%u", i);
		assert_int_equal(terok_dossier_put(&dossier, text, "v"), 0);
	}
	assert_int_equal(terok_dossier_put(&dossier, "more", "v"), -ENOSPC);
	assert_int_equal(terok_dossier_put(&dossier, "k3", "other"), 0);
	assert_string_equal(terok_dossier_get(&dossier, "k3"), "other");
}

static void a_long_value_is_cut_between_two_characters(void **state)
{
	struct terok_dossier dossier = {};
	char text[TEROK_DOSSIER_VALUE + 8];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[TEROK_DOSSIER_VALUE - 1] = '\0';
	assert_int_equal(terok_dossier_put(&dossier, "k", text), 0);
	assert_string_equal(terok_dossier_get(&dossier, "k"), text);
	memcpy(text + TEROK_DOSSIER_VALUE - 2, "\xe2\x82\xac", 4); /* the last byte that fits */
	assert_int_equal(terok_dossier_put(&dossier, "k", text), 0);
	assert_int_equal(strlen(terok_dossier_get(&dossier, "k")), TEROK_DOSSIER_VALUE - 2);
}

static void what_somebody_else_filled_in_is_made_sound(void **state)
{
	struct terok_dossier said, dossier;

	(void)state;
	memset(&said, 0xff, sizeof(said));
	terok_dossier_take(&said, &dossier);
	assert_int_equal(dossier.n, 1); /* all keys are the same */
	assert_int_equal(strlen(dossier.key[0]), TEROK_DOSSIER_KEY - 1);
	assert_string_equal(dossier.meta_path, "");
	memset(&said, 0, sizeof(said));
	said.n = 2;
	said.flags = ~0U;
	strcpy(said.key[0], "meta_path");
	strcpy(said.key[1], "task");
	strcpy(said.value[1], "7");
	memset(said.meta_path, '/', sizeof(said.meta_path));
	terok_dossier_take(&said, &dossier);
	assert_int_equal(dossier.n, 1);
	assert_int_equal(dossier.flags, TEROK_DOSSIER_NAMED);
	assert_string_equal(terok_dossier_get(&dossier, "task"), "7");
	assert_int_equal(strlen(dossier.meta_path), TEROK_PATH_LEN - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(annotations_of_the_dossier_are_pairs),
		cmocka_unit_test(the_file_is_no_pair),
		cmocka_unit_test(a_dossier_has_bounds),
		cmocka_unit_test(a_long_value_is_cut_between_two_characters),
		cmocka_unit_test(what_somebody_else_filled_in_is_made_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
