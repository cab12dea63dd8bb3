// SPDX-License-Identifier: Apache-2.0
/*
 * udp_peer.c - a socket that has an allowed peer, and then another
 */
#include "vector.h"

static int allowed_socket(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	connect_to(fd, target, &target->allowed);
	return fd;
}

static void dissolve(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	need(connect(fd, &none, sizeof(none)));
}

static void elsewhere(struct target *target)
{
	send_marker_to(allowed_socket(target), target, &target->to);
}

VECTOR(udp_elsewhere) = { .name = "udp_elsewhere",
			  .what = "UDP connected to an allowed peer, sendto another",
			  .families = BOTH,
			  .attempt = elsewhere };

static void reconnect(struct target *target)
{
	int fd = allowed_socket(target);

	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

VECTOR(udp_reconnect) = { .name = "udp_reconnect",
			  .what = "UDP connected to an allowed peer, connected again to another",
			  .families = BOTH,
			  .attempt = reconnect };

static void dissolve_sendto(struct target *target)
{
	int fd = allowed_socket(target);

	dissolve(fd);
	send_marker_to(fd, target, &target->to);
}

VECTOR(udp_dissolve_sendto) = { .name = "udp_dissolve_sendto",
				.what = "UDP peer dissolved by AF_UNSPEC, then sendto",
				.families = BOTH,
				.attempt = dissolve_sendto };

static void dissolve_connect(struct target *target)
{
	int fd = allowed_socket(target);

	dissolve(fd);
	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

VECTOR(udp_dissolve_connect) = { .name = "udp_dissolve_connect",
				 .what = "UDP peer dissolved by AF_UNSPEC, then connect",
				 .families = BOTH,
				 .attempt = dissolve_connect };

static void tcp_dissolve(struct target *target)
{
	int fd = sock(target, SOCK_STREAM, 0);

	connect_to(fd, target, &target->allowed);
	dissolve(fd);
	connect_to(fd, target, &target->to);
}

VECTOR(tcp_dissolve_connect) = {
	.name = "tcp_dissolve_connect",
	.what = "TCP connection dissolved by AF_UNSPEC, connected to another",
	.families = BOTH,
	.attempt = tcp_dissolve
};

/* udp_sendmsg() takes family 0 for AF_INET; the hook sees no family. */
static void unspec(struct target *target)
{
	int fd = allowed_socket(target);

	target->to.sa.sa_family = AF_UNSPEC;
	need(sendto(fd, target->marker, MARKER_LEN, 0, &target->to.sa, target->len));
}

VECTOR(udp_unspec) = { .name = "udp_unspec",
		       .what = "UDP connected to an allowed peer, sendto an AF_UNSPEC address",
		       .families = V4,
		       .attempt = unspec };

static void unspec_bare(struct target *target)
{
	target->to.sa.sa_family = AF_UNSPEC;
	need(sendto(sock(target, SOCK_DGRAM, 0), target->marker, MARKER_LEN, 0, &target->to.sa,
		    target->len));
}

VECTOR(udp_unspec_bare) = { .name = "udp_unspec_bare",
			    .what = "UDP sendto an AF_UNSPEC address",
			    .families = V4,
			    .attempt = unspec_bare };
