// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/spawn.h"

#define CLOSED_ON_EXEC (1U << 2) /* CLOSE_RANGE_CLOEXEC, which older headers do not have */

enum child_step { STEP_RUN, STEP_FDS, STEP_IDENTITY, STEP_FOLDER };

static const char *const step_name[] = {
	[STEP_RUN] = "run",
	[STEP_FDS] = "give descriptors to",
	[STEP_IDENTITY] = "become the user of",
	[STEP_FOLDER] = "enter the folder of",
};

static _Noreturn void fail(const struct child_spec *spec, enum child_step step, int err)
{
	struct child_failure failure = { .number = spec->number, .step = step, .err = err };
	ssize_t n = write(spec->said, &failure, sizeof(failure));

	_exit(n == sizeof(failure) ? 127 : 126);
}

/* The kernel refuses a terminal to a group in the background, unless that blocks SIGTTOU. */
static void group_enter(const struct child_spec *spec)
{
	setpgid(0, spec->group);
	if (!spec->foreground)
		return;
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(0, getpid());
}

static int fds_take(const struct child_spec *spec)
{
	for (int i = 0; i < 3; i++)
		if (spec->fd[i] >= 0 && dup2(spec->fd[i], i) < 0)
			return errno;
	/* also what whoever started us left open; before Linux 5.11 that stays */
	syscall(SYS_close_range, 3U, ~0U, CLOSED_ON_EXEC);
	return 0;
}

/* For good: all three of each number, and it is tried whether there is a way back. */
static int identity_take(const struct child_spec *spec)
{
	uid_t uid[3];
	gid_t gid[3];

	/* without the power to change it there is nothing to give up either */
	if (geteuid() == 0 || spec->uid != getuid() || spec->gid != getgid())
		if (setgroups(spec->n_groups, spec->groups) ||
		    setresgid(spec->gid, spec->gid, spec->gid) ||
		    setresuid(spec->uid, spec->uid, spec->uid))
			return errno;
	if (getresuid(&uid[0], &uid[1], &uid[2]) || getresgid(&gid[0], &gid[1], &gid[2]))
		return errno;
	for (int i = 0; i < 3; i++)
		if (uid[i] != spec->uid || gid[i] != spec->gid)
			return EPERM;
	return spec->uid && !setuid(0) ? EPERM : 0;
}

static _Noreturn void become(const struct child_spec *spec)
{
	int err;

	group_enter(spec);
	err = fds_take(spec);
	if (err)
		fail(spec, STEP_FDS, err);
	err = identity_take(spec);
	if (err)
		fail(spec, STEP_IDENTITY, err);
	/* as that user: a folder that is not theirs is not entered for them */
	if (spec->cwd && *spec->cwd && chdir(spec->cwd))
		fail(spec, STEP_FOLDER, errno);
	spawn_reset_signals();
	environ = (char **)spec->env;
	execvp(spec->argv[0], spec->argv);
	fail(spec, STEP_RUN, errno);
}

pid_t child_begin(const struct child_spec *spec)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(spec);
	setpgid(pid, spec->group ?: pid); /* whoever of the two comes first */
	return pid;
}

void child_failed(const struct child_failure *failure, const char *program, char *text, size_t size)
{
	uint32_t step = failure->step;
	char safe[64];

	snprintf(text, size, "%s '%s': %s",
		 step_name[step < sizeof(step_name) / sizeof(*step_name) ? step : STEP_RUN],
		 log_safe(safe, sizeof(safe), program), strerror(failure->err));
}
