// SPDX-License-Identifier: Apache-2.0
#include "owner_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"

#define FIRST_FREE 32 /* descriptors of the child's: above all that it shall have */

/* In the child: descriptors 3 and up and nothing else, then this program again. */
static void __attribute__((__noreturn__)) child_exec(int pair, const int *fd)
{
	int at[1 + MSG_PLACES];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* out of the way first: one may sit where another belongs */
	for (int i = 0; i <= MSG_PLACES; i++)
		at[i] = fcntl(i ? fd[i - 1] : pair, F_DUPFD_CLOEXEC, FIRST_FREE);
	for (int i = 0; i <= MSG_PLACES; i++)
		if (at[i] < 0 || dup2(at[i], 3 + i) != 3 + i)
			_exit(126);
	syscall(SYS_close_range, 4 + MSG_PLACES, ~0U, 0);
	execl("/proc/self/exe", "terok-bpfd", "--worker", "owner", NULL);
	_exit(127);
}

int owner_child_start(struct owner_child *child, const struct owner_task *task, const int *fd)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	if (send(ours, task, sizeof(*task), MSG_NOSIGNAL) != sizeof(*task))
		return -EIO;
	child->pid = fork();
	if (!child->pid)
		child_exec(theirs, fd);
	if (child->pid > 0)
		child->pid_fd = syscall(SYS_pidfd_open, child->pid, 0);
	r = child->pid < 0 || child->pid_fd < 0 ? -errno : 0;
	if (r && child->pid > 0) {
		kill(child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
	}
	if (r)
		child->pid = 0;
	else
		child->fd = TAKE_FD(ours);
	return r;
}

void owner_child_kill(const struct owner_child *child)
{
	syscall(SYS_pidfd_send_signal, child->pid_fd, SIGKILL, NULL, 0);
}

bool owner_child_await(const struct owner_child *child, uint64_t until_ns)
{
	struct pollfd ended = { .fd = child->pid_fd, .events = POLLIN };
	uint64_t now = now_boot_ns();

	return poll(&ended, 1, until_ns > now ? (until_ns - now) / 1000000 : 0) == 1;
}

int owner_child_end(struct owner_child *child, struct owner_report *ret)
{
	ssize_t n = recv(child->fd, ret, sizeof(*ret), MSG_DONTWAIT);

	waitpid(child->pid, NULL, 0);
	closep(&child->pid_fd);
	closep(&child->fd);
	child->pid = 0;
	return n == sizeof(*ret) ? ret->result : -ECHILD;
}
