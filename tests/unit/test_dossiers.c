// SPDX-License-Identifier: Apache-2.0
/* test_dossiers.c - user/dossiers.c: pairs, and what their file says over them */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dossiers.h"

static struct terok_dossier kept, last;
static unsigned told;

int __wrap_dossier_read(const struct kernel *kernel, uint32_t guard, struct terok_dossier *ret);

int __wrap_dossier_read(const struct kernel *kernel, uint32_t guard, struct terok_dossier *ret)
{
	(void)kernel;
	memset(ret, 0, sizeof(*ret));
	if (guard == 1)
		*ret = kept;
	return 0;
}

static void on_changed(uint32_t guard, const struct terok_dossier *now, void *user)
{
	assert_ptr_equal(user, &told);
	assert_int_equal(guard, 1);
	assert_string_equal(now->meta_path, "");
	last = *now;
	told++;
}

static struct dossiers *dossiers;

static int setup(void **state)
{
	(void)state;
	memset(&kept, 0, sizeof(kept));
	memset(&last, 0, sizeof(last));
	terok_dossier_annotate(&kept, "dossier.project", "warp");
	terok_dossier_annotate(&kept, "dossier.task", "7");
	terok_dossier_annotate(&kept, "dossier.meta_path", "/m.json");
	told = 0;
	return dossiers_new(on_changed, &told, &dossiers);
}

static int teardown(void **state)
{
	(void)state;
	dossiers_free(dossiers);
	return 0;
}

static void pairs_are_told_once(void **state)
{
	(void)state;
	assert_null(dossiers_get(dossiers, 1));
	dossiers_look(dossiers, NULL, 1);
	dossiers_look(dossiers, NULL, 1);
	dossiers_look(dossiers, NULL, 2); /* it has none */
	assert_int_equal(told, 1);
	assert_string_equal(terok_dossier_get(&last, "task"), "7");
	assert_ptr_not_equal(dossiers_get(dossiers, 1), NULL);
	assert_null(dossiers_get(dossiers, 2));
	dossiers_each(dossiers);
	assert_int_equal(told, 2);
	dossiers_gone(dossiers, 1);
	assert_null(dossiers_get(dossiers, 1));
}

static void a_file_stands_over_the_pairs(void **state)
{
	struct terok_dossier file = {};

	(void)state;
	terok_dossier_put(&file, "task", "8");
	terok_dossier_put(&file, "project", "");
	terok_dossier_put(&file, "name", "fix");
	dossiers_file(dossiers, 1, &file); /* of a guard that is not known yet */
	assert_int_equal(told, 0);
	dossiers_look(dossiers, NULL, 1);
	dossiers_file(dossiers, 1, &file);
	assert_int_equal(told, 2);
	assert_int_equal(last.n, 3);
	assert_string_equal(terok_dossier_get(&last, "task"), "8");
	assert_string_equal(terok_dossier_get(&last, "project"), "warp");
	assert_string_equal(terok_dossier_get(&last, "name"), "fix");
	dossiers_file(dossiers, 1, NULL); /* it cannot be read any more */
	assert_int_equal(last.n, 2);
	assert_string_equal(terok_dossier_get(&last, "task"), "7");
}

static void a_file_that_nobody_named_says_nothing(void **state)
{
	struct terok_dossier file = {};

	(void)state;
	terok_dossier_put(&file, "task", "8");
	memset(kept.meta_path, 0, sizeof(kept.meta_path));
	dossiers_look(dossiers, NULL, 1);
	dossiers_file(dossiers, 1, &file);
	assert_string_equal(terok_dossier_get(&last, "task"), "7");
	/* nor what another file said */
	strcpy(kept.meta_path, "/m.json");
	dossiers_look(dossiers, NULL, 1);
	dossiers_file(dossiers, 1, &file);
	assert_string_equal(terok_dossier_get(&last, "task"), "8");
	strcpy(kept.meta_path, "/n.json");
	dossiers_look(dossiers, NULL, 1);
	assert_string_equal(terok_dossier_get(&last, "task"), "7");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(pairs_are_told_once),
		T(a_file_stands_over_the_pairs),
		T(a_file_that_nobody_named_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
