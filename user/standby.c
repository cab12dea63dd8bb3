// SPDX-License-Identifier: Apache-2.0
#include "standby.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"

static int child_start(const char *name, struct errand *child, int *fd)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	r = errand_start(child, name, &theirs, 1);
	if (!r)
		*fd = TAKE_FD(ours);
	return r;
}

static int on_begin(struct timer *timer);

static void begin_in(struct standby *standby, uint64_t ns)
{
	if (!standby->begin.loop)
		timer_arm(standby->loop, &standby->begin, now_boot_ns() + ns, on_begin);
}

static void child_end(struct standby *standby)
{
	source_del(&standby->exit);
	if (standby->child.pid) {
		errand_kill(&standby->child);
		errand_end(&standby->child);
	}
	closep(&standby->fd);
}

/* Whoever wants one meanwhile starts it, and says so if that fails. */
static void begin_again(struct standby *standby)
{
	child_end(standby);
	begin_in(standby, STANDBY_AGAIN_NS << standby->died);
	standby->died += standby->died < STANDBY_AGAIN_MAX;
}

/* Nobody waits for that one: it was out of luck, or is ill, and so will the next be. */
static int on_exit_unasked(struct source *source, uint32_t events)
{
	struct standby *standby = container_of(source, struct standby, exit);

	(void)events;
	log_warn(0, "worker %s ended before it had anything to do", standby->name);
	begin_again(standby);
	return 0;
}

/* Nobody has wanted it for long. */
static int on_rest(struct timer *timer)
{
	standby_end(container_of(timer, struct standby, rest));
	return 0;
}

static void rest_later(struct standby *standby)
{
	timer_arm(standby->loop, &standby->rest, now_boot_ns() + STANDBY_REST_NS, on_rest);
}

static int on_begin(struct timer *timer)
{
	struct standby *standby = container_of(timer, struct standby, begin);
	int r;

	if (standby->child.pid)
		return 0;
	r = child_start(standby->name, &standby->child, &standby->fd);
	if (!r)
		r = source_add(standby->loop, &standby->exit, standby->child.pid_fd, EPOLLIN,
			       on_exit_unasked);
	if (r)
		begin_again(standby);
	return 0;
}

void standby_init(struct standby *standby, struct loop *loop, const char *name)
{
	*standby = (struct standby){ .loop = loop, .name = name, .fd = -1 };
}

void standby_want(struct standby *standby)
{
	rest_later(standby);
	if (!standby->child.pid)
		begin_in(standby, 0);
}

int standby_take(struct standby *standby, struct errand *child, int *fd)
{
	rest_later(standby);
	begin_in(standby, STANDBY_NS);
	if (!standby->child.pid)
		return child_start(standby->name, child, fd);
	source_del(&standby->exit);
	*child = standby->child;
	*fd = TAKE_FD(standby->fd);
	standby->child.pid = 0;
	standby->died = 0;
	return 1;
}

void standby_end(struct standby *standby)
{
	timer_disarm(&standby->begin);
	timer_disarm(&standby->rest);
	child_end(standby);
}
