// SPDX-License-Identifier: Apache-2.0
#include "pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/glob.h"

#define HEADS "refs/heads/"
_Static_assert(PATTERN_SIZE + sizeof(HEADS) <= GLOB_SIZE, "any pattern of a branch");

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

bool pattern_ref(const char *pattern, const char *ref)
{
	char full[PATTERN_SIZE + sizeof(HEADS)];

	if (!strncmp(pattern, "refs/", 5))
		return glob_match(pattern, ref, false);
	snprintf(full, sizeof(full), HEADS "%s", pattern);
	return glob_match(full, ref, false);
}

bool pattern_path(const char *pattern, const char *path)
{
	return glob_match(pattern, path, true);
}

bool pattern_below(const char *pattern, const char *path)
{
	while (*path && *pattern && *pattern != '*' &&
	       tolower((unsigned char)*pattern) == tolower((unsigned char)*path)) {
		pattern++;
		path++;
	}
	/* a star takes whatever is left: that errs on the safe side */
	return *pattern == '*' || (!*path && *pattern == '/');
}
