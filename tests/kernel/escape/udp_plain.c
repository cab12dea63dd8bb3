// SPDX-License-Identifier: Apache-2.0
/*
 * udp_plain.c - datagrams, each way there is to hand one over
 */
#include <sys/uio.h>

#include "vector.h"

static void connected(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

VECTOR(udp_connected) = {
	.name = "udp_connected", .what = "UDP connect, send", .families = BOTH, .attempt = connected
};

static void unconnected(struct target *target)
{
	send_marker_to(sock(target, SOCK_DGRAM, 0), target, &target->to);
}

VECTOR(udp_sendto) = {
	.name = "udp_sendto", .what = "UDP sendto", .families = BOTH, .attempt = unconnected
};

/* Two at once, the first of them allowed. */
static void many(struct target *target)
{
	struct iovec iov[2] = { { "hello", 5 }, { target->marker, MARKER_LEN } };
	struct mmsghdr msgs[2] = {
		{ .msg_hdr = { .msg_name = &target->allowed,
			       .msg_namelen = target->len,
			       .msg_iov = &iov[0],
			       .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_name = &target->to,
			       .msg_namelen = target->len,
			       .msg_iov = &iov[1],
			       .msg_iovlen = 1 } },
	};

	if (need(sendmmsg(sock(target, SOCK_DGRAM, 0), msgs, 2, 0)) < 2)
		refused("the second was not sent");
}

VECTOR(udp_sendmmsg) = { .name = "udp_sendmmsg",
			 .what = "UDP sendmmsg, the first of two allowed",
			 .families = BOTH,
			 .attempt = many };

static void corked(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	need(sendto(fd, target->marker, 16, MSG_MORE, &target->to.sa, target->len));
	need(sendto(fd, target->marker + 16, MARKER_LEN - 16, 0, &target->to.sa, target->len));
}

VECTOR(udp_corked) = { .name = "udp_corked",
		       .what = "UDP in two pieces (MSG_MORE)",
		       .families = BOTH,
		       .attempt = corked };
