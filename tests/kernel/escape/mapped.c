// SPDX-License-Identifier: Apache-2.0
/*
 * mapped.c - IPv4 out of an IPv6 socket
 */
#include "vector.h"

static void inet_address(struct target *target)
{
	send_marker_to(sock_of(AF_INET6, SOCK_DGRAM, 0), target, &target->to);
}

VECTOR(inet_on_inet6) = { .name = "inet_on_inet6",
			  .what = "AF_INET address given to an AF_INET6 UDP socket",
			  .families = V4,
			  .attempt = inet_address };

static void tcp_connect(struct target *target)
{
	int fd = sock_of(AF_INET6, SOCK_STREAM, 0);

	connect_to(fd, target, &target->mapped);
	send_marker(fd, target);
}

VECTOR(mapped_tcp_connect) = { .name = "mapped_tcp_connect",
			       .what = "TCP connect to ::ffff:a.b.c.d",
			       .families = V4,
			       .attempt = tcp_connect };

static void udp_connect(struct target *target)
{
	int fd = sock_of(AF_INET6, SOCK_DGRAM, 0);

	connect_to(fd, target, &target->mapped);
	send_marker(fd, target);
}

VECTOR(mapped_udp_connect) = { .name = "mapped_udp_connect",
			       .what = "UDP connect to ::ffff:a.b.c.d",
			       .families = V4,
			       .attempt = udp_connect };

static void udp_sendto(struct target *target)
{
	send_marker_to(sock_of(AF_INET6, SOCK_DGRAM, 0), target, &target->mapped);
}

VECTOR(mapped_udp_sendto) = { .name = "mapped_udp_sendto",
			      .what = "UDP sendto ::ffff:a.b.c.d",
			      .families = V4,
			      .attempt = udp_sendto };

static void udp_sendmsg(struct target *target)
{
	struct iovec iov = { target->marker, MARKER_LEN };
	struct msghdr msg = { .msg_name = &target->mapped,
			      .msg_namelen = sizeof(target->mapped.in6),
			      .msg_iov = &iov,
			      .msg_iovlen = 1 };

	need(sendmsg(sock_of(AF_INET6, SOCK_DGRAM, 0), &msg, 0));
}

VECTOR(mapped_udp_sendmsg) = { .name = "mapped_udp_sendmsg",
			       .what = "UDP sendmsg to ::ffff:a.b.c.d",
			       .families = V4,
			       .attempt = udp_sendmsg };

static void fastopen(struct target *target)
{
	need(sendto(sock_of(AF_INET6, SOCK_STREAM, 0), target->marker, MARKER_LEN,
		    MSG_FASTOPEN | MSG_NOSIGNAL, &target->mapped.sa, sizeof(target->mapped.in6)));
}

VECTOR(mapped_fastopen) = { .name = "mapped_fastopen",
			    .what = "TCP MSG_FASTOPEN to ::ffff:a.b.c.d",
			    .families = V4,
			    .attempt = fastopen };

/* Connected to an allowed one, then the socket becomes an IPv4 one. */
static void addrform(struct target *target)
{
	int fd = sock_of(AF_INET6, SOCK_DGRAM, 0);
	union address allowed = target->mapped;

	memcpy(&allowed.in6.sin6_addr.s6_addr[12], &target->allowed.in.sin_addr, 4);
	connect_to(fd, target, &allowed);
	setint(fd, IPPROTO_IPV6, IPV6_ADDRFORM, AF_INET);
	send_marker_to(fd, target, &target->to);
}

VECTOR(addrform) = { .name = "addrform",
		     .what = "AF_INET6 UDP socket made AF_INET by IPV6_ADDRFORM, sendto",
		     .families = V4,
		     .attempt = addrform };
