// SPDX-License-Identifier: Apache-2.0
#include "project.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/name.h"

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n >= e && !strcmp(name + n - e, end);
}

int project_check(const char *name, struct problem *why)
{
	int r = name_check(name, PROJECT_MAX, why);

	if (!r && (ends_in(name, ".git") || ends_in(name, ".lock")))
		return problem(why, -EINVAL, "'%s' ends in .git or .lock: leave that away", name);
	return r;
}
