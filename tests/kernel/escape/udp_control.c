// SPDX-License-Identifier: Apache-2.0
/*
 * udp_control.c - datagrams with control messages: the hook may get no address, or another
 */
#include <net/if.h>

#include "vector.h"

/* One control message, and where the datagram goes: NULL, where the socket is connected. */
static void send_control(int fd, struct target *target, union address *to, int level, int type,
			 const void *data, size_t size)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(64)];
	} control = { .head = {
			  .cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type } };
	struct iovec iov = { target->marker, MARKER_LEN };
	struct msghdr msg = { .msg_name = to,
			      .msg_namelen = to ? target->len : 0,
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(size) };

	memcpy(CMSG_DATA(&control.head), data, size);
	need(sendmsg(fd, &msg, 0));
}

static void send_tos(int fd, struct target *target, union address *to)
{
	int tos = 4;

	if (target->family == AF_INET)
		send_control(fd, target, to, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else
		send_control(fd, target, to, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

static void tos(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	connect_to(fd, target, &target->to);
	send_tos(fd, target, NULL);
}

VECTOR(udp_tos) = { .name = "udp_tos",
		    .what = "UDP connect, sendmsg with IP_TOS or IPV6_TCLASS and no address",
		    .families = BOTH,
		    .attempt = tos };

static void tos_elsewhere(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	connect_to(fd, target, &target->allowed);
	send_tos(fd, target, &target->to);
}

VECTOR(udp_tos_elsewhere) = {
	.name = "udp_tos_elsewhere",
	.what = "UDP connected to an allowed peer, sendmsg with IP_TOS elsewhere",
	.families = BOTH,
	.attempt = tos_elsewhere
};

static int old_fd;

static void tos_before(struct target *target)
{
	old_fd = sock(target, SOCK_DGRAM, 0);
	connect_to(old_fd, target, &target->to);
}

static void tos_later(struct target *target)
{
	send_tos(old_fd, target, NULL);
}

VECTOR(udp_tos_old) = { .name = "udp_tos_old",
			.what = "UDP connected before the guard, sendmsg with IP_TOS",
			.families = BOTH,
			.before = tos_before,
			.attempt = tos_later };

static void pktinfo(struct target *target)
{
	struct in_pktinfo info = { .ipi_ifindex = if_nametoindex("near0"),
				   .ipi_spec_dst = target->own.in.sin_addr };
	struct in6_pktinfo info6 = { .ipi6_ifindex = if_nametoindex("near0"),
				     .ipi6_addr = target->own.in6.sin6_addr };
	int fd = sock(target, SOCK_DGRAM, 0);

	if (target->family == AF_INET)
		send_control(fd, target, &target->to, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	else
		send_control(fd, target, &target->to, IPPROTO_IPV6, IPV6_PKTINFO, &info6,
			     sizeof(info6));
}

VECTOR(udp_pktinfo) = { .name = "udp_pktinfo",
			.what = "UDP with interface and source by IP_PKTINFO or IPV6_PKTINFO",
			.families = BOTH,
			.attempt = pktinfo };
