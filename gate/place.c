// SPDX-License-Identifier: Apache-2.0
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	return path ? path_absolute(path) : place_default(otherwise);
}

int place_repository(const char *base, const char *project, char **ret, struct problem *why)
{
	int r = project_check(project, why);

	if (r)
		return r;
	if (asprintf(ret, "%s/%s.git", base, project) < 0)
		return problem(why, -ENOMEM, "no memory for the path of %s", project);
	return 0;
}
