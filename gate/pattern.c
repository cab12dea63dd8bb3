// SPDX-License-Identifier: Apache-2.0
#include "pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADS "refs/heads/"

int pattern_check(const char *pattern, struct problem *why)
{
	size_t n = strlen(pattern);

	if (!n || n >= PATTERN_SIZE)
		return problem(why, -EINVAL, "a pattern of %zu bytes: 1 to %d are allowed", n,
			       PATTERN_SIZE - 1);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)pattern[i] <= ' ' || pattern[i] == 0x7f)
			return problem(why, -EINVAL,
				       "byte %zu of a pattern is a space or a control character",
				       i + 1);
	if (*pattern == '/' || strstr(pattern, "//") || strstr(pattern, "***"))
		return problem(why, -EINVAL,
			       "a pattern begins with no '/', and has no \"//\" and no \"***\"");
	return 0;
}

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

static bool matches_or_folder(const char *pattern, const char *text, bool fold)
{
	char buf[PATTERN_SIZE + sizeof(HEADS) + 4];
	size_t folder = folder_of(pattern);

	if (!folder)
		return matches(pattern, text, fold);
	snprintf(buf, sizeof(buf), "%.*s", (int)folder, pattern);
	if (matches(buf, text, fold))
		return true;
	snprintf(buf, sizeof(buf), "%.*s/**", (int)folder, pattern);
	return matches(buf, text, fold);
}

bool pattern_ref(const char *pattern, const char *ref)
{
	char full[PATTERN_SIZE + sizeof(HEADS)];

	if (!strncmp(pattern, "refs/", 5))
		return matches_or_folder(pattern, ref, false);
	snprintf(full, sizeof(full), HEADS "%s", pattern);
	return matches_or_folder(full, ref, false);
}

bool pattern_path(const char *pattern, const char *path)
{
	return matches_or_folder(pattern, path, true);
}

bool pattern_below(const char *pattern, const char *path)
{
	while (*path && *pattern && *pattern != '*' && same(*pattern, *path, true)) {
		pattern++;
		path++;
	}
	/* a star takes whatever is left: that errs on the safe side */
	return *pattern == '*' || (!*path && *pattern == '/');
}
