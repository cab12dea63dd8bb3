// SPDX-License-Identifier: Apache-2.0
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "push.h"
#include "service/calls.h"
#include "service/reach.h"

/* git and what its hooks are: on the PATH, where git says, where we are. */
static int add_programs(struct reach *reach)
{
	const char *exec_path = getenv("GIT_EXEC_PATH");
	int r = reach_programs(reach);

	return r || !exec_path ? r : reach_folder(reach, exec_path, CONFINE_RUN);
}

static int add_all(struct reach *reach, const struct gate_confine *confine)
{
	int r = add_programs(reach);
	char hooks[PATH_MAX];

	if (!r)
		r = reach_folder(reach, "/etc", CONFINE_LOOK);
	if (!r)
		r = reach_folder(reach, "/proc", CONFINE_LOOK); /* who works in a mirror */
	if (!r)
		r = reach_devices(reach);
	if (!r)
		r = reach_folder(reach, confine->base, CONFINE_WORK);
	/* our hooks, and no repository's */
	snprintf(hooks, sizeof(hooks), "%s/%s", confine->base, PUSH_HOOKS);
	if (!r)
		r = reach_folder(reach, hooks, CONFINE_RUN);
	if (!r)
		r = reach_parent(reach, confine->tokens, CONFINE_KEEP);
	if (!r)
		r = reach_parent(reach, confine->audit, CONFINE_KEEP);
	if (!r && confine->socket_folder >= 0) {
		int fd = fcntl(confine->socket_folder, F_DUPFD_CLOEXEC, 3);

		r = fd < 0 ? -errno : reach_fd(reach, fd, CONFINE_REMOVE);
	}
	for (unsigned i = 0; !r && i < confine->reach->n; i++)
		r = reach_folder(reach, confine->reach->item[i], CONFINE_WORK);
	return r;
}

int gate_confine(const struct gate_confine *confine, struct problem *why)
{
	_cleanup_reach_ struct reach reach = {};
	int r = add_all(&reach, confine);

	if (!r)
		r = confine_files_but(reach.item, reach.n);
	if (r == -EOPNOTSUPP)
		return 0;
	if (r)
		return problem(why, r, "give up the files that are none of the mirrors': %s",
			       strerror(-r));
	return 1;
}

int gate_confine_calls(struct problem *why)
{
	static const int families[] = { AF_UNIX, 0 };
	int r = calls_give_up(families, CALLS_PROGRAMS);

	return r ? problem(why, r, "give up calls that git never makes: %s", strerror(-r)) : 0;
}
