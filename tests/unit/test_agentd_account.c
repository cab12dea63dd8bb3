// SPDX-License-Identifier: Apache-2.0
/* test_agentd_account.c - user/agentd/account.c: the environment of a stage's program */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "agentd/account.h"

typedef Clawker__Clawkerd__V1__PipeStage Stage;
typedef Clawker__Clawkerd__V1__PipeStage__EnvEntry Entry;

#define MANY (ACCOUNT_SETS + 1)

static Entry entries[MANY], *of[MANY];
static char keys[MANY][16];

/* As whoever we are: nothing of another account comes in. */
static Stage stage_of(size_t n)
{
	Stage stage = CLAWKER__CLAWKERD__V1__PIPE_STAGE__INIT;

	for (size_t i = 0; i < n; i++) {
		snprintf(keys[i], sizeof(keys[i]), "K%zu", i);
		entries[i] = (Entry)CLAWKER__CLAWKERD__V1__PIPE_STAGE__ENV_ENTRY__INIT;
		entries[i].key = keys[i];
		entries[i].value = (char *)"v";
		of[i] = &entries[i];
	}
	stage.uid = geteuid();
	stage.env = of;
	stage.n_env = n;
	return stage;
}

static unsigned how_many(char **env, const char *text)
{
	unsigned n = 0;

	for (; *env; env++)
		n += !strcmp(*env, text);
	return n;
}

static void a_stage_has_as_many_variables_as_it_may(void **state)
{
	Stage stage = stage_of(ACCOUNT_SETS);
	char **env = NULL;

	(void)state;
	assert_int_equal(account_env(&stage, &env), 0);
	assert_int_equal(how_many(env, "K0=v"), 1);
	assert_int_equal(how_many(env, "K4095=v"), 1);
	account_env_freep(&env);
	stage = stage_of(MANY);
	assert_int_equal(account_env(&stage, &env), -E2BIG);
	assert_null(env);
}

static void a_variable_replaces_ours_and_the_last_of_a_name_counts(void **state)
{
	Stage stage = stage_of(4);
	char **env = NULL;

	(void)state;
	assert_int_equal(setenv("TEROK_TEST_OURS", "ours", 1), 0);
	entries[0].key = (char *)"TEROK_TEST_OURS";
	entries[1].value = (char *)"first";
	entries[2].key = entries[1].key;
	entries[3].key = (char *)"A=B"; /* no program could find it */
	assert_int_equal(account_env(&stage, &env), 0);
	assert_int_equal(how_many(env, "TEROK_TEST_OURS=v"), 1);
	assert_int_equal(how_many(env, "TEROK_TEST_OURS=ours"), 0);
	assert_int_equal(how_many(env, "K1=v"), 1);
	assert_int_equal(how_many(env, "K1=first"), 0);
	assert_int_equal(how_many(env, "A=B=v"), 0);
	account_env_freep(&env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stage_has_as_many_variables_as_it_may),
		cmocka_unit_test(a_variable_replaces_ours_and_the_last_of_a_name_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
