// SPDX-License-Identifier: Apache-2.0
/*
 * tcp_plain.c - TCP connect, with and without haste
 */
#include <netinet/tcp.h>

#include "vector.h"

static void connected(struct target *target)
{
	int fd = sock(target, SOCK_STREAM, 0);

	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

VECTOR(tcp_connect) = {
	.name = "tcp_connect", .what = "TCP connect, send", .families = BOTH, .attempt = connected
};

static void hasty(struct target *target)
{
	int fd = sock(target, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (connect(fd, &target->to.sa, target->len) && errno != EINPROGRESS)
		need(-1);
}

VECTOR(tcp_nonblocking) = { .name = "tcp_nonblocking",
			    .what = "TCP connect that does not wait",
			    .families = BOTH,
			    .attempt = hasty };

static void fastopen(struct target *target)
{
	need(sendto(sock(target, SOCK_STREAM, 0), target->marker, MARKER_LEN,
		    MSG_FASTOPEN | MSG_NOSIGNAL, &target->to.sa, target->len));
}

VECTOR(tcp_msg_fastopen) = { .name = "tcp_msg_fastopen",
			     .what = "TCP sendto with MSG_FASTOPEN",
			     .families = BOTH,
			     .attempt = fastopen };

static void fastopen_connect(struct target *target)
{
	int fd = sock(target, SOCK_STREAM, 0);

	setint(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

VECTOR(tcp_fastopen_connect) = { .name = "tcp_fastopen_connect",
				 .what = "TCP_FASTOPEN_CONNECT, then send",
				 .families = BOTH,
				 .attempt = fastopen_connect };

static void urgent(struct target *target)
{
	int fd = sock(target, SOCK_STREAM, 0);

	connect_to(fd, target, &target->to);
	need(send(fd, target->marker, MARKER_LEN, MSG_OOB | MSG_NOSIGNAL));
}

VECTOR(tcp_urgent) = {
	.name = "tcp_urgent", .what = "TCP urgent data", .families = BOTH, .attempt = urgent
};
