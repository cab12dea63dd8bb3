// SPDX-License-Identifier: Apache-2.0
#include "token_row.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/glob.h"

static bool take_text(sqlite3_stmt *stmt, int column, char *ret, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	size_t n = sqlite3_column_bytes(stmt, column);

	if (!text || n >= size || strlen(text) != n)
		return false;
	memcpy(ret, text, n + 1);
	return true;
}

int token_row_take(sqlite3_stmt *stmt, struct token *ret, struct problem *why)
{
	struct token token = { .budget = TOKEN_UNLIMITED };
	bool good = take_text(stmt, 0, token.text, sizeof(token.text)) &&
		    take_text(stmt, 1, token.project, sizeof(token.project)) &&
		    take_text(stmt, 2, token.task, sizeof(token.task)) &&
		    take_text(stmt, 3, token.set, sizeof(token.set)) &&
		    take_text(stmt, 4, token.provider, sizeof(token.provider));

	if (good && sqlite3_column_int(stmt, 5)) {
		token.created = sqlite3_column_int64(stmt, 6);
		token.expires = sqlite3_column_int64(stmt, 7);
		good = take_text(stmt, 8, token.container, sizeof(token.container)) &&
		       take_text(stmt, 9, token.methods, sizeof(token.methods)) &&
		       take_text(stmt, 10, token.paths, sizeof(token.paths));
		token.budget = sqlite3_column_int64(stmt, 11);
		token.used = sqlite3_column_int64(stmt, 12);
	}
	/* one that is not understood as a whole is never one with fewer limits */
	if (!good || token.budget < TOKEN_UNLIMITED)
		return problem(why, -EBADMSG, "a row of tokens cannot be read");
	*ret = token;
	return 0;
}

/* Words with one space between them; @fn says what a word may be. */
static int words_check(const char *text, int (*fn)(const char *word, struct problem *why),
		       struct problem *why)
{
	while (*text) {
		size_t n = strcspn(text, " ");
		char word[TOKEN_PATHS];
		int r;

		memcpy(word, text, n);
		word[n] = '\0';
		r = fn(word, why);
		if (r)
			return r;
		text += n + (text[n] == ' ');
	}
	return 0;
}

static int method_check(const char *word, struct problem *why)
{
	for (const char *c = word; *c; c++)
		if (!isascii((unsigned char)*c) || !isupper((unsigned char)*c))
			return problem(why, -EINVAL, "a method is capital letters, as GET is");
	return *word ? 0 : problem(why, -EINVAL, "a method is empty");
}

static int path_check(const char *word, struct problem *why)
{
	if (*word != '/' || strlen(word) >= GLOB_SIZE)
		return problem(why, -EINVAL,
			       "a pattern of paths begins with '/', and has %d bytes at most",
			       GLOB_SIZE - 1);
	if (strstr(word, "//") || strstr(word, "***") || strpbrk(word, "%?#\\"))
		return problem(why, -EINVAL,
			       "a pattern of paths has no \"//\", no \"***\" and none of %%?#\\");
	for (const char *c = word; *c; c++)
		if (*c <= ' ' || *c == 0x7f)
			return problem(
			    why, -EINVAL,
			    "a pattern of paths has no spaces, no control characters and "
			    "nothing beyond ASCII");
	return 0;
}

int token_row_check(const struct token *want, struct problem *why)
{
	int r = store_name_check("project", want->project, why);

	if (!r)
		r = store_name_check("task", want->task, why);
	if (!r)
		r = store_name_check("set", want->set, why);
	if (!r)
		r = store_name_check("provider", want->provider, why);
	if (!r)
		r = words_check(want->methods, method_check, why);
	if (!r)
		r = words_check(want->paths, path_check, why);
	if (!r && (want->budget < TOKEN_UNLIMITED || want->expires < 0))
		r = problem(why, -EINVAL, "a budget or a time below zero");
	return r;
}
