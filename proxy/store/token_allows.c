// SPDX-License-Identifier: Apache-2.0
/* token_allows.c - a token's scope: where it comes in, which methods, which paths */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/glob.h"
#include "token.h"

/* A method of several with one space between them. Case counts, as HTTP has it. */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	while (*words) {
		size_t here = strcspn(words, " ");

		if (here == n && !memcmp(words, word, n))
			return true;
		words += here + (words[here] == ' ');
	}
	return false;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of a path, an escape resolved; -1: it is one that servers read in different ways. */
static int path_byte(const char **at)
{
	const char *s = *at;
	int high, low, byte;

	if (*s != '%') {
		(*at)++;
		return *s == '\\' || *s == '#' || (unsigned char)*s <= ' ' ? -1 : (unsigned char)*s;
	}
	high = hex(s[1]);
	low = high < 0 ? -1 : hex(s[2]);
	if (low < 0)
		return -1;
	byte = high << 4 | low;
	*at += 3;
	/* a second look for escapes would find more; these would part it otherwise */
	return strchr("/\\%?#;", byte) || byte < ' ' || byte == 0x7f ? -1 : byte;
}

/* "." and "..", also with parameters behind: some servers take them away first. */
static bool is_dots(const char *segment)
{
	size_t n = strspn(segment, ".");

	return (n == 1 || n == 2) && (!segment[n] || segment[n] == ';' || segment[n] == '/');
}

/* The path without escapes, if all servers read it alike. */
static bool path_plain(const char *target, char *ret, size_t size)
{
	size_t n = 0;

	while (*target && *target != '?') {
		int byte = path_byte(&target);

		if (byte < 0 || n + 1 >= size)
			return false;
		if (byte == '/' && n && ret[n - 1] == '/')
			return false;
		ret[n++] = (char)byte;
	}
	ret[n] = '\0';
	if (*ret != '/')
		return false;
	for (const char *slash = ret; slash; slash = strchr(slash + 1, '/'))
		if (is_dots(slash + 1))
			return false;
	return true;
}

static bool path_matches(const char *patterns, const char *path)
{
	while (*patterns) {
		size_t n = strcspn(patterns, " ");
		char pattern[GLOB_SIZE];

		if (n < sizeof(pattern)) {
			memcpy(pattern, patterns, n);
			pattern[n] = '\0';
			if (glob_match(pattern, path, false))
				return true;
		}
		patterns += n + (patterns[n] == ' ');
	}
	return false;
}

int token_allows(const struct token *token, const char *method, const char *target,
		 struct problem *why)
{
	char path[8192];

	if (*token->methods && !has_word(token->methods, method))
		return problem(why, -EACCES, "the token is for %s alone", token->methods);
	if (!*token->paths)
		return 0;
	if (!path_plain(target, path, sizeof(path)))
		return problem(why, -EACCES,
			       "the token is for some paths, and this one can be read as another");
	if (!path_matches(token->paths, path))
		return problem(why, -EACCES, "the token is for other paths");
	return 0;
}

bool token_is_for(const struct token *token, const char *container)
{
	return !*token->container || !strcmp(token->container, container);
}
