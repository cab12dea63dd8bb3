// SPDX-License-Identifier: Apache-2.0
#include "dns/worker.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/confine.h"
#include "base/journald.h"
#include "base/log.h"
#include "base/sock.h"
#include "dns/resolver.h"

#define CORE_FD    3
#define BITE       64    /* messages taken from the core a round */
#define UNSAID_MAX 16384 /* messages kept for a core that is busy */

/* Said, and not yet taken by the kernel. */
struct unsaid {
	struct unsaid *next;
	struct msg_packet packet; /* so much of it as its type has */
};

struct dns_worker {
	struct source core;
	struct loop *loop;
	struct resolver *resolver;
	struct unsaid *unsaid, *last_unsaid;
	unsigned n_unsaid;
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

_Static_assert(MSG_SOCKETS <= SOCK_FDS, "all of a message's descriptors find a place");

static bool core_send(const struct msg_packet *packet)
{
	return send(CORE_FD, packet, core_msg_size(packet->type), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* False: no room. What is waited for is bounded by the questions on their way. */
static bool unsaid_keep(struct dns_worker *worker, const struct msg_packet *packet)
{
	size_t size = core_msg_size(packet->type);
	struct unsaid *unsaid =
	    worker->n_unsaid < UNSAID_MAX ? malloc(offsetof(struct unsaid, packet) + size) : NULL;

	if (!unsaid)
		return false;
	unsaid->next = NULL;
	memcpy(&unsaid->packet, packet, size);
	if (worker->unsaid)
		worker->last_unsaid->next = unsaid;
	else
		worker->unsaid = unsaid;
	worker->last_unsaid = unsaid;
	worker->n_unsaid++;
	source_set(&worker->core, EPOLLIN | EPOLLOUT);
	return true;
}

static void unsaid_drop_first(struct dns_worker *worker)
{
	struct unsaid *unsaid = worker->unsaid;

	worker->unsaid = unsaid->next;
	worker->n_unsaid--;
	free(unsaid);
}

static void unsaid_say(struct dns_worker *worker)
{
	while (worker->unsaid && core_send(&worker->unsaid->packet))
		unsaid_drop_first(worker);
	if (!worker->unsaid)
		source_set(&worker->core, EPOLLIN);
}

/*
 * The core hears nobody whom it owes something (user/worker.c), so who waited here for it to
 * hear would wait for ever: what it does not take now is kept.
 */
static void say(struct msg_packet *packet, void *user)
{
	struct dns_worker *worker = user;

	packet->pad = 0;
	if (!worker->unsaid && core_send(packet))
		return;
	if ((worker->unsaid || errno == EAGAIN || errno == EINTR) && unsaid_keep(worker, packet))
		return;
	loop_stop(worker->loop); /* it has ended, or we are of no use to it */
}

static bool is_spoken_to(void *user)
{
	char byte;

	(void)user;
	return recv(CORE_FD, &byte, sizeof(byte), MSG_DONTWAIT | MSG_PEEK) > 0;
}

static int on_core(struct source *source, uint32_t events)
{
	struct dns_worker *worker = container_of(source, struct dns_worker, core);
	struct msg_packet packet;
	int fd[MSG_SOCKETS];

	if (events & EPOLLOUT)
		unsaid_say(worker);
	for (int i = 0; i < BITE; i++) {
		ssize_t n = sock_receive(CORE_FD, &packet, sizeof(packet), fd, MSG_SOCKETS);

		if (n == -ECONNRESET) /* it ended with something of ours unread */
			continue;
		if (n == -EAGAIN)
			resolver_heard(worker->resolver);
		if (n < 0)
			return n == -EAGAIN || n == -EINTR ? 0 : n;
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

	log_setup("terok-bpfd resolver", LOG_INFO, journald_reads());
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C ends the core, which ends us */
	r = worker_confine();
	if (r) {
		log_error(r, "give up privileges");
		return 1;
	}
	r = loop_new(&worker.loop);
	if (!r)
		r = resolver_new(worker.loop, say, is_spoken_to, &worker, &worker.resolver);
	if (!r)
		r = source_add(worker.loop, &worker.core, CORE_FD, EPOLLIN, on_core);
	if (!r)
		r = confine_calls(calls);
	if (!r)
		r = loop_run(worker.loop);
	if (r)
		log_error(r, "resolver");
	resolver_free(worker.resolver);
	while (worker.unsaid)
		unsaid_drop_first(&worker);
	loop_free(worker.loop);
	return r ? 1 : 0;
}
