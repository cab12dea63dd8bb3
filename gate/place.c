// SPDX-License-Identifier: Apache-2.0
#include "place.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"

static const struct {
	enum path_root root;
	const char *below;
} places[PLACE_MAX_] = {
	[PLACE_BASE] = { ROOT_STATE, "gate" },
	[PLACE_TOKENS] = { ROOT_STATE, "gate/tokens.json" },
	[PLACE_PID] = { ROOT_RUNTIME, "gate-server.pid" },
	[PLACE_AUDIT] = { ROOT_STATE, "gate/audit.jsonl" },
	[PLACE_CACHE] = { ROOT_STATE, "clone-cache" },
	[PLACE_KEYS] = { ROOT_STATE, "ssh-keys" },
};

char *place_default(enum place place)
{
	return path_below(places[place].root, places[place].below);
}

char *place_absolute(const char *path, enum place otherwise)
{
	char *ret = NULL, *here;

	if (!path)
		return place_default(otherwise);
	if (*path == '/')
		return strdup(path);
	here = getcwd(NULL, 0);
	if (here && asprintf(&ret, "%s/%s", here, path) < 0)
		ret = NULL;
	free(here);
	return ret;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n >= e && !strcmp(name + n - e, end);
}

int place_project_check(const char *name, struct problem *why)
{
	size_t n = strlen(name);

	if (!n || n > GATE_PROJECT_MAX)
		return problem(why, -EINVAL, "a name of %zu bytes: 1 to %d are allowed", n,
			       GATE_PROJECT_MAX);
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

int place_repository(const char *base, const char *project, char **ret, struct problem *why)
{
	int r = place_project_check(project, why);

	if (r)
		return r;
	if (asprintf(ret, "%s/%s.git", base, project) < 0)
		return problem(why, -ENOMEM, "no memory for the path of %s", project);
	return 0;
}
