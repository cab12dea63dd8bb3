// SPDX-License-Identifier: Apache-2.0
#include "nameserver_sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netns.h"

#define TRIES      64
#define PORT_FIRST 20000
#define PORT_LAST  60999
#define BACKLOG    64
#define UDP_BUFFER (1 << 20) /* bytes: some thousand questions while another guard is answered */
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78 /* linux/in6.h, which netinet/in.h excludes */
#endif

static int socket_open(bool v6, bool tcp, uint16_t port)
{
	_cleanup_close_ int fd =
	    socket(v6 ? AF_INET6 : AF_INET,
		   (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port),
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const int one = 1, size = UDP_BUFFER;

	if (fd < 0)
		return -errno;
	if (v6 && (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) ||
		   setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one))))
		return -errno;
	if (!tcp) /* what is granted is enough */
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, v6 ? (void *)&in6 : &in, v6 ? sizeof(in6) : sizeof(in)) ||
	    (tcp && listen(fd, BACKLOG)))
		return -errno;
	return TAKE_FD(fd);
}

static int sockets_try(uint16_t port, int fd[static MSG_SOCKETS])
{
	int r = 0;

	for (unsigned i = 0; !r && i < MSG_SOCKETS; i++) {
		fd[i] = socket_open(i >= 2, i % 2, port);
		/* a namespace without IPv6 has no questions by it either */
		if (fd[i] < 0 && (i < 2 || (fd[i] != -EAFNOSUPPORT && fd[i] != -EADDRNOTAVAIL)))
			r = fd[i];
		if (fd[i] < 0)
			fd[i] = -1;
	}
	for (unsigned i = 0; r && i < MSG_SOCKETS; i++)
		closep(&fd[i]);
	return r;
}

static uint16_t port_random(void)
{
	uint16_t n = 0;

	while (getrandom(&n, sizeof(n), 0) != sizeof(n))
		;
	return PORT_FIRST + n % (PORT_LAST - PORT_FIRST + 1);
}

int nameserver_sockets(int netns_fd, uint16_t port, int fd[static MSG_SOCKETS], uint16_t *ret_port)
{
	int back = netns_enter(netns_fd), r = -EADDRINUSE;

	for (unsigned i = 0; i < MSG_SOCKETS; i++)
		fd[i] = -1;
	if (back < 0)
		return back;
	for (int i = 0; r == -EADDRINUSE && i < TRIES; i++) {
		uint16_t want = !i && port ? port : port_random();

		r = sockets_try(want, fd);
		if (!r)
			*ret_port = want;
	}
	netns_leave(&back);
	return r;
}
