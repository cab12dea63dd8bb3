// SPDX-License-Identifier: Apache-2.0
#include "base/knock.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/event.h"

#define BEGIN_MAX 64

/* 0: it is ready. */
static int wait_for(int fd, short events, uint64_t until_ns)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	uint64_t now;
	int r;

	do {
		now = now_boot_ns();
		r = now < until_ns ? poll(&poll_fd, 1, (int)((until_ns - now) / 1000000 + 1)) : 0;
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r ? 0 : -ETIMEDOUT;
}

static int port_open(unsigned port, uint64_t until_ns)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(int);
	int error = 0, r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		return -errno;
	r = wait_for(fd, POLLOUT, until_ns);
	if (r)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)
		return -(error ?: errno);
	return TAKE_FD(fd);
}

int knock_port(unsigned port, unsigned limit_ms)
{
	return port_open(port, now_boot_ns() + limit_ms * UINT64_C(1000000));
}

int knock_http(unsigned port, const char *path, const char *begin, unsigned limit_ms)
{
	uint64_t until = now_boot_ns() + limit_ms * UINT64_C(1000000);
	_cleanup_close_ int fd = port_open(port, until);
	char request[160], reply[BEGIN_MAX];
	size_t n = 0, want = strlen(begin);
	int r;

	if (fd < 0)
		return fd;
	r = snprintf(request, sizeof(request),
		     "GET %s HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n\r\n", path,
		     port);
	if (r >= (int)sizeof(request) || want > sizeof(reply))
		return -E2BIG;
	if (send(fd, request, (size_t)r, MSG_NOSIGNAL) != r) /* less than any buffer */
		return -errno;
	while (n < want) {
		ssize_t some;

		r = wait_for(fd, POLLIN, until);
		if (r)
			return r;
		some = recv(fd, reply + n, want - n, 0);
		if (some < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (!some)
			return n ? -EBADMSG : -EPIPE;
		n += some > 0 ? (size_t)some : 0;
	}
	for (size_t i = 0; i < want; i++)
		if (begin[i] != '?' && begin[i] != reply[i])
			return -EBADMSG;
	return 0;
}
