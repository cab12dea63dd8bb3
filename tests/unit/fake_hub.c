// SPDX-License-Identifier: Apache-2.0
#include "fake_hub.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/event.h"
#include "base/sock.h"

#define PATIENCE_MS 10000

bool fake_hub_open(struct fake_hub *hub)
{
	*hub = (struct fake_hub){ .listen_fd = -1, .stream_fd = -1, .calls_fd = -1 };
	strcpy(hub->folder, "/tmp/fake_hub.XXXXXX");
	if (!mkdtemp(hub->folder))
		return false;
	snprintf(hub->path, sizeof(hub->path), "%s/sock", hub->folder);
	return sock_listen(hub->path, 0600, &hub->listen_fd, NULL) == 0;
}

void fake_hub_leave(struct fake_hub *hub)
{
	if (hub->stream_fd >= 0)
		close(hub->stream_fd);
	if (hub->calls_fd >= 0)
		close(hub->calls_fd);
	hub->stream_fd = hub->calls_fd = -1;
	hub->n = 0;
}

void fake_hub_close(struct fake_hub *hub)
{
	fake_hub_leave(hub);
	if (hub->listen_fd >= 0)
		close(hub->listen_fd);
	unlink(hub->path);
	rmdir(hub->folder);
	free(hub->heard);
	*hub = (struct fake_hub){ .listen_fd = -1, .stream_fd = -1, .calls_fd = -1 };
}

static int accept_one(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, PATIENCE_MS) == 1 ? accept(fd, NULL, NULL) : -1;
}

bool fake_hub_accept(struct fake_hub *hub)
{
	hub->stream_fd = accept_one(hub->listen_fd);
	hub->calls_fd = accept_one(hub->listen_fd);
	return hub->stream_fd >= 0 && hub->calls_fd >= 0;
}

static void send_all(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return; /* it has gone: the test will notice */
		text += sent > 0 ? sent : 0;
		n -= sent > 0 ? sent : 0;
	}
}

void fake_hub_stream(struct fake_hub *hub, const char *frame, size_t n)
{
	send_all(hub->stream_fd, frame, n);
}

void fake_hub_reply(struct fake_hub *hub, const char *frame)
{
	send_all(hub->calls_fd, frame, strlen(frame) + 1);
}

void fake_hub_stands(struct fake_hub *hub)
{
	static const char frame[] = "{\"continues\":true,\"parameters\":{\"lost\":0}}";

	fake_hub_stream(hub, frame, sizeof(frame));
}

void fake_hub_guards(struct fake_hub *hub)
{
	fake_hub_reply(hub, "{\"parameters\":{\"guards\":[]}}");
}

void fake_hub_event(struct fake_hub *hub, const char *fmt, ...)
{
	char *members = NULL, *frame = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	if (vasprintf(&members, fmt, args) < 0)
		abort();
	va_end(args);
	n = asprintf(&frame, "{\"continues\":true,\"parameters\":{\"lost\":0,\"event\":{%s}}}",
		     members);
	if (n < 0)
		abort();
	fake_hub_stream(hub, frame, n + 1);
	free(members);
	free(frame);
}

void fake_hub_request(struct fake_hub *hub, const char *id, const char *container,
		      const char *domain, const char *dest, int count)
{
	fake_hub_event(
	    hub,
	    "\"type\":\"request\",\"request_id\":\"%s\",\"guard\":%d,\"container\":\"c-%s\","
	    "\"name\":\"%s\",\"dest\":\"%s\",\"domain\":\"%s\",\"port\":443,\"proto\":6,"
	    "\"count\":%d,\"reason\":\"default\",\"hook\":\"connect4\",\"rule\":\"\","
	    "\"parents\":[\"bash\",\"node\"],\"process\":{\"pid\":4711,\"uid\":1000,"
	    "\"comm\":\"curl\",\"exe\":\"/usr/bin/curl\",\"cmdline\":\"curl -sS https://%s/x\","
	    "\"parent_comm\":\"bash\"}",
	    id, *container, container, container, dest, domain, count, *domain ? domain : dest);
}

const char *fake_hub_hear(struct fake_hub *hub, int ms)
{
	static char call[4096];
	struct pollfd ready = { .fd = hub->calls_fd, .events = POLLIN };
	uint64_t until = now_boot_ns() + ms * UINT64_C(1000000);
	char *nul;

	while (!(nul = hub->n ? memchr(hub->heard, '\0', hub->n) : NULL)) {
		int64_t left = (int64_t)(until - now_boot_ns()) / 1000000;
		ssize_t n;

		if (left < 0 || poll(&ready, 1, left) <= 0)
			return NULL;
		if (hub->size - hub->n < sizeof(call)) {
			hub->size += 65536;
			hub->heard = realloc(hub->heard, hub->size);
		}
		n = read(hub->calls_fd, hub->heard + hub->n, hub->size - hub->n);
		if (n <= 0)
			return NULL;
		hub->n += n;
	}
	snprintf(call, sizeof(call), "%s", hub->heard);
	hub->n -= nul + 1 - hub->heard;
	memmove(hub->heard, nul + 1, hub->n);
	return call;
}

static bool is_left(int fd, int ms)
{
	struct pollfd ready = { .fd = fd };

	return poll(&ready, 1, ms) == 1 && ready.revents & POLLHUP;
}

bool fake_hub_is_left(struct fake_hub *hub, int ms)
{
	return is_left(hub->stream_fd, ms) && is_left(hub->calls_fd, ms);
}

const char *fake_hub_serve(struct fake_hub *hub, int ms, const char *until)
{
	uint64_t end = now_boot_ns() + ms * UINT64_C(1000000);
	int64_t left;

	while ((left = (int64_t)(end - now_boot_ns()) / 1000000) >= 0) {
		const char *call = fake_hub_hear(hub, left);

		if (!call || (until && strstr(call, until)))
			return call;
		if (strstr(call, ".ListGuards"))
			fake_hub_guards(hub);
		else if (strstr(call, ".ListGrants"))
			fake_hub_reply(hub, "{\"parameters\":{\"grants\":[]}}");
		else if (strstr(call, ".History"))
			fake_hub_reply(hub, "{\"parameters\":{\"entries\":[],\"more\":false}}");
		else
			fake_hub_reply(hub, "{\"parameters\":{\"until_ns\":0,\"rule\":\"\"}}");
	}
	return NULL;
}
