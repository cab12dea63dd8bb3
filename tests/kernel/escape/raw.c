// SPDX-License-Identifier: Apache-2.0
/*
 * raw.c - packets written by hand: raw sockets, made inside and made before the guard
 *
 * The guard refuses the socket; for one that is older, the packet is all there is to judge.
 */
#include <netinet/ip.h>
#include <netinet/ip6.h>

#include "vector.h"

#ifndef IPV6_HDRINCL
#define IPV6_HDRINCL 36
#endif
#define EXPERIMENT 253 /* a protocol that nobody has */

static int fd;

/* IPv6 wants no port here. */
static const union address *portless(struct target *target)
{
	if (target->family == AF_INET6)
		target->to.in6.sin6_port = 0;
	return &target->to;
}

static void plain(struct target *target)
{
	send_marker_to(sock(target, SOCK_RAW, EXPERIMENT), target, portless(target));
}

VECTOR(raw_sendto) = { .name = "raw_sendto",
		       .what = "raw socket, sendto",
		       .families = BOTH,
		       .needs = NEEDS_NET_RAW,
		       .attempt = plain };

static void connected(struct target *target)
{
	int raw = sock(target, SOCK_RAW, EXPERIMENT);

	connect_to(raw, target, &target->to);
	send_marker(raw, target);
}

VECTOR(raw_connected) = { .name = "raw_connected",
			  .what = "raw socket, connect, send",
			  .families = BOTH,
			  .needs = NEEDS_NET_RAW,
			  .attempt = connected };

static void made(struct target *target)
{
	fd = sock(target, SOCK_RAW, EXPERIMENT);
}

static void sendto_now(struct target *target)
{
	send_marker_to(fd, target, portless(target));
}

VECTOR(raw_old) = { .name = "raw_old",
		    .what = "raw socket made before the guard, sendto",
		    .families = BOTH,
		    .needs = NEEDS_NET_RAW,
		    .before = made,
		    .attempt = sendto_now };

static void made_raw(struct target *target)
{
	fd = sock(target, SOCK_RAW, IPPROTO_RAW);
	if (target->family == AF_INET6)
		setint(fd, IPPROTO_IPV6, IPV6_HDRINCL, 1);
}

/* Headers for a packet to @to; what follows them is the caller's. */
static size_t header(const struct target *target, const union address *to, unsigned char *packet,
		     size_t payload, int proto)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = proto };
	struct ip6_hdr ip6 = { .ip6_src = target->own.in6.sin6_addr, .ip6_dst = to->in6.sin6_addr };
	size_t n = target->family == AF_INET ? sizeof(ip) : sizeof(ip6);

	ip.tot_len = htons(n + payload);
	ip.saddr = target->own.in.sin_addr.s_addr;
	ip.daddr = to->in.sin_addr.s_addr;
	ip6.ip6_flow = htonl(6U << 28);
	ip6.ip6_plen = htons(payload);
	ip6.ip6_nxt = proto;
	ip6.ip6_hlim = 64;
	memcpy(packet, target->family == AF_INET ? (void *)&ip : (void *)&ip6, n);
	return n;
}

static void send_packet(const union address *to, const unsigned char *packet, size_t size)
{
	union address via = *to;

	if (to->sa.sa_family == AF_INET6)
		via.in6.sin6_port = 0;
	need(sendto(fd, packet, size, 0, &via.sa,
		    via.sa.sa_family == AF_INET ? sizeof(via.in) : sizeof(via.in6)));
}

static void by_hand(struct target *target)
{
	unsigned char packet[128] = {};
	size_t n = header(target, &target->to, packet, MARKER_LEN, EXPERIMENT);

	memcpy(packet + n, target->marker, MARKER_LEN);
	send_packet(&target->to, packet, n + MARKER_LEN);
}

static void by_hand_now(struct target *target)
{
	made_raw(target);
	by_hand(target);
}

VECTOR(raw_header) = { .name = "raw_header",
		       .what = "raw socket with its own IP header",
		       .families = BOTH,
		       .needs = NEEDS_NET_RAW,
		       .attempt = by_hand_now };

VECTOR(raw_header_old) = { .name = "raw_header_old",
			   .what = "raw socket made before the guard, its own IP header",
			   .families = BOTH,
			   .needs = NEEDS_NET_RAW,
			   .before = made_raw,
			   .attempt = by_hand };

/* Routed as if to an allowed address, addressed to the target. */
static void two_faces(struct target *target)
{
	unsigned char packet[128] = {};
	size_t n = header(target, &target->to, packet, MARKER_LEN, EXPERIMENT);

	memcpy(packet + n, target->marker, MARKER_LEN);
	send_packet(&target->allowed, packet, n + MARKER_LEN);
}

VECTOR(raw_two_faces) = {
	.name = "raw_two_faces",
	.what = "old raw socket: call to an allowed address, header to the target",
	.families = BOTH,
	.needs = NEEDS_NET_RAW,
	.before = made_raw,
	.attempt = two_faces
};

/* A routing header to the target, type 4, one segment left; 24 bytes. */
static size_t routing(const struct target *target, unsigned char *at)
{
	const unsigned char head[8] = { EXPERIMENT, 2, 4, 1 };

	memcpy(at, head, sizeof(head));
	memcpy(at + 8, &target->to.in6.sin6_addr, 16);
	return 24;
}

#define DEPTH 8 /* more options headers than anybody looks through */

static size_t deep_headers(const struct target *target, unsigned char *at)
{
	for (size_t i = 0; i < DEPTH; i++) {
		const unsigned char padding[4] = { i + 1 < DEPTH ? IPPROTO_DSTOPTS
								 : IPPROTO_ROUTING,
						   0, 1, 4 };

		memcpy(at + i * 8, padding, sizeof(padding));
	}
	return DEPTH * 8 + routing(target, at + DEPTH * 8);
}

static void deep(struct target *target)
{
	unsigned char packet[256] = {};
	size_t size = DEPTH * 8 + 24 + MARKER_LEN;
	size_t n = header(target, &target->allowed, packet, size, IPPROTO_DSTOPTS);

	n += deep_headers(target, packet + n);
	memcpy(packet + n, target->marker, MARKER_LEN);
	send_packet(&target->allowed, packet, n + MARKER_LEN);
}

VECTOR(raw_deep_routing) = { .name = "raw_deep_routing",
			     .what = "old raw socket: routing header behind eight options headers",
			     .families = V6,
			     .needs = NEEDS_NET_RAW,
			     .before = made_raw,
			     .attempt = deep };

/* In the only fragment there is. */
static void fragment(struct target *target)
{
	unsigned char packet[256] = {};
	size_t n = header(target, &target->allowed, packet, 8 + 24 + MARKER_LEN, IPPROTO_FRAGMENT);

	packet[n] = IPPROTO_ROUTING;
	n += 8;
	n += routing(target, packet + n);
	memcpy(packet + n, target->marker, MARKER_LEN);
	send_packet(&target->allowed, packet, n + MARKER_LEN);
}

VECTOR(raw_fragment_routing) = { .name = "raw_fragment_routing",
				 .what = "old raw socket: routing header in an atomic fragment",
				 .families = V6,
				 .needs = NEEDS_NET_RAW,
				 .before = made_raw,
				 .attempt = fragment };

/* Both at once. */
static void fragment_deep(struct target *target)
{
	unsigned char packet[256] = {};
	size_t size = 8 + DEPTH * 8 + 24 + MARKER_LEN;
	size_t n = header(target, &target->allowed, packet, size, IPPROTO_FRAGMENT);

	packet[n] = IPPROTO_DSTOPTS;
	n += 8;
	n += deep_headers(target, packet + n);
	memcpy(packet + n, target->marker, MARKER_LEN);
	send_packet(&target->allowed, packet, n + MARKER_LEN);
}

VECTOR(raw_fragment_deep) = { .name = "raw_fragment_deep",
			      .what = "old raw socket: the same, both at once",
			      .families = V6,
			      .needs = NEEDS_NET_RAW,
			      .before = made_raw,
			      .attempt = fragment_deep };
