// SPDX-License-Identifier: Apache-2.0
#include "base/glob.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool same(char a, char b, bool fold)
{
	return a == b || (fold && tolower((unsigned char)a) == tolower((unsigned char)b));
}

/*
 * Where to go on when a byte does not match: behind the last '*', one byte later, if it does
 * not step over a '/'; else behind the last "**". Earlier stars need no second try.
 */
struct again {
	const char *pattern, *text;
};

static bool matches(const char *pattern, const char *text, bool fold)
{
	struct again one = {}, two = {};

	while (*text || *pattern) {
		if (pattern[0] == '*' && pattern[1] == '*') {
			pattern += 2;
			two = (struct again){ pattern, text };
			one.pattern = NULL;
		} else if (*pattern == '*') {
			pattern++;
			one = (struct again){ pattern, text };
		} else if (*text && *pattern && same(*pattern, *text, fold)) {
			pattern++;
			text++;
		} else if (one.pattern && *one.text && *one.text != '/') {
			pattern = one.pattern;
			text = ++one.text;
		} else if (two.pattern && *two.text) {
			pattern = two.pattern;
			text = ++two.text;
			one.pattern = NULL;
		} else {
			return false;
		}
	}
	return true;
}

/* "DIR/" and DIR with two stars behind it: bytes of DIR; else 0. */
static size_t folder_of(const char *pattern)
{
	size_t n = strlen(pattern);

	if (n > 1 && pattern[n - 1] == '/')
		return n - 1;
	return n > 3 && !strcmp(pattern + n - 3, "/**") ? n - 3 : 0;
}

bool glob_match(const char *pattern, const char *text, bool fold)
{
	char buf[GLOB_SIZE + 4];
	size_t folder = folder_of(pattern);

	if (strlen(pattern) >= GLOB_SIZE)
		return false;
	if (!folder)
		return matches(pattern, text, fold);
	snprintf(buf, sizeof(buf), "%.*s", (int)folder, pattern);
	if (matches(buf, text, fold))
		return true;
	snprintf(buf, sizeof(buf), "%.*s/**", (int)folder, pattern);
	return matches(buf, text, fold);
}
