/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flow.h - where an attempt goes: from each hook's context to one struct flow
 *
 * The verifier refuses pointers into a context, so every address is copied word by word.
 * IPv4 in any disguise leaves here as ::ffff:a.b.c.d; nothing behind this file knows
 * which hook an address came from.
 */
#ifndef TEROK_FLOW_H
#define TEROK_FLOW_H

#define AF_INET          2
#define AF_INET6         10

#define EXT_HEADERS      6 /* IPv6 extension headers that are looked through for the ports */

#define NEXTHDR_HOP      0
#define NEXTHDR_ROUTING  43
#define NEXTHDR_FRAGMENT 44
#define NEXTHDR_DEST     60

#define IPV4_OPTIONS     40 /* bytes, at most */
#define IPOPT_END        0
#define IPOPT_NOOP       1
#define IPOPT_LSRR       131
#define IPOPT_SSRR       137

/* A flow, and the other end, for the record. */
struct route {
	struct flow flow;
	__u32 src[4];
	__u16 src_port;
	__u8 family;
	__u8 routed;     /* by a routing header or option it goes on from there, or may */
	__u32 transport; /* where its header begins */
};

static __always_inline void addr_from_v4(__u32 addr[4], __u32 ip4)
{
	addr[0] = 0;
	addr[1] = 0;
	addr[2] = bpf_htonl(0xffff);
	addr[3] = ip4;
}

/* Of a socket call: for the record alone, so only what is refused pays for it. */
static __always_inline void route_set_source(struct route *route, struct bpf_sock *sk)
{
	if (!sk)
		return;
	route->src_port = sk->src_port;
	if (route->family == AF_INET) {
		if (sk->src_ip4)
			addr_from_v4(route->src, sk->src_ip4);
		return;
	}
	route->src[0] = sk->src_ip6[0];
	route->src[1] = sk->src_ip6[1];
	route->src[2] = sk->src_ip6[2];
	route->src[3] = sk->src_ip6[3];
}

static __always_inline void route_from_addr4(struct route *route, struct bpf_sock_addr *ctx)
{
	addr_from_v4(route->flow.addr, ctx->user_ip4);
	route->flow.port = bpf_ntohs(ctx->user_port);
	route->flow.proto = ctx->protocol;
	route->family = AF_INET;
}

static __always_inline void route_from_addr6(struct route *route, struct bpf_sock_addr *ctx)
{
	route->flow.addr[0] = ctx->user_ip6[0];
	route->flow.addr[1] = ctx->user_ip6[1];
	route->flow.addr[2] = ctx->user_ip6[2];
	route->flow.addr[3] = ctx->user_ip6[3];
	route->flow.port = bpf_ntohs(ctx->user_port);
	route->flow.proto = ctx->protocol;
	route->family = flow_is_v4(&route->flow) ? AF_INET : AF_INET6;
}

/*
 * A connected UDP socket that sends with control messages and no address runs sendmsg
 * with family 0 and a zero address (measured on 6.18): the peer is the socket's. False:
 * there is none, and the zero must not be taken for loopback. An IPv4 socket also takes an
 * address of family 0 for what it is: that one has a port.
 */
static __always_inline _Bool route_from_peer(struct route *route, struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (ctx->user_family || route->flow.port)
		return 1;
	if (!sk)
		return 0;
	route->flow.port = bpf_ntohs(sk->dst_port);
	if (sk->family == AF_INET || route->family == AF_INET) {
		addr_from_v4(route->flow.addr, sk->dst_ip4);
		return sk->dst_ip4 != 0;
	}
	route->flow.addr[0] = sk->dst_ip6[0];
	route->flow.addr[1] = sk->dst_ip6[1];
	route->flow.addr[2] = sk->dst_ip6[2];
	route->flow.addr[3] = sk->dst_ip6[3];
	return (sk->dst_ip6[0] | sk->dst_ip6[1] | sk->dst_ip6[2] | sk->dst_ip6[3]) != 0;
}

/* Ports of the protocols that have them; @offset: of the transport header. */
static __always_inline int route_read_ports(struct route *route, struct __sk_buff *skb,
					    __u32 offset)
{
	__u16 ports[2];

	route->transport = offset;
	if (route->flow.proto != IPPROTO_TCP && route->flow.proto != IPPROTO_UDP)
		return 0;
	if (bpf_skb_load_bytes(skb, offset, ports, sizeof(ports)))
		return -1;
	route->src_port = bpf_ntohs(ports[0]);
	route->flow.port = bpf_ntohs(ports[1]);
	return 0;
}

static __always_inline void route_from_header4(struct route *route, const struct iphdr *ip)
{
	route->family = AF_INET;
	addr_from_v4(route->flow.addr, ip->daddr); /* with source routing: the first hop */
	addr_from_v4(route->src, ip->saddr);
	route->flow.proto = ip->protocol;
}

/* The packets that most are: no options, no fragment, headers in the linear part. */
static __always_inline _Bool route_from_plain4(struct route *route, struct __sk_buff *skb)
{
	const void *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	const struct iphdr *ip = data;
	const __u16 *ports = data + sizeof(*ip);

	if (data + sizeof(*ip) + 4 > end || ip->version != 4 || ip->ihl != 5 ||
	    ip->frag_off & bpf_htons(0x1fff))
		return 0;
	route_from_header4(route, ip);
	route->transport = sizeof(*ip);
	if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP) {
		route->src_port = bpf_ntohs(ports[0]);
		route->flow.port = bpf_ntohs(ports[1]);
	}
	return 1;
}

/* Is there a source route among the options? @size: theirs, 4 to 40. -1: malformed. */
static __always_inline int route_read_options(struct route *route, struct __sk_buff *skb,
					      __u32 size)
{
	__u8 options[64] = {}; /* a power of two, for the verifier */
	__u32 at = 0;

	if (!size || size > IPV4_OPTIONS ||
	    bpf_skb_load_bytes(skb, sizeof(struct iphdr), options, size))
		return -1;
	for (int i = 0; i < IPV4_OPTIONS && at < size; i++) {
		__u8 kind = options[at & 63], length = options[(at + 1) & 63];

		if (kind == IPOPT_END)
			break;
		if (kind == IPOPT_LSRR || kind == IPOPT_SSRR) {
			route->routed = 1;
			break;
		}
		if (kind != IPOPT_NOOP && length < 2)
			return -1;
		at += kind == IPOPT_NOOP ? 1 : length;
	}
	return 0;
}

static __always_inline int route_from_packet4(struct route *route, struct __sk_buff *skb)
{
	struct iphdr ip;

	if (route_from_plain4(route, skb))
		return 0;
	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return -1;
	route_from_header4(route, &ip);
	if (ip.ihl > 5 && route_read_options(route, skb, ip.ihl * 4 - sizeof(ip)))
		return -1;
	if (ip.frag_off & bpf_htons(0x1fff)) /* a later fragment has no ports: only rules for all */
		return 0;
	return route_read_ports(route, skb, ip.ihl * 4);
}

static __always_inline int route_from_packet6(struct route *route, struct __sk_buff *skb)
{
	__u32 offset = sizeof(struct ipv6hdr);
	_Bool fragment = 0;
	struct ipv6hdr ip;
	__u8 next;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.version != 6)
		return -1;
	__builtin_memcpy(route->flow.addr, &ip.daddr, sizeof(route->flow.addr));
	__builtin_memcpy(route->src, &ip.saddr, sizeof(route->src));
	route->family = flow_is_v4(&route->flow) ? AF_INET : AF_INET6;
	next = ip.nexthdr;

	for (int i = 0; i < EXT_HEADERS; i++) {
		__u8 head[4]; /* next header, length in 8-byte units after the first */

		if (next != NEXTHDR_HOP && next != NEXTHDR_DEST && next != NEXTHDR_FRAGMENT)
			break;
		if (bpf_skb_load_bytes(skb, offset, head, sizeof(head)))
			return -1;
		if (next == NEXTHDR_FRAGMENT) {
			fragment = 1;
			if (head[2] || head[3] & 0xf8) /* a later one: what it is part of is gone */
				break;
			head[1] = 0;
		}
		next = head[0];
		offset += (head[1] + 1) * 8;
	}
	/* more headers than anyone looks through: whatever is behind them, be safe */
	if (next == NEXTHDR_ROUTING || next == NEXTHDR_HOP || next == NEXTHDR_DEST)
		route->routed = 1;
	if (fragment) { /* a protocol that no port rule names */
		route->flow.proto = NEXTHDR_FRAGMENT;
		return 0;
	}
	route->flow.proto = next;
	return route_read_ports(route, skb, offset);
}

/*
 * Does the packet go where policy can read it? 0, or -1: malformed. Global, like the lookups
 * of decide.h: the verifier walks its loops once, not once for each path to it.
 */
__attribute__((__noinline__)) int route_from_packet(struct route *route, struct __sk_buff *skb)
{
	if (!route)
		return -1;
	/* the loopback interface is number 1 in every network namespace */
	route->flow.way = skb->ifindex == 1 ? FLOW_LOOPBACK : FLOW_WIRE;
	if (skb->protocol == bpf_htons(0x0800))
		return route_from_packet4(route, skb);
	if (skb->protocol == bpf_htons(0x86dd))
		return route_from_packet6(route, skb);
	return -1;
}

/* Of a TCP header's fourteenth byte: SYN without ACK, a connection begins. */
#define TCP_SYN_ACK 0x12
#define TCP_SYN     0x02

static __always_inline _Bool tcp_opens(struct __sk_buff *skb, const struct route *route)
{
	__u8 flags;

	if (bpf_skb_load_bytes(skb, route->transport + 13, &flags, 1))
		return 1; /* cannot be read: treat it as the worst */
	return (flags & TCP_SYN_ACK) == TCP_SYN;
}

/* The packets that most are: TCP without options or extension headers, that opens nothing. */
static __always_inline _Bool tcp_goes_on(const struct __sk_buff *skb)
{
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;

	if (data + 34 > end)
		return 0;
	if (data[0] == 0x45)
		return data[9] == IPPROTO_TCP && (data[33] & TCP_SYN_ACK) != TCP_SYN;
	return data + 54 <= end && data[0] >> 4 == 6 && data[6] == IPPROTO_TCP &&
	       (data[53] & TCP_SYN_ACK) != TCP_SYN;
}

#endif
