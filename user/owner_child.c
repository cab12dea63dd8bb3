// SPDX-License-Identifier: Apache-2.0
#include "owner_child.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/event.h"

int owner_child_start(struct owner_child *child, const struct owner_task *task, const int *fd)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2], at[1 + MSG_PLACES], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	if (send(ours, task, sizeof(*task), MSG_NOSIGNAL) != sizeof(*task))
		return -EIO;
	at[0] = theirs;
	memcpy(at + 1, fd, sizeof(at) - sizeof(at[0]));
	r = errand_start(&child->self, "owner", at, 1 + MSG_PLACES);
	if (!r)
		child->fd = TAKE_FD(ours);
	return r;
}

void owner_child_kill(const struct owner_child *child)
{
	errand_kill(&child->self);
}

bool owner_child_await(const struct owner_child *child, uint64_t until_ns)
{
	struct pollfd ended = { .fd = child->self.pid_fd, .events = POLLIN };
	uint64_t now = now_boot_ns();

	return poll(&ended, 1, until_ns > now ? (until_ns - now) / 1000000 : 0) == 1;
}

int owner_child_end(struct owner_child *child, struct owner_report *ret)
{
	ssize_t n = recv(child->fd, ret, sizeof(*ret), MSG_DONTWAIT);

	errand_end(&child->self);
	closep(&child->fd);
	return n == sizeof(*ret) ? ret->result : -ECHILD;
}
