// SPDX-License-Identifier: Apache-2.0
/* played_hub.c - a hub for one client, at whatever rate is wanted; see screen.h */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sock.h"
#include "bench.h"
#include "screen.h"

#define CLIENT_MS 5000 /* that it may take to connect */
#define FRAME_MAX 2048

int played_hub_open(struct played_hub *hub)
{
	*hub = (struct played_hub){ .listen_fd = -1, .stream_fd = -1, .calls_fd = -1 };
	snprintf(hub->path, sizeof(hub->path), "%.80s/played.sock", bench.dir);
	return sock_listen(hub->path, 0600, &hub->listen_fd, NULL);
}

static int accept_one(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	if (poll(&ready, 1, CLIENT_MS) <= 0)
		return -ETIMEDOUT;
	fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What the client asks for here it gets: guards, of which there are none. */
int played_hub_accept(struct played_hub *hub)
{
	static const char stands[] = "{\"continues\":true,\"parameters\":{\"lost\":0}}";
	static const char guards[] = "{\"parameters\":{\"guards\":[]}}";
	char call[4096];

	hub->stream_fd = accept_one(hub->listen_fd);
	hub->calls_fd = accept_one(hub->listen_fd);
	if (hub->stream_fd < 0 || hub->calls_fd < 0)
		return bench_fail(-ETIMEDOUT, "terok-clearance did not connect");
	if (send(hub->stream_fd, stands, sizeof(stands), MSG_NOSIGNAL) < 0 ||
	    recv(hub->calls_fd, call, sizeof(call), 0) <= 0 ||
	    send(hub->calls_fd, guards, sizeof(guards), MSG_NOSIGNAL) < 0)
		return bench_fail(-EIO, "terok-clearance did not subscribe");
	return 0;
}

void played_hub_close(struct played_hub *hub)
{
	for (int i = 0; i < 3; i++) {
		int fd = i == 0 ? hub->listen_fd : i == 1 ? hub->stream_fd : hub->calls_fd;

		if (fd >= 0)
			close(fd);
	}
	unlink(hub->path);
	hub->listen_fd = hub->stream_fd = hub->calls_fd = -1;
}

void played_hub_event(struct played_hub *hub, const char *fmt, ...)
{
	static const char end[] = "}}}";
	char frame[FRAME_MAX] = "{\"continues\":true,\"parameters\":{\"lost\":0,\"event\":{";
	size_t n = strlen(frame);
	uint64_t start, took;
	va_list args;

	va_start(args, fmt);
	n += vsnprintf(frame + n, sizeof(frame) - n - sizeof(end), fmt, args);
	va_end(args);
	memcpy(frame + n, end, sizeof(end));
	start = bench_ns();
	if (send(hub->stream_fd, frame, n + sizeof(end), MSG_NOSIGNAL) < 0)
		return;
	took = bench_ns() - start;
	hub->sent++;
	hub->waited_ns += took;
	hub->longest_ns = took > hub->longest_ns ? took : hub->longest_ns;
}
