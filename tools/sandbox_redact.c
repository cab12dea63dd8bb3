// SPDX-License-Identifier: Apache-2.0
#include "sandbox_redact.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SECRET_MIN 6 /* shorter values are words that may stand anywhere */

static bool contains(const char *name, size_t n, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= n; i++)
		if (!strncasecmp(name + i, word, len))
			return true;
	return false;
}

bool redact_name(const char *name, size_t n)
{
	static const char *const parts[] = {
		"KEY", "TOKEN", "SECRET", "API", "PASSWORD", "PRIVATE"
	};

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (contains(name, n, parts[i]))
			return true;
	return (n == 9 && !memcmp(name, "CODE_REPO", 9)) ||
	       (n == 10 && !memcmp(name, "CLONE_FROM", 10));
}

/* --- what is put together ----------------------------------------------------------- */

/* A secret of the environment that begins at @text; its length, or 0. The longest, if more do. */
static size_t secret_at(const char *text, const char *end, const struct words *env)
{
	size_t best = 0;

	for (unsigned i = 0; env && i < env->n; i++) {
		const char *value = strchr(env->word[i], '=');
		size_t n = value ? strlen(++value) : 0;

		if (n >= SECRET_MIN && n > best && n <= (size_t)(end - text) &&
		    redact_name(env->word[i], value - 1 - env->word[i]) && !strncmp(text, value, n))
			best = n;
	}
	return best;
}

/* scheme://USER:PASSWORD@: how much of @text, which stands behind "://", is before the '@' */
static size_t userinfo(const char *text)
{
	size_t n = strcspn(text, "/?# \t\n\"'"), at = 0;

	for (size_t i = 0; i < n; i++)
		if (text[i] == '@')
			at = i;
	return at;
}

/* "NAME=" within a text, as in a shell's command: what stands behind it, if the name says so */
static size_t assigned(const char *begin, const char *equal)
{
	const char *name = equal;

	while (name > begin && (isalnum((unsigned char)name[-1]) || strchr("_-.", name[-1])))
		name--;
	return redact_name(name, equal - name) ? strcspn(equal + 1, " \t\n;&|'\"") : 0;
}

/* What at this place of a text is a secret: one of the environment, or by what stands before it. */
static size_t hidden(const char *begin, const char *text, const char *end, const struct words *env)
{
	size_t n = secret_at(text, end, env);

	if (!n && text - begin >= 3 && !strncmp(text - 3, "://", 3))
		n = userinfo(text);
	if (!n && text > begin && text[-1] == '=')
		n = assigned(begin, text - 1);
	return n < (size_t)(end - text) ? n : (size_t)(end - text);
}

static void put_clean(FILE *to, const char *text, const char *end, const struct words *env)
{
	const char *begin = text;

	while (text < end) {
		size_t n = hidden(begin, text, end, env);

		if (n)
			fputs(REDACTED, to);
		else
			fputc(*text++, to);
		text += n;
	}
}

/*
 * Where a word has "NAME=VALUE", the place of its "=": of -eNAME=VALUE, -e=NAME=VALUE,
 * -iteNAME=VALUE, --env=NAME=VALUE and --name=VALUE as well as NAME=VALUE; NULL: nowhere.
 */
static const char *assignment(const char *word, const char **name)
{
	const char *at = word, *equal;

	if (!strncmp(word, "--env=", 6) || !strncmp(word, "--label=", 8) ||
	    !strncmp(word, "--annotation=", 13)) {
		at = strchr(word, '=') + 1;
	} else if (word[0] == '-' && word[1] == '-') {
		at = word + 2;
	} else if (word[0] == '-') {
		at = word + 1 + strspn(word + 1, "dtiqP");
		if (*at != 'e' && *at != 'l')
			return NULL;
		at++;
		at += *at == '=';
	}
	equal = strchr(at, '=');
	*name = at;
	return equal;
}

/* --password and the like: the word behind it is what they say */
static bool announces(const char *word)
{
	return word[0] == '-' && word[1] == '-' && !strchr(word, '=') &&
	       redact_name(word + 2, strlen(word + 2));
}

static void put_word(FILE *to, const char *word, const struct words *env)
{
	const char *name, *equal = assignment(word, &name);

	if (!equal || !redact_name(name, equal - name)) {
		put_clean(to, word, word + strlen(word), env);
		return;
	}
	put_clean(to, word, equal, env);
	fputc('=', to);
	if (equal[1])
		fputs(REDACTED, to);
}

char *redact_text(const char *text, const struct words *env)
{
	char *ret = NULL;
	size_t size;
	FILE *to = open_memstream(&ret, &size);

	if (!to)
		return NULL;
	put_clean(to, text, text + strlen(text), env);
	if (!fclose(to))
		return ret;
	free(ret);
	return NULL;
}

void redact_words(const struct words *words, const struct words *env, struct words *ret)
{
	ret->failed |= words->failed;
	for (unsigned i = 0; i < words->n; i++) {
		_cleanup_free_ char *clean = NULL;
		size_t size;
		FILE *to;

		if (i && announces(words->word[i - 1]) && words->word[i][0] != '-') {
			words_add(ret, REDACTED);
			continue;
		}
		to = open_memstream(&clean, &size);
		if (!to) {
			ret->failed = true;
			return;
		}
		put_word(to, words->word[i], env);
		if (fclose(to)) {
			ret->failed = true;
			return;
		}
		words_add(ret, clean);
	}
}

/* --- for a shell ---------------------------------------------------------------------- */

/* As bash reads them, so that a line is one line and a terminal is told nothing but text. */
static void put_escaped(FILE *to, const char *word)
{
	fputs("$'", to);
	for (; *word; word++) {
		unsigned char c = *word;

		if (c == '\n')
			fputs("\\n", to);
		else if (c == '\t')
			fputs("\\t", to);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(to, "\\x%02x", c);
		else if (c == '\'' || c == '\\')
			fprintf(to, "\\%c", c);
		else
			fputc(c, to);
	}
	fputc('\'', to);
}

static void put_quoted(FILE *to, const char *word)
{
	bool plain = *word, odd = false;

	for (const unsigned char *c = (const unsigned char *)word; *c; c++) {
		plain &= isascii(*c) && (isalnum(*c) || strchr("@%_-+=:,./", *c));
		odd |= *c < 0x20 || *c >= 0x7f;
	}
	if (plain) {
		fputs(word, to);
		return;
	}
	if (odd) {
		put_escaped(to, word);
		return;
	}
	fputc('\'', to);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\"'\"'", to);
		else
			fputc(*word, to);
	}
	fputc('\'', to);
}

char *redact_line(const struct words *words)
{
	char *ret = NULL;
	size_t size;
	FILE *to = open_memstream(&ret, &size);

	if (!to)
		return NULL;
	for (unsigned i = 0; i < words->n; i++) {
		if (i)
			fputc(' ', to);
		put_quoted(to, words->word[i]);
	}
	if (!fclose(to) && !words->failed)
		return ret;
	free(ret);
	return NULL;
}
