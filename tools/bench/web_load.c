// SPDX-License-Identifier: Apache-2.0
/* web_load.c - many connections that ask all the time, or at fixed times; see web.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "web.h"

#define READY    64
#define LATE_NS  1000000000 /* after the last was due */
#define REPLY    2048       /* bytes of a whole reply */
#define SLEEP_NS 10000000

struct asking {
	int fd;
	uint64_t due; /* CLOCK_MONOTONIC; 0: asks nothing */
	size_t n;
	char in[REPLY];
};

struct web_load {
	int epoll;
	unsigned n, n_idle;
	char request[512];
	size_t size;
	unsigned idle[WEB_LOAD_MAX]; /* those that ask nothing, the last one first */
	struct asking asking[];
};

void web_load_free(struct web_load *load)
{
	if (!load)
		return;
	for (unsigned i = 0; i < load->n; i++)
		close(load->asking[i].fd);
	close(load->epoll);
	free(load);
}

struct web_load *web_load_new(const struct web_target *target, unsigned n)
{
	struct web_load *load = calloc(1, sizeof(*load) + n * sizeof(*load->asking));

	if (!load)
		return NULL;
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->size = web_request(target, "GET", "/tiny", 0, load->request, sizeof(load->request));
	for (; load->n < n; load->n++) {
		struct asking *a = &load->asking[load->n];
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = load->n };
		int r;

		a->fd = r = web_connect(target);
		if (r >= 0)
			r = web_tiny(a->fd, target);
		if (r >= 0)
			r = fcntl(a->fd, F_SETFL, O_NONBLOCK) ||
				    epoll_ctl(load->epoll, EPOLL_CTL_ADD, a->fd, &event)
				? -errno
				: 0;
		if (r < 0) {
			load->n += a->fd >= 0;
			web_load_free(load);
			errno = -r;
			return NULL;
		}
		load->idle[load->n_idle++] = load->n;
	}
	return load;
}

static int ask(struct web_load *load, struct asking *a, uint64_t due)
{
	a->due = due;
	return send(a->fd, load->request, load->size, MSG_NOSIGNAL) == (ssize_t)load->size ? 0
											   : -EPIPE;
}

/* 1: a reply is whole; 0: not yet. */
static int hear(struct asking *a)
{
	ssize_t r = recv(a->fd, a->in + a->n, REPLY - 1 - a->n, 0);
	char *end;

	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (r <= 0)
		return r ? -errno : -EPIPE;
	a->n += (size_t)r;
	a->in[a->n] = '\0';
	end = strstr(a->in, "\r\n\r\n");
	if (!end || a->n < (size_t)(end - a->in) + 4 + WEB_REPLY)
		return a->n == REPLY - 1 ? -EMSGSIZE : 0;
	if (!a->due || strncmp(a->in, "HTTP/1.1 200 ", 13) ||
	    a->n != (size_t)(end - a->in) + 4 + WEB_REPLY)
		return -EPROTO;
	a->n = 0;
	return 1;
}

int64_t web_load_closed(struct web_load *load, uint64_t ns, uint64_t *took)
{
	uint64_t start = bench_ns(), end = start + ns, now = start;
	unsigned out = 0;
	int64_t n = 0;

	while (load->n_idle && ++out)
		if (ask(load, &load->asking[load->idle[--load->n_idle]], start))
			return -EPIPE;
	while (out) {
		struct epoll_event ready[READY];
		int r = epoll_wait(load->epoll, ready, READY, 30000);

		if (!r)
			return -ETIMEDOUT;
		now = bench_ns();
		for (int i = 0; i < r; i++) {
			struct asking *a = &load->asking[ready[i].data.u32];
			int heard = hear(a);

			if (heard < 0)
				return heard;
			if (!heard)
				continue;
			n++;
			if (now < end && !ask(load, a, now))
				continue;
			a->due = 0;
			load->idle[load->n_idle++] = ready[i].data.u32;
			out--;
		}
	}
	*took = now - start;
	return n;
}

/* Replies that are there within @wait_ns. */
static int open_hear(struct web_load *load, uint64_t wait_ns, struct samples *out)
{
	struct timespec wait = { .tv_nsec = (long)(wait_ns < SLEEP_NS ? wait_ns : SLEEP_NS) };
	struct epoll_event ready[READY];
	int r = epoll_pwait2(load->epoll, ready, READY, &wait, NULL), heard = 0;

	for (int i = 0; i < r; i++) {
		struct asking *a = &load->asking[ready[i].data.u32];
		int one = hear(a);

		if (one < 0)
			return one;
		if (!one)
			continue;
		samples_add(out, bench_ns() - a->due);
		a->due = 0;
		load->idle[load->n_idle++] = ready[i].data.u32;
		heard++;
	}
	return heard;
}

int64_t web_load_open(struct web_load *load, unsigned rate, uint64_t ns, struct samples *out)
{
	uint64_t gap = 1000000000ull / rate, start = bench_ns() + gap, count = ns / gap;
	uint64_t asked = 0, heard = 0, now, end = start + ns + LATE_NS;

	prctl(PR_SET_TIMERSLACK, 1UL);
	while (heard < count && (now = bench_ns()) < end) {
		uint64_t due = start + asked * gap;
		int r;

		while (asked < count && due <= now && load->n_idle) {
			if (ask(load, &load->asking[load->idle[--load->n_idle]], due))
				return -EPIPE;
			due = start + ++asked * gap;
		}
		/* who waits for a connection has been due for a while: its time runs */
		r = open_hear(load, asked == count || !load->n_idle ? SLEEP_NS : due - now, out);
		if (r < 0)
			return r;
		heard += (uint64_t)r;
	}
	for (uint64_t i = heard; i < count; i++)
		samples_add(out, end - (start + i * gap));
	return (int64_t)(count - heard);
}
