// SPDX-License-Identifier: Apache-2.0
/*
 * families.c - address families with a network of their own, or a kernel that sends for them
 *
 * sock_create sees AF_INET and AF_INET6 only. What a kernel has of these is for the
 * container's seccomp filter; where a socket leads to no veth, that is said.
 */
#include <net/if.h>
#include <stdio.h>

#include "vector.h"

#ifndef AF_SMC
#define AF_SMC 43
#endif

static void vsock(struct target *target)
{
	(void)target;
	close(sock_of(AF_VSOCK, SOCK_STREAM, 0));
	cannot("any user may have one; it leads to the hypervisor, not to a network: seccomp's");
}

VECTOR(vsock) = { .name = "vsock", .what = "AF_VSOCK", .families = V4, .attempt = vsock };

/* TCP below, made by the kernel. */
static void smc(struct target *target)
{
	int fd = sock_of(AF_SMC, SOCK_STREAM, target->family == AF_INET ? 0 : 1);

	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

VECTOR(smc) = { .name = "smc", .what = "AF_SMC connect", .families = BOTH, .attempt = smc };

/* TCP below, connected by a kernel thread, which is in no guard. */
static void rds(struct target *target)
{
	int fd = sock_of(AF_RDS, SOCK_SEQPACKET, 0);

	need(bind(fd, &target->own.sa, target->len));
	send_marker_to(fd, target, &target->to);
}

VECTOR(rds) = { .name = "rds", .what = "AF_RDS sendto", .families = BOTH, .attempt = rds };

static void tipc(struct target *target)
{
	(void)target;
	close(sock_of(AF_TIPC, SOCK_DGRAM, 0));
	cannot("any user may have one; it sends where an administrator has enabled a bearer");
}

VECTOR(tipc) = { .name = "tipc", .what = "AF_TIPC", .families = V4, .attempt = tipc };

/* A session to everybody on the link, which nobody opened: frames of an own ethertype. */
static void pppoe(struct target *target)
{
	/* struct sockaddr_pppox of linux/if_pppox.h, which clashes with netinet/in.h */
	struct {
		sa_family_t family;
		unsigned proto;
		unsigned short session;
		unsigned char remote[6];
		char device[16];
	} __attribute__((packed)) to = { .family = AF_PPPOX,
					 .session = htons(1),
					 .remote = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
					 .device = "near0" };
	int fd = sock_of(AF_PPPOX, SOCK_STREAM, 0);

	need(connect(fd, (void *)&to, sizeof(to)));
	send_marker(fd, target);
}

VECTOR(pppoe) = {
	.name = "pppoe", .what = "AF_PPPOX: PPPoE session frames", .families = V4, .attempt = pppoe
};

static void llc(struct target *target)
{
	(void)target;
	close(sock_of(AF_LLC, SOCK_DGRAM, 0));
	cannot("the kernel has LLC sockets: seccomp's");
}

VECTOR(llc) = {
	.name = "llc", .what = "AF_LLC", .families = V4, .needs = NEEDS_NET_RAW, .attempt = llc
};
