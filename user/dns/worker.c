// SPDX-License-Identifier: Apache-2.0
#include "dns/worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/confine.h"
#include "base/log.h"
#include "dns/resolver.h"

#define CORE_FD 3
#define BITE    64 /* messages taken from the core a round */

struct dns_worker {
	struct source core;
	struct loop *loop;
	struct resolver *resolver;
};

/* What the worker may still do, and who needs it. */
static const char *const calls[] = {
	/* base/event.c */
	"epoll_pwait2",
	"epoll_pwait",
	"epoll_wait",
	"epoll_ctl",
	/* dns/listen.c, dns/upstream.c */
	"accept4",
	"socket",
	"bind",
	"connect",
	"getsockopt",
	"setsockopt",
	"getsockname",
	"shutdown",
	"close",
	"recvfrom",
	"recvmsg",
	"sendto",
	"sendmsg",
	"read",
	"getrandom",
	/* now_boot_ns() where the vdso cannot help */
	"clock_gettime",
	/* malloc */
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"madvise",
	/* libc's own locks */
	"futex",
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

/* The core must hear it: what it does not take now it takes soon, it never waits for us. */
static void say(struct msg_packet *packet, void *user)
{
	struct dns_worker *worker = user;

	packet->pad = 0;
	if (send(CORE_FD, packet, core_msg_size(packet->type), MSG_NOSIGNAL) < 0 && errno != EINTR)
		loop_stop(worker->loop); /* it has ended */
}

static ssize_t core_receive(struct msg_packet *packet, int fd[static MSG_SOCKETS])
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(MSG_SOCKETS * sizeof(int))];
	} control;
	struct iovec bytes = { packet, sizeof(*packet) };
	struct msghdr msg = { .msg_iov = &bytes,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(CORE_FD, &msg, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	for (unsigned i = 0; i < MSG_SOCKETS; i++)
		fd[i] = -1;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
	return n;
}

static int on_core(struct source *source, uint32_t events)
{
	struct dns_worker *worker = container_of(source, struct dns_worker, core);
	struct msg_packet packet;
	int fd[MSG_SOCKETS];

	(void)events;
	for (int i = 0; i < BITE; i++) {
		ssize_t n = core_receive(&packet, fd);

		if (n < 0 && errno == ECONNRESET) /* it ended with something of ours unread */
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (!n) {
			loop_stop(worker->loop);
			return 0;
		}
		if (n > (ssize_t)sizeof(packet) || !core_msg_check(&packet, n, FROM_CORE))
			return log_error(-EPROTO, "the core said something that is no message");
		resolver_hear(worker->resolver, &packet, fd);
	}
	return 0;
}

static int worker_confine(void)
{
	int r = confine_early(CORE_FD);

	if (!r)
		r = confine_user(); /* needs the capability that the next stage drops */
	if (!r)
		r = confine_caps(0);
	if (!r)
		r = confine_files();
	return r;
}

int dns_worker_main(void)
{
	struct dns_worker worker = {};
	int r;

	log_setup("terok-bpfd resolver", LOG_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C ends the core, which ends us */
	r = worker_confine();
	if (r) {
		log_error(r, "give up privileges");
		return 1;
	}
	r = loop_new(&worker.loop);
	if (!r)
		r = resolver_new(worker.loop, say, &worker, &worker.resolver);
	if (!r)
		r = source_add(worker.loop, &worker.core, CORE_FD, EPOLLIN, on_core);
	if (!r)
		r = confine_calls(calls);
	if (!r)
		r = loop_run(worker.loop);
	if (r)
		log_error(r, "resolver");
	resolver_free(worker.resolver);
	loop_free(worker.loop);
	return r ? 1 : 0;
}
