// SPDX-License-Identifier: Apache-2.0
/* web_ask.c - one client that waits for what it asked; see web.h */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "web.h"

#define BITE      (1 << 20)
#define PATIENT_S 30

size_t web_request(const struct web_target *target, const char *method, const char *path,
		   uint64_t length, char *buf, size_t size)
{
	char body[64] = "";

	if (length)
		snprintf(body, sizeof(body), "Content-Length: %llu\r\n",
			 (unsigned long long)length);
	return (size_t)snprintf(buf, size,
				"%s %s HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: bench\r\n"
				"Accept: */*\r\nAuthorization: Bearer %s\r\n%s\r\n",
				method, path, target->token, body);
}

int web_connect(const struct web_target *target)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(target->port) };
	struct timeval patience = { .tv_sec = PATIENT_S };
	int one = 1, r, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t r = send(fd, bytes, n, MSG_NOSIGNAL);

		if (r < 0)
			return -errno;
		bytes += r;
		n -= (size_t)r;
	}
	return 0;
}

ssize_t web_reply(int fd, char *buf, size_t size, char **body, uint64_t *length)
{
	size_t n = 0;

	for (;;) {
		ssize_t r = recv(fd, buf + n, size - 1 - n, 0);
		char *end, *at;

		if (r <= 0)
			return r ? -errno : -EPIPE;
		n += (size_t)r;
		buf[n] = '\0';
		end = strstr(buf, "\r\n\r\n");
		if (!end && n < size - 1)
			continue;
		if (!end || strncmp(buf, "HTTP/1.1 200 ", 13))
			return -EPROTO;
		at = strcasestr(buf, "\r\ncontent-length:");
		*length = at && at < end ? strtoull(at + 17, NULL, 10) : 0;
		*body = end + 4;
		return (ssize_t)(n - (size_t)(*body - buf));
	}
}

/* What is left of a body is thrown away where it is. */
static int away(int fd, uint64_t bytes)
{
	while (bytes) {
		ssize_t r = recv(fd, NULL, bytes < BITE ? bytes : BITE, MSG_TRUNC);

		if (r <= 0)
			return r ? -errno : -EPIPE;
		bytes -= (uint64_t)r;
	}
	return 0;
}

static int reply_all(int fd, uint64_t want)
{
	char buf[4096], *body;
	uint64_t length;
	ssize_t n = web_reply(fd, buf, sizeof(buf), &body, &length);

	if (n < 0)
		return (int)n;
	return length == want && (uint64_t)n <= want ? away(fd, want - (uint64_t)n) : -EBADMSG;
}

int web_tiny(int fd, const struct web_target *target)
{
	char head[512];
	size_t n = web_request(target, "GET", "/tiny", 0, head, sizeof(head));

	return all(fd, head, n) ?: reply_all(fd, WEB_REPLY);
}

int web_download(const struct web_target *target, uint64_t bytes)
{
	_cleanup_close_ int fd = web_connect(target);
	char path[64], head[512];
	size_t n;

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/bytes/%llu", (unsigned long long)bytes);
	n = web_request(target, "GET", path, 0, head, sizeof(head));
	return all(fd, head, n) ?: reply_all(fd, bytes);
}

int web_upload(const struct web_target *target, uint64_t bytes)
{
	static const char zeros[BITE];
	_cleanup_close_ int fd = web_connect(target);
	char head[512];
	size_t n;
	int r;

	if (fd < 0)
		return fd;
	n = web_request(target, "POST", "/sink", bytes, head, sizeof(head));
	for (r = all(fd, head, n); !r && bytes; bytes -= n) {
		n = bytes < BITE ? (size_t)bytes : BITE;
		r = all(fd, zeros, n);
	}
	return r ?: reply_all(fd, WEB_REPLY);
}

/* The times in what came; what is not whole yet stays at the beginning. */
static size_t events_take(char *buf, size_t n, uint64_t now, struct samples *out)
{
	char *at = buf, *found;

	buf[n] = '\0';
	while ((found = strstr(at, "data: ")) && strchr(found, '\n')) {
		uint64_t then = strtoull(found + 6, &at, 10);

		samples_add(out, now > then ? now - then : 0);
	}
	n -= (size_t)(at - buf);
	memmove(buf, at, n);
	return n;
}

int web_events(const struct web_target *target, unsigned n, struct samples *out)
{
	_cleanup_close_ int fd = web_connect(target);
	char path[64], buf[4096], *body;
	size_t have, before = out->n;
	uint64_t length;
	ssize_t r;

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/events/%u", n);
	have = web_request(target, "GET", path, 0, buf, sizeof(buf));
	r = all(fd, buf, have);
	if (!r)
		r = web_reply(fd, buf, sizeof(buf), &body, &length);
	if (r < 0)
		return (int)r;
	memmove(buf, body, (size_t)r);
	have = events_take(buf, (size_t)r, bench_ns(), out);
	while (out->n - before < n) {
		r = recv(fd, buf + have, sizeof(buf) - 1 - have, 0);
		if (r <= 0)
			return r ? -errno : -EPIPE;
		have = events_take(buf, have + (size_t)r, bench_ns(), out);
	}
	return 0;
}
