// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/confine.h"
#include "base/event.h"
#include "base/journald.h"
#include "base/log.h"
#include "base/sock.h"
#include "hub_core.h"
#include "serve.h"

#define CORE_FD   3
#define LISTEN_FD 4
#define BITE      64 /* messages taken from the core a round: clients get their turn between */

/*
 * Who listens is said so often at most: what says it is long, and somebody who came and went all
 * the time would leave no room for answers in a core's socket that is busy.
 */
#define AUDIENCE_NS (SECOND_NS / 10)
#define PONG_NS     (SECOND_NS / 10) /* between two tries to answer a core that is busy */

struct hub_worker {
	struct source core;
	struct loop *loop;
	struct hub_core *hub;
	struct varlink_server *server;
	struct timer tell;        /* armed: who listens is to be told */
	uint64_t told_ns;         /* when it was last */
	struct msg_packet latest; /* that says it */
	struct timer again;       /* armed: the core had no room for our answer to its ping */
	struct msg_ping ping;
};

/* What the worker may still do, and who needs it. */
static const char *const calls[] = {
	/* base/event.c */
	"epoll_pwait2",
	"epoll_pwait",
	"epoll_wait",
	"epoll_ctl",
	/* base/varlink.c, base/sock.c: peers come, go, and are asked who they are */
	"accept4",
	"getsockopt",
	"shutdown",
	"close",
	/* frames of peers, messages of the core */
	"recvfrom",
	"recvmsg",
	"sendto",
	"sendmsg",
	/* now_boot_ns() where the vdso cannot help */
	"clock_gettime",
	/* malloc */
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"madvise",
	/* libc's own locks and hash seeds */
	"futex",
	"getrandom",
	/* base/log.c: stderr */
	"write",
	"fstat",
	"newfstatat",
	/* the end */
	"rt_sigreturn",
	"restart_syscall",
	"exit_group",
	"exit",
	NULL,
};

static int packet_send(struct msg_packet *packet)
{
	packet->pad = 0;
	if (send(CORE_FD, packet, core_msg_size(packet->type), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static void audience_arm(struct hub_worker *worker);

static int audience_tell(struct timer *timer)
{
	struct hub_worker *worker = container_of(timer, struct hub_worker, tell);

	worker->told_ns = now_boot_ns();
	if (packet_send(&worker->latest) == -EAGAIN)
		audience_arm(worker);
	return 0;
}

static void audience_arm(struct hub_worker *worker)
{
	timer_arm(worker->loop, &worker->tell, worker->told_ns + AUDIENCE_NS, audience_tell);
}

static int worker_send(struct msg_packet *packet, void *user)
{
	struct hub_worker *worker = user;

	if (packet->type != MSG_AUDIENCE)
		return packet_send(packet);
	worker->latest = *packet;
	audience_arm(worker);
	return 0;
}

/* All that came before it has been done, and clients can connect: the loop turns. */
static int pong(struct timer *timer)
{
	struct hub_worker *worker = container_of(timer, struct hub_worker, again);
	struct msg_packet packet = { .type = MSG_PONG, .PONG = worker->ping };

	if (packet_send(&packet) == -EAGAIN)
		timer_arm(worker->loop, timer, now_boot_ns() + PONG_NS, pong);
	return 0;
}

static void on_ping(struct hub_worker *worker, const struct msg_ping *ping)
{
	worker->ping = *ping;
	pong(&worker->again);
}

/* The sockets of a user, in place of those that there were. */
static void on_open(struct hub_worker *worker, const struct msg_owner *open,
		    int fd[static MSG_PLACES])
{
	unsigned n = 0;
	int r = 0;

	varlink_server_unlisten(worker->server, open->uid);
	for (unsigned place = 0; place < MSG_PLACES; place++) {
		if (!(open->places >> place & 1) || fd[n] < 0)
			continue;
		r = varlink_server_listen(worker->server, TAKE_FD(fd[n]), open->uid, place) ?: r;
		n++;
	}
	if (r)
		log_warn(r, "user %u is not served where clients look", open->uid);
}

static void hear(struct hub_worker *worker, const struct msg_packet *packet,
		 int fd[static MSG_PLACES])
{
	if (packet->type == MSG_PING)
		on_ping(worker, &packet->PING);
	else if (packet->type == MSG_OPEN)
		on_open(worker, &packet->OPEN, fd);
	else if (packet->type == MSG_CLOSE)
		varlink_server_unlisten(worker->server, packet->CLOSE.uid);
	else
		hub_core_hear(worker->hub, packet);
	for (unsigned i = 0; i < MSG_PLACES; i++)
		closep(&fd[i]);
}

static int on_core(struct source *source, uint32_t events)
{
	struct hub_worker *worker = container_of(source, struct hub_worker, core);
	struct msg_packet packet;
	int fd[MSG_PLACES];

	(void)events;
	for (int i = 0; i < BITE; i++) {
		ssize_t n = sock_receive(CORE_FD, &packet, sizeof(packet), fd, MSG_PLACES);

		/* it ended with something of ours unread; what it said before comes next */
		if (n == -ECONNRESET)
			continue;
		if (n < 0)
			return n == -EAGAIN || n == -EINTR ? 0 : n;
		if (!n) {
			loop_stop(worker->loop);
			return 0;
		}
		if (n > (ssize_t)sizeof(packet) || !core_msg_check(&packet, n, FROM_CORE))
			return log_error(-EPROTO, "the core said something that is no message");
		hear(worker, &packet, fd);
	}
	return 0;
}

static int worker_confine(void)
{
	int r = confine_early(LISTEN_FD);

	if (!r)
		r = confine_user(); /* needs the capability that the next stage drops */
	if (!r)
		r = confine_caps(0);
	if (!r)
		r = confine_files();
	return r;
}

int hub_worker_main(void)
{
	struct hub_worker worker = {};
	int r;

	log_setup("terok-bpfd hub", LOG_INFO, journald_reads());
	signal(SIGPIPE, SIG_IGN);
	/* a terminal's Ctrl-C ends the core, which ends us when all is told */
	signal(SIGINT, SIG_IGN);
	r = worker_confine();
	if (r) {
		log_error(r, "give up privileges");
		return 1;
	}
	r = loop_new(&worker.loop);
	if (!r)
		r = hub_core_new(worker_send, &worker, &worker.hub);
	if (!r)
		r = serve_new(worker.loop, LISTEN_FD, hub_core_hub(worker.hub), &worker.server);
	if (!r)
		r = source_add(worker.loop, &worker.core, CORE_FD, EPOLLIN, on_core);
	if (!r) /* everything is open: from here on only what serving needs */
		r = confine_calls(calls);
	if (!r)
		r = loop_run(worker.loop);
	if (r)
		log_error(r, "hub");
	varlink_server_free(worker.server);
	hub_core_free(worker.hub);
	loop_free(worker.loop);
	return r ? 1 : 0;
}
