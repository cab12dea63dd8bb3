/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * group.h - socket options that join a multicast group: from their arguments to a flow
 *
 * Leaving is not among them: what is left was joined, and a close does it as well.
 */
#ifndef TEROK_GROUP_H
#define TEROK_GROUP_H

/* uapi, so not in vmlinux.h */
#define SOL_IP            0
#define SOL_IPV6          41
#define IP_ADD_MEMBERSHIP 35
#define IP_UNBLOCK_SOURCE 37
#define IP_MSFILTER       41
#define MCAST_JOIN_GROUP  42
#define MCAST_LEAVE_GROUP 45
#define MCAST_MSFILTER    48
#define IPV6_JOIN_GROUP   20
#define IPV6_JOIN_ANYCAST 27

#define LOOPBACK_IFINDEX  1 /* in every network namespace; nothing is announced there */

static __always_inline _Bool option_is_membership(const struct bpf_sockopt *ctx)
{
	__s32 name = ctx->optname;

	if (ctx->level != SOL_IP && ctx->level != SOL_IPV6)
		return 0;
	if (name >= MCAST_JOIN_GROUP && name <= MCAST_MSFILTER)
		return name != MCAST_LEAVE_GROUP;
	if (ctx->level == SOL_IP)
		return name == IP_ADD_MEMBERSHIP ||
		       (name >= IP_UNBLOCK_SOURCE && name <= IP_MSFILTER);
	return name == IPV6_JOIN_GROUP || name == IPV6_JOIN_ANYCAST;
}

static __always_inline void route_set_group4(struct route *route, __u32 group)
{
	addr_from_v4(route->flow.addr, group);
	route->flow.proto = IPPROTO_IGMP;
	route->family = AF_INET;
}

static __always_inline void route_set_group6(struct route *route, const __u32 *group)
{
	route->flow.addr[0] = group[0];
	route->flow.addr[1] = group[1];
	route->flow.addr[2] = group[2];
	route->flow.addr[3] = group[3];
	route->flow.proto = IPPROTO_ICMPV6;
	route->family = AF_INET6;
}

/*
 * struct group_req and those that begin like it: interface, padding, struct
 * sockaddr_storage. A 32-bit program has no padding, so the family stands where it would
 * be: its arguments cannot be read here.
 */
static __always_inline int route_from_group(struct route *route, const __u32 *word, const void *end)
{
	if ((const void *)(word + 8) > end || word[1])
		return -1;
	if (word[0] == LOOPBACK_IFINDEX)
		route->flow.way = FLOW_LOOPBACK;
	switch (*(const __u16 *)(word + 2)) {
	case AF_INET: route_set_group4(route, word[3]); return 0;
	case AF_INET6: route_set_group6(route, word + 4); return 0;
	}
	return -1;
}

/* The group that would be announced; -1: it cannot be read. */
static __always_inline int route_from_membership(struct route *route, struct bpf_sockopt *ctx)
{
	const __u32 *word = ctx->optval;
	const void *end = ctx->optval_end;

	if (ctx->optname >= MCAST_JOIN_GROUP)
		return route_from_group(route, word, end);
	if (ctx->level == SOL_IP) {
		if ((const void *)(word + 2) > end)
			return -1;
		route_set_group4(route, word[0]);
		if (ctx->optname == IP_ADD_MEMBERSHIP && (const void *)(word + 3) <= end &&
		    word[2] == LOOPBACK_IFINDEX)
			route->flow.way = FLOW_LOOPBACK;
		return 0;
	}
	if ((const void *)(word + 5) > end)
		return -1;
	route_set_group6(route, word);
	if (word[4] == LOOPBACK_IFINDEX)
		route->flow.way = FLOW_LOOPBACK;
	return 0;
}

#endif
