// SPDX-License-Identifier: Apache-2.0
#include "backend_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"

#define PIPE_SIZE (256 << 10) /* bytes, where the kernel allows it: fewer turns for a big pack */

enum { IN, OUT, ERR, PIPES };

/*
 * In the child, which borrows our memory: it writes to nothing of it but *failed. It ends with
 * us, by a signal that lets git take its locks away.
 */
static _Noreturn void become(const char *const *argv, const char *const *env, const char *folder,
			     int ends[PIPES][2], volatile int *failed)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	spawn_reset_signals();
	if (dup2(ends[IN][0], 0) < 0 || dup2(ends[OUT][1], 1) < 0 || dup2(ends[ERR][1], 2) < 0 ||
	    chdir(folder))
		*failed = errno;
	else {
		execve(argv[0], (char **)argv, (char **)env);
		*failed = errno;
	}
	_exit(127);
}

static int pipes_open(int ends[PIPES][2])
{
	for (int i = 0; i < PIPES; i++) {
		int ours = i == IN;

		if (pipe2(ends[i], O_CLOEXEC) || fcntl(ends[i][ours], F_SETFL, O_NONBLOCK))
			return -errno;
		if (i != ERR)
			fcntl(ends[i][ours], F_SETPIPE_SZ, PIPE_SIZE); /* less will do */
	}
	return 0;
}

static int start(const char *const *argv, const char *const *env, const char *folder,
		 int ends[PIPES][2], struct backend_process *ret, struct problem *why)
{
	volatile int failed = 0;
	int r = pipes_open(ends);

	if (r)
		return problem(why, r, "make pipes for %s: %s", argv[0], strerror(-r));
	ret->pid = vfork();
	if (ret->pid == 0)
		become(argv, env, folder, ends, &failed);
	if (ret->pid < 0)
		return problem(why, -errno, "start a process for %s: %s", argv[0], strerror(errno));
	ret->pidfd = pidfd_open(ret->pid, 0);
	if (ret->pidfd < 0 && !failed)
		failed = errno;
	return failed ? problem(why, -failed, "cannot run %s: %s", argv[0], strerror(failed)) : 0;
}

int backend_spawn(const char *const *argv, const char *const *env, const char *folder,
		  struct backend_process *ret, struct problem *why)
{
	int ends[PIPES][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct backend_process process = BACKEND_PROCESS_NONE;
	int r = start(argv, env, folder, ends, &process, why);

	process.in = TAKE_FD(ends[IN][1]);
	process.out = TAKE_FD(ends[OUT][0]);
	process.err = TAKE_FD(ends[ERR][0]);
	for (int i = 0; i < PIPES; i++) {
		closep(&ends[i][0]);
		closep(&ends[i][1]);
	}
	if (!r) {
		*ret = process;
		return 0;
	}
	closep(&process.in);
	closep(&process.out);
	closep(&process.err);
	closep(&process.pidfd);
	if (process.pid > 0) {
		kill(process.pid, SIGKILL);
		while (waitpid(process.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return r;
}
