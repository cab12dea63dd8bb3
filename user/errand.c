// SPDX-License-Identifier: Apache-2.0
#include "errand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"

#define FIRST_FREE 32 /* descriptors of the child's: above all that it shall have */

static void __attribute__((__noreturn__)) errand_exec(const char *name, const int *fd, unsigned n)
{
	int at[ERRAND_FDS];

	spawn_reset_signals();
	/* out of the way first: one may sit where another belongs */
	for (unsigned i = 0; i < n; i++)
		at[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, FIRST_FREE);
	for (unsigned i = 0; i < n; i++)
		if (at[i] < 0 || dup2(at[i], 3 + i) != (int)(3 + i))
			_exit(126);
	syscall(SYS_close_range, 3 + n, ~0U, 0);
	execl("/proc/self/exe", "terok-bpfd", "--worker", name, NULL);
	_exit(127);
}

int errand_start(struct errand *errand, const char *name, const int *fd, unsigned n)
{
	int r;

	if (n > ERRAND_FDS)
		return -EINVAL;
	/* the core has much memory, and a child that starts has no use for any of it */
	errand->pid = vfork();
	if (!errand->pid)
		errand_exec(name, fd, n);
	if (errand->pid > 0)
		errand->pid_fd = syscall(SYS_pidfd_open, errand->pid, 0);
	r = errand->pid < 0 || errand->pid_fd < 0 ? -errno : 0;
	if (r && errand->pid > 0) {
		kill(errand->pid, SIGKILL);
		waitpid(errand->pid, NULL, 0);
	}
	if (r)
		errand->pid = 0;
	return r;
}

void errand_kill(const struct errand *errand)
{
	syscall(SYS_pidfd_send_signal, errand->pid_fd, SIGKILL, NULL, 0);
}

int errand_end(struct errand *errand)
{
	int status = 0;

	waitpid(errand->pid, &status, 0);
	closep(&errand->pid_fd);
	errand->pid = 0;
	return status;
}
