// SPDX-License-Identifier: Apache-2.0
/* test_sandbox_redact.c - tools/sandbox_redact.c: whatever form a secret has, it is not shown */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tools/sandbox_redact.h"

static void names_of_secrets_are_known(void **state)
{
	static const char *const secret[] = { "API_KEY",   "x_token_y", "MySecret",  "RAPID",
					      "PASSWORD1", "private",   "CODE_REPO", "CLONE_FROM" };
	static const char *const open[] = { "PATH",      "HOME",  "CODE_REPOS",
					    "code_repo", "CLONE", "PASS" };

	(void)state;
	for (unsigned i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		assert_true(redact_name(secret[i], strlen(secret[i])));
	for (unsigned i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		assert_false(redact_name(open[i], strlen(open[i])));
}

/* One line of words, separated by '|' */
static char *shown(const char *text, const struct words *env)
{
	_cleanup_words_ struct words words = {}, ret = {};
	char *copy = strdup(text), *save, *line;

	for (char *one = strtok_r(copy, "|", &save); one; one = strtok_r(NULL, "|", &save))
		words_add(&words, one);
	free(copy);
	redact_words(&words, env, &ret);
	line = redact_line(&ret);
	assert_non_null(line);
	return line;
}

static void each_form_of_a_variable_is_known(void **state)
{
	static const char *const pairs[][2] = {
		{ "-e|A_KEY=v", "-e 'A_KEY=<redacted>'" },
		{ "-eA_KEY=v", "'-eA_KEY=<redacted>'" },
		{ "-e=A_KEY=v", "'-e=A_KEY=<redacted>'" },
		{ "-iteA_KEY=v", "'-iteA_KEY=<redacted>'" },
		{ "--env|A_KEY=v", "--env 'A_KEY=<redacted>'" },
		{ "--env=A_KEY=v", "'--env=A_KEY=<redacted>'" },
		{ "-e|A=v", "-e A=v" },
		{ "--env=A=v", "--env=A=v" },
		{ "-e|A_KEY", "-e A_KEY" },
		{ "-e|A_KEY=", "-e A_KEY=" },
		{ "--api-key=v", "'--api-key=<redacted>'" },
		{ "--token|v", "--token '<redacted>'" },
		{ "--token|--other", "--token --other" },
		{ "git|clone|https://tok@h/x.git", "git clone 'https://<redacted>@h/x.git'" },
		{ "-e|X=http://u:p@h:1/?a=b@c", "-e 'X=http://<redacted>@h:1/?a=b@c'" },
		{ "sh|-c|A_KEY=v; run --password=w x", "sh -c 'A_KEY=<redacted>'" },
		{ "sh|-c|run B=1 A_KEY=v; next", "sh -c 'run B=1 A_KEY=<redacted>; next'" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *line = shown(pairs[i][0], NULL);

		assert_string_equal(line, pairs[i][1]);
		free(line);
	}
}

static void a_shell_reads_the_same_words(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		_cleanup_words_ struct words words = {};
		char *line;

		words_add(&words, i ? "a'b c" : "");
		words_add(&words, i ? "two\nlines\t\\'\x1b[1m" : "plain@%_-+=:,./");
		line = redact_line(&words);
		assert_string_equal(line, i ? "'a'\"'\"'b c' $'two\\nlines\\t\\\\\\'\\x1b[1m'"
					    : "'' plain@%_-+=:,./");
		free(line);
	}
}

/* --- whatever the line: no secret is in it --------------------------------------------- */

static unsigned long seed = 20261121;

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned)(seed >> 33) % n;
}

static void make_secret(char *ret, unsigned n)
{
	static const char letters[] = "abcdefghijKLMNOP0123456789/=@:. -'\"%";

	for (unsigned i = 0; i < n; i++)
		ret[i] = letters[pick(sizeof(letters) - 1)];
	ret[n] = '\0';
}

/* A word with the secret in it, in one of the ways that words have. */
static void add_with(struct words *words, const char *secret)
{
	switch (pick(8)) {
	case 0: words_add(words, "-e"), words_addf(words, "MY_TOKEN=%s", secret); break;
	case 1: words_addf(words, "-eMY_TOKEN=%s", secret); break;
	case 2: words_addf(words, "--env=MY_TOKEN=%s", secret); break;
	case 3: words_addf(words, "-e=MY_TOKEN=%s", secret); break;
	case 4: words_addf(words, "x%sy%s", secret, secret); break;
	case 5: words_addf(words, "-v/%s:/x", secret); break;
	case 6: words_addf(words, "--other=%s", secret); break;
	default: words_add(words, secret); break;
	}
}

static void no_secret_of_the_environment_is_ever_shown(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		_cleanup_words_ struct words words = {}, env = {}, ret = {};
		char secret[2][40];

		for (unsigned i = 0; i < 2; i++)
			make_secret(secret[i], 6 + pick(30));
		words_addf(&env, "MY_TOKEN=%s", secret[0]);
		words_addf(&env, "THE_PASSWORD=%s", secret[1]);
		for (unsigned i = pick(6) + 1; i; i--)
			add_with(&words, secret[pick(2)]);
		redact_words(&words, &env, &ret);
		assert_int_equal(words_error(&ret), 0);
		for (unsigned w = 0; w < ret.n; w++)
			for (unsigned i = 0; i < 2; i++)
				if (strstr(ret.word[w], secret[i]))
					fail_msg("'%s' is in '%s', seed %lu", secret[i],
						 ret.word[w], seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_secrets_are_known),
		cmocka_unit_test(each_form_of_a_variable_is_known),
		cmocka_unit_test(a_shell_reads_the_same_words),
		cmocka_unit_test(no_secret_of_the_environment_is_ever_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
