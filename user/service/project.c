// SPDX-License-Identifier: Apache-2.0
#include "project.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n >= e && !strcmp(name + n - e, end);
}

int project_check(const char *name, struct problem *why)
{
	size_t n = strlen(name);

	if (!n || n > PROJECT_MAX)
		return problem(why, -EINVAL, "a name of %zu bytes: 1 to %d are allowed", n,
			       PROJECT_MAX);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (isascii(c) && (isalnum(c) || (i && strchr("._-", c))))
			continue;
		return problem(why, -EINVAL,
			       "byte %zu of the name is not allowed: letters and digits, then also "
			       "'.', '_', '-'",
			       i + 1);
	}
	if (ends_in(name, ".git") || ends_in(name, ".lock"))
		return problem(why, -EINVAL, "'%s' ends in .git or .lock: leave that away", name);
	return 0;
}
