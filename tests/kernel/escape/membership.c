// SPDX-License-Identifier: Apache-2.0
/*
 * membership.c - joining a group: the kernel announces it on the wire (IGMP, MLD)
 *
 * No payload, but the group is the process's choice: 28 bits of an IPv4 report, 112 of an
 * IPv6 one, to everybody on the link. The number of the attempt is in the group here.
 */
#include <net/if.h>

#include "vector.h"

static void join(struct target *target)
{
	struct ip_mreqn mreq = { .imr_ifindex = if_nametoindex("near0") };
	struct ipv6_mreq mreq6 = { .ipv6mr_interface = if_nametoindex("near0") };
	int fd = sock(target, SOCK_DGRAM, 0);

	mreq.imr_multiaddr = target->group.in.sin_addr;
	mreq6.ipv6mr_multiaddr = target->group.in6.sin6_addr;
	if (target->family == AF_INET)
		need(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)));
	else
		need(setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mreq6, sizeof(mreq6)));
}

VECTOR(join_group) = { .name = "join_group",
		       .what = "IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP: the kernel reports the group",
		       .families = BOTH,
		       .joins = true,
		       .attempt = join };

static void join_source(struct target *target)
{
	struct group_source_req req = { .gsr_interface = if_nametoindex("near0") };
	int level = target->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;

	memcpy(&req.gsr_source, &target->to, target->len);
	memcpy(&req.gsr_group, &target->group, target->len);
	need(setsockopt(sock(target, SOCK_DGRAM, 0), level, MCAST_JOIN_SOURCE_GROUP, &req,
			sizeof(req)));
}

VECTOR(join_source_group) = {
	.name = "join_source_group",
	.what = "MCAST_JOIN_SOURCE_GROUP: the kernel reports group and source",
	.families = BOTH,
	.joins = true,
	.attempt = join_source
};
