// SPDX-License-Identifier: Apache-2.0
#include "lockout.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "kernel.h"

/* Does the process live there, or below? Who cannot be seen lives elsewhere. */
static bool lives_in(pid_t pid, const char *path)
{
	char of[TEROK_PATH_LEN];
	size_t n = strlen(path);

	return pid > 0 && !cgroup_of_pid(pid, of, NULL) && !strncmp(of, path, n) &&
	       (!of[n] || of[n] == '/');
}

int lockout_check(const char *path, struct problem *why)
{
	const char *who = lives_in(getpid(), path)             ? "you"
			  : lives_in(kernel_agent_pid(), path) ? "the agent"
			  : lives_in(1, path)                  ? "process 1"
							       : NULL;

	if (!who)
		return 0;
	return problem(why, -EDEADLK,
		       "%s lives in %s and would be cut off as well; name a cgroup below it, or, "
		       "if that is meant, add --force",
		       who, path);
}
