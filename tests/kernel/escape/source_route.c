// SPDX-License-Identifier: Apache-2.0
/*
 * source_route.c - IPv4 options that send a packet on from where it was allowed to go
 *
 * The call names the last hop, the packet the first, and the target may be any in between.
 * Linux 6.18 asks for CAP_NET_RAW.
 */
#include "vector.h"

#define LOOSE  131
#define STRICT 137

/* Up to two hops before the one that the call names. */
static void set_route(int fd, int kind, const union address *first, const union address *second)
{
	unsigned char option[12] = { kind, second ? 11 : 7, 4 };

	memcpy(option + 3, &first->in.sin_addr, 4);
	if (second)
		memcpy(option + 7, &second->in.sin_addr, 4);
	need(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, option, second ? 12 : 8));
}

static void last(struct target *target, int kind)
{
	int fd = sock(target, SOCK_DGRAM, 0);
	union address hop = target->allowed;

	if (kind == STRICT) /* must be on the link */
		inet_pton(AF_INET, "198.51.100.2", &hop.in.sin_addr);
	set_route(fd, kind, &hop, NULL);
	send_marker_to(fd, target, &target->to);
}

static void loose_last(struct target *target)
{
	last(target, LOOSE);
}

VECTOR(lsrr_last) = { .name = "lsrr_last",
		      .what = "UDP with LSRR: by an allowed hop to the target",
		      .families = V4,
		      .needs = NEEDS_NET_RAW,
		      .attempt = loose_last };

static void strict_last(struct target *target)
{
	last(target, STRICT);
}

VECTOR(ssrr_last) = { .name = "ssrr_last",
		      .what = "UDP with SSRR: by a hop on the link to the target",
		      .families = V4,
		      .needs = NEEDS_NET_RAW,
		      .attempt = strict_last };

static void first(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	set_route(fd, LOOSE, &target->to, NULL);
	send_marker_to(fd, target, &target->allowed);
}

VECTOR(lsrr_first) = { .name = "lsrr_first",
		       .what = "UDP with LSRR: by the target to an allowed address",
		       .families = V4,
		       .needs = NEEDS_NET_RAW,
		       .attempt = first };

static void middle(struct target *target, int type)
{
	int fd = sock(target, type, 0);

	set_route(fd, LOOSE, &target->allowed, &target->to);
	connect_to(fd, target, &target->allowed);
	send_marker(fd, target);
}

static void middle_udp(struct target *target)
{
	middle(target, SOCK_DGRAM);
}

VECTOR(lsrr_middle) = { .name = "lsrr_middle",
			.what = "UDP with LSRR: from one allowed address by the target to another",
			.families = V4,
			.needs = NEEDS_NET_RAW,
			.attempt = middle_udp };

static void middle_tcp(struct target *target)
{
	middle(target, SOCK_STREAM);
}

VECTOR(lsrr_middle_tcp) = {
	.name = "lsrr_middle_tcp",
	.what = "TCP with LSRR: from one allowed address by the target to another",
	.families = V4,
	.needs = NEEDS_NET_RAW,
	.attempt = middle_tcp
};

static void later(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	connect_to(fd, target, &target->allowed);
	set_route(fd, LOOSE, &target->allowed, &target->to);
	send_marker(fd, target);
}

VECTOR(lsrr_later) = { .name = "lsrr_later",
		       .what = "LSRR set on a UDP socket that is connected to an allowed peer",
		       .families = V4,
		       .needs = NEEDS_NET_RAW,
		       .attempt = later };

/* The near host itself is the first hop: the packet comes back in by loopback, nobody's. */
static void by_self(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	set_route(fd, LOOSE, &target->own, &target->to);
	send_marker_to(fd, target, &target->allowed);
}

VECTOR(lsrr_by_self) = { .name = "lsrr_by_self",
			 .what = "UDP with LSRR: by the own host, which forwards, to the target",
			 .families = V4,
			 .needs = NEEDS_NET_RAW,
			 .attempt = by_self };
