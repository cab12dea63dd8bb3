// SPDX-License-Identifier: Apache-2.0
#include "base/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"

static int on_signal(struct source *source, uint32_t events)
{
	struct signals *signals = container_of(source, struct signals, source);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return signals->fn(signals, info.ssi_signo);
}

int signals_add(struct loop *loop, struct signals *signals, const int *more,
		int (*fn)(struct signals *signals, int signal))
{
	_cleanup_close_ int fd = -1;
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	for (; more && *more; more++)
		sigaddset(&set, *more);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = source_add(loop, &signals->source, fd, EPOLLIN, on_signal);
	if (r)
		return r;
	signals->fn = fn;
	fd = -1; /* the source's */
	return 0;
}

void signals_end(struct signals *signals)
{
	int fd = signals->source.fd;

	if (!signals->source.loop)
		return;
	source_del(&signals->source);
	close(fd);
}
