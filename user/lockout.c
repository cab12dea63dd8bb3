// SPDX-License-Identifier: Apache-2.0
#include "lockout.h"

#include <errno.h>

#include "cgroup.h"
#include "kernel.h"

int lockout_check(const char *path, pid_t you, struct problem *why)
{
	const char *who = cgroup_holds(path, you)                  ? "you"
			  : cgroup_holds(path, kernel_agent_pid()) ? "the agent"
			  : cgroup_holds(path, 1)                  ? "process 1"
								   : NULL;

	if (!who)
		return 0;
	return problem(why, -EDEADLK,
		       "%s lives in %s and would be cut off as well; name a cgroup below it, or, "
		       "if that is meant, add --force",
		       who, path);
}
