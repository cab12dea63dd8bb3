// SPDX-License-Identifier: Apache-2.0
#include "base/packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/event.h"

static int patience_set(int fd, uint64_t until_ns)
{
	uint64_t now = now_boot_ns(), left = until_ns > now ? until_ns - now : 0;
	struct timeval patience = { .tv_sec = left / SECOND_NS,
				    .tv_usec = left % SECOND_NS / 1000 };

	if (left < 1000) /* none would mean for ever */
		return -ETIMEDOUT;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ? -errno : 0;
}

int packet_connect(const char *path, uint64_t until_ns)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	int r;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = patience_set(fd, until_ns);
	if (r)
		return r;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return errno == ECONNREFUSED ? -ENOENT : errno == EAGAIN ? -ETIMEDOUT : -errno;
	return TAKE_FD(fd);
}

int packet_send(int fd, const void *bytes, size_t size, uint64_t until_ns)
{
	ssize_t n;
	int r = patience_set(fd, until_ns);

	if (r)
		return r;
	n = send(fd, bytes, size, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n == (ssize_t)size ? 0 : -EMSGSIZE;
}

ssize_t packet_receive(int fd, void *bytes, size_t size, uint64_t until_ns)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		uint64_t now = now_boot_ns();

		if (now >= until_ns)
			return -ETIMEDOUT;
		/* rounded up: less than a millisecond is no reason to turn round and round */
		if (poll(&ready, 1, (until_ns - now + 999999) / 1000000) < 0 && errno != EINTR)
			return -errno;
		n = recv(fd, bytes, size, MSG_DONTWAIT | MSG_TRUNC);
		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			return n < 0 ? -errno : n;
	}
}
