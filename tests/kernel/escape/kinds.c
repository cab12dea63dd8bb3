// SPDX-License-Identifier: Apache-2.0
/*
 * kinds.c - transports that are neither TCP nor UDP
 */
#include <linux/udp.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "vector.h"

#ifndef IPPROTO_SMC
#define IPPROTO_SMC 256
#endif

static void stream(struct target *target, int type, int proto)
{
	int fd = sock(target, type, proto);

	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

static void udplite(struct target *target)
{
	stream(target, SOCK_DGRAM, IPPROTO_UDPLITE);
}

VECTOR(udplite) = {
	.name = "udplite", .what = "UDP-Lite connect, send", .families = BOTH, .attempt = udplite
};

static void udplite_sendto(struct target *target)
{
	send_marker_to(sock(target, SOCK_DGRAM, IPPROTO_UDPLITE), target, &target->to);
}

VECTOR(udplite_sendto) = { .name = "udplite_sendto",
			   .what = "UDP-Lite sendto",
			   .families = BOTH,
			   .attempt = udplite_sendto };

static void sctp(struct target *target)
{
	stream(target, SOCK_STREAM, IPPROTO_SCTP);
}

VECTOR(sctp) = { .name = "sctp", .what = "SCTP connect", .families = BOTH, .attempt = sctp };

static void sctp_many(struct target *target)
{
	send_marker_to(sock(target, SOCK_SEQPACKET, IPPROTO_SCTP), target, &target->to);
}

VECTOR(sctp_sendto) = { .name = "sctp_sendto",
			.what = "SCTP one-to-many sendto",
			.families = BOTH,
			.attempt = sctp_many };

static void dccp(struct target *target)
{
	stream(target, 6 /* SOCK_DCCP */, IPPROTO_DCCP);
}

VECTOR(dccp) = { .name = "dccp", .what = "DCCP connect", .families = BOTH, .attempt = dccp };

static void mptcp(struct target *target)
{
	stream(target, SOCK_STREAM, IPPROTO_MPTCP);
}

VECTOR(mptcp) = { .name = "mptcp", .what = "MPTCP connect", .families = BOTH, .attempt = mptcp };

static void smc_proto(struct target *target)
{
	stream(target, SOCK_STREAM, IPPROTO_SMC);
}

VECTOR(smc_ipproto) = {
	.name = "smc_ipproto", .what = "IPPROTO_SMC connect", .families = BOTH, .attempt = smc_proto
};

/* linux/l2tp.h, which cannot stand beside netinet/in.h */
union l2tp_address {
	struct sockaddr sa;
	struct {
		sa_family_t family;
		uint16_t unused;
		struct in_addr addr;
		uint32_t session;
		char pad[4];
	} in;
	struct {
		sa_family_t family;
		uint16_t unused;
		uint32_t flowinfo;
		struct in6_addr addr;
		uint32_t scope, session;
	} in6;
};

/* A session without a tunnel: its number stands behind the address. */
static void l2tp(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 115 /* IPPROTO_L2TP */);
	union l2tp_address here = {}, to = {};
	bool four = target->family == AF_INET;
	socklen_t len = four ? sizeof(to.in) : sizeof(to.in6);

	here.sa.sa_family = to.sa.sa_family = target->family;
	if (four) {
		here.in.session = to.in.session = 7;
		to.in.addr = target->to.in.sin_addr;
	} else {
		here.in6.session = to.in6.session = 7;
		to.in6.addr = target->to.in6.sin6_addr;
	}
	need(bind(fd, &here.sa, len));
	need(sendto(fd, target->marker, MARKER_LEN, 0, &to.sa, len));
}

VECTOR(l2tp) = { .name = "l2tp", .what = "L2TP over IP", .families = BOTH, .attempt = l2tp };

/* An echo request that ends in the marker. */
struct echo {
	unsigned char type, code;
	unsigned short checksum, id, sequence;
	char marker[MARKER_LEN];
};

static struct echo echo_make(const struct target *target)
{
	struct echo echo = { .type = target->family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST };

	memcpy(echo.marker, target->marker, MARKER_LEN);
	return echo;
}

static int echo_socket(const struct target *target)
{
	return sock(target, SOCK_DGRAM,
		    target->family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
}

static void ping(struct target *target)
{
	struct echo echo = echo_make(target);

	need(sendto(echo_socket(target), &echo, sizeof(echo), 0, &target->to.sa, target->len));
}

VECTOR(ping_sendto) = {
	.name = "ping_sendto", .what = "echo socket, sendto", .families = BOTH, .attempt = ping
};

static void ping_connect(struct target *target)
{
	struct echo echo = echo_make(target);
	int fd = echo_socket(target);

	connect_to(fd, target, &target->to);
	need(send(fd, &echo, sizeof(echo), 0));
}

VECTOR(ping_connect) = { .name = "ping_connect",
			 .what = "echo socket, connect, send",
			 .families = BOTH,
			 .attempt = ping_connect };
