// SPDX-License-Identifier: Apache-2.0
#include "agent_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/name.h"

static int part_check(const char *what, const char *name, struct problem *why)
{
	struct problem text;

	if (name_check(name, AGENT_NAME_MAX, &text))
		return problem(why, -EINVAL, "%s: %s", what, text.text);
	if (strchr(name, '.'))
		return problem(why, -EINVAL, "%s: %.100s has a dot, which is between both names",
			       what, name);
	return 0;
}

int agent_name_check(const char *project, const char *agent, struct problem *why)
{
	int r = *project ? part_check("project", project, why) : 0;

	return r ?: part_check("agent", agent, why);
}

void agent_name_full(const char *project, const char *agent, char ret[static AGENT_FULL_LEN])
{
	snprintf(ret, AGENT_FULL_LEN, "clawker.%s%s%s", project, *project ? "." : "", agent);
}

int agent_id_check(const char *id, struct problem *why)
{
	size_t n = strlen(id);

	if (n && n <= AGENT_ID_MAX && strspn(id, "0123456789abcdef") == n)
		return 0;
	return problem(why, -EINVAL, "container %.80s: no id: 1 to %d lowercase hexadecimal digits",
		       id, AGENT_ID_MAX);
}
