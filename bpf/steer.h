/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * steer.h - calls that go elsewhere than they ask: to the guard's resolver, or from a synthetic
 * address to what it stands for; and the way back, so that the caller sees what it asked for
 *
 * What a connected socket asked for is in its storage; what an unconnected one did is in
 * terok_sent, by socket and place. Addresses are compared in one form for both families: a
 * call of an IPv6 socket to ::ffff:a.b.c.d runs the IPv4 hooks and its answer the IPv6 ones.
 */
#ifndef TEROK_STEER_H
#define TEROK_STEER_H

#define DNS_PORT        53
#define TCP_ESTABLISHED 1

/* Where a call goes. */
struct steering {
	__u32 asked[4];
	__u16 asked_port;
	__u8 steered; /* 1: the flow is not what was asked for any more */
	__u8 pad[5];  /* read as a whole by global functions: older verifiers want every byte set */
	__u64 name;
};

static __always_inline _Bool words_equal(const __u32 a[4], const __u32 b[4])
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

static __always_inline _Bool guard_resolves(const struct terok_guard *guard)
{
	__u32 state = guard_state(guard);

	return guard->dns_port && state != TEROK_STATE_NONE && state < TEROK_STATE_BLOCK;
}

/* A name server of its own on a loopback of its own stays what it is. Global, as below. */
__attribute__((__noinline__)) int own_server(struct bpf_sock_addr *ctx, const struct flow *flow)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv4);
	struct bpf_sock *sk;

	if (!flow)
		return 0;
	if (flow_is_v4(flow)) {
		tuple.ipv4.saddr = bpf_htonl(0x7f000001);
		tuple.ipv4.daddr = flow->addr[3] ? flow->addr[3] : bpf_htonl(0x7f000001);
		tuple.ipv4.dport = bpf_htons(DNS_PORT);
	} else {
		size = sizeof(tuple.ipv6);
		tuple.ipv6.saddr[3] = bpf_htonl(1);
		tuple.ipv6.daddr[3] = bpf_htonl(1);
		tuple.ipv6.dport = bpf_htons(DNS_PORT);
	}
	if (flow->proto == IPPROTO_UDP)
		sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		sk = bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	bpf_sk_release(sk);
	return 1;
}

/* To the address that says why something was refused: nothing else is ever there. */
static __always_inline _Bool flow_asks_why(const struct flow *flow)
{
	return flow->port == TEROK_WHY_PORT && flow->addr[3] == bpf_htonl(TEROK_WHY_V4) &&
	       flow_is_v4(flow) && flow->proto == IPPROTO_TCP;
}

/* Port 53 of any address: to the resolver. So is a question why, also where no name resolves. */
static __always_inline void steer_query(struct bpf_sock_addr *ctx, const struct terok_guard *guard,
					struct flow *flow, struct steering *steering)
{
	_Bool why = flow_asks_why(flow);

	if (why && (!guard->dns_port || guard->state == TEROK_STATE_NONE))
		return;
	if (!why && (flow->port != DNS_PORT || !guard_resolves(guard) ||
		     (flow->proto != IPPROTO_UDP && flow->proto != IPPROTO_TCP)))
		return;
	if (!why && guard->names & TEROK_NAMES_OWN_NET && flow_is_loopback(flow) &&
	    own_server(ctx, flow))
		return;
	steering->steered = 1;
	if (flow_is_v4(flow)) {
		flow->addr[3] = bpf_htonl(0x7f000001);
	} else {
		flow->addr[0] = 0;
		flow->addr[1] = 0;
		flow->addr[2] = 0;
		flow->addr[3] = bpf_htonl(1);
	}
	flow->port = guard->dns_port;
}

/* A synthetic address that this guard was given: to what it stands for. */
static __always_inline void steer_synthetic(const struct terok_guard *guard, struct flow *flow,
					    struct steering *steering)
{
	const struct terok_synthetic *synthetic;
	struct terok_learned_key key = {};

	key.guard = guard->id;
	__builtin_memcpy(key.addr, flow->addr, sizeof(key.addr));
	synthetic = bpf_map_lookup_elem(&terok_synthetic, &key);
	if (!synthetic)
		return;
	steering->steered = 1;
	steering->asked_port = flow->port;
	__builtin_memcpy(steering->asked, flow->addr, sizeof(steering->asked));
	steering->name = synthetic->name;
	__builtin_memcpy(flow->addr, synthetic->real, sizeof(flow->addr));
}

/*
 * Where the call goes instead of where it asks. Global: whatever happened in it, the decision
 * that follows is walked once.
 */
__attribute__((__noinline__)) int steer_call(struct bpf_sock_addr *ctx, struct flow *flow,
					     struct steering *steering)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);

	if (!flow || !steering || !ctx->user_family || !(guard->dns_port | guard->names))
		return 0;
	__builtin_memcpy(steering->asked, flow->addr, sizeof(steering->asked));
	steering->asked_port = flow->port;
	steer_query(ctx, guard, flow, steering);
	if (!steering->steered && guard->names & TEROK_NAMES_SYNTHETIC)
		steer_synthetic(guard, flow, steering);
	return 0;
}

/*
 * Loopback of a network namespace that guards share (a pod, the host's): each asks its own resolver.
 * Who asks another's speaks with its budget, below its wildcards.
 */
static __always_inline _Bool resolver_is_anothers(struct bpf_sock_addr *ctx,
						  const struct terok_guard *guard,
						  const struct flow *flow)
{
	struct terok_port_key key = {};
	const __u32 *whose;

	key.netns = bpf_get_netns_cookie(ctx);
	key.port = flow->port;
	whose = bpf_map_lookup_elem(&terok_ports, &key);
	return whose && *whose != guard->id;
}

static __always_inline _Bool steered_is(const struct terok_steered *mine,
					const struct terok_guard *guard, const struct flow *flow)
{
	__u32 now[4];

	__builtin_memcpy(now, mine->now, sizeof(now));
	return mine->guard == guard->id && mine->now_port == flow->port &&
	       words_equal(now, flow->addr);
}

/*
 * A connected socket whose address was exchanged sends there, by what connect() wrote: one of
 * IPv6 to a mapped address names it in sendmsg, one of IPv4 with a control message names none.
 * The name must still allow it, and the socket still be connected: connect(AF_UNSPEC) and
 * sendto() the real address is another thing, and so is any address that the caller names.
 */
static __always_inline _Bool steered_before(struct bpf_sock_addr *ctx,
					    const struct terok_guard *guard,
					    const struct flow *flow)
{
	struct bpf_sock *sk = ctx->sk;
	struct terok_steered *mine;

	if (!(guard->names & TEROK_NAMES_SYNTHETIC) || !sk || sk->state != TCP_ESTABLISHED)
		return 0;
	if ((ctx->user_family || ctx->user_port) && (sk->family != AF_INET6 || !flow_is_v4(flow)))
		return 0;
	mine = bpf_sk_storage_get(&terok_steered, sk, 0, 0);
	return mine && mine->name && steered_is(mine, guard, flow) &&
	       name_look(flow, guard->id, mine->name) & NAME_ALLOWS;
}

static __always_inline void sent_key(struct terok_sent_key *key, __u64 cookie,
				     const struct flow *flow)
{
	key->cookie = cookie;
	key->port = flow->port;
	__builtin_memcpy(key->now, flow->addr, sizeof(key->now));
}

static __always_inline void steered_fill(struct terok_steered *mine, __u32 guard,
					 const struct flow *flow, const struct steering *steering)
{
	__builtin_memcpy(mine->asked, steering->asked, sizeof(mine->asked));
	__builtin_memcpy(mine->now, flow->addr, sizeof(mine->now));
	mine->asked_port = steering->asked_port;
	mine->now_port = flow->port;
	mine->guard = guard;
	mine->name = steering->name;
}

/*
 * For the way back. False: no memory; the call is refused rather than answered by a stranger.
 * These two are global for the verifier's sake: as parts of the hooks they need too much stack.
 */
__attribute__((__noinline__)) int steering_remember_sent(struct bpf_sock_addr *ctx, __u32 guard,
							 const struct flow *flow,
							 const struct steering *steering)
{
	struct terok_steered sent = {};
	struct terok_sent_key key = {};

	if (!flow || !steering)
		return 0;
	sent_key(&key, bpf_get_socket_cookie(ctx), flow);
	steered_fill(&sent, guard, flow, steering);
	return !bpf_map_update_elem(&terok_sent, &key, &sent, BPF_ANY);
}

static __always_inline int steering_remember_connected(struct bpf_sock_addr *ctx, __u32 guard,
						       const struct flow *flow,
						       const struct steering *steering)
{
	struct bpf_sock *sk = ctx->sk;
	struct terok_steered *mine;

	if (!sk || !flow || !steering)
		return 0;
	mine = bpf_sk_storage_get(&terok_steered, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!mine)
		return 0;
	steered_fill(mine, guard, flow, steering);
	return 1;
}

static __always_inline void steering_write4(struct bpf_sock_addr *ctx, const struct flow *flow)
{
	ctx->user_ip4 = flow->addr[3];
	ctx->user_port = bpf_htons(flow->port);
}

static __always_inline void steering_write6(struct bpf_sock_addr *ctx, const struct flow *flow)
{
	ctx->user_ip6[0] = flow->addr[0];
	ctx->user_ip6[1] = flow->addr[1];
	ctx->user_ip6[2] = flow->addr[2];
	ctx->user_ip6[3] = flow->addr[3];
	ctx->user_port = bpf_htons(flow->port);
}

/*
 * What the kernel says of a peer -> what the caller asked for. @flow: the peer; false: it is
 * what was asked for.
 */
static __always_inline _Bool steering_undo(struct bpf_sock_addr *ctx, struct flow *flow,
					   _Bool datagram)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct terok_sent_key key = {};
	struct bpf_sock *sk = ctx->sk;
	struct terok_steered *mine;

	if (!sk || !(guard->dns_port || guard->names & TEROK_NAMES_SYNTHETIC))
		return 0;
	mine = bpf_sk_storage_get(&terok_steered, sk, 0, 0);
	if (!mine || !steered_is(mine, guard, flow)) {
		if (!datagram)
			return 0;
		sent_key(&key, bpf_get_socket_cookie(ctx), flow);
		mine = bpf_map_lookup_elem(&terok_sent, &key);
		if (!mine || mine->guard != guard->id)
			return 0;
	}
	__builtin_memcpy(flow->addr, mine->asked, sizeof(flow->addr));
	flow->port = mine->asked_port;
	return 1;
}

/*
 * Has this unconnected socket sent there while policy allowed it? SENT_THERE, and the name by
 * which its address was exchanged, if it was. Global, as above.
 */
#define SENT_THERE 1
#define SENT_NAMED 2 /* a name that still allows it */

__attribute__((__noinline__)) int sent_look(const struct flow *flow, __u32 guard, __u64 cookie)
{
	struct terok_sent_key key = {};
	struct terok_steered *sent;

	if (!flow)
		return 0;
	sent_key(&key, cookie, flow);
	sent = bpf_map_lookup_elem(&terok_sent, &key);
	if (!sent || sent->guard != guard)
		return 0;
	if (sent->name && name_look(flow, guard, sent->name) & NAME_ALLOWS)
		return SENT_THERE | SENT_NAMED;
	return SENT_THERE;
}

/*
 * Backstop: a packet to the real address behind a synthetic one, of the socket that asked for
 * it. The name must still allow it: NAME_ALLOWS, and NAME_CHECKS if it wants to be looked at.
 */
static __always_inline __u32 steered_approved(struct __sk_buff *skb,
					      const struct terok_guard *guard,
					      const struct flow *flow, struct bpf_sock *sk)
{
	struct terok_steered *mine;

	if (!sk || !(guard->names & TEROK_NAMES_SYNTHETIC))
		return 0;
	mine = bpf_sk_storage_get(&terok_steered, sk, 0, 0);
	if (mine && mine->name && steered_is(mine, guard, flow))
		return name_look(flow, guard->id, mine->name);
	if (flow->proto != IPPROTO_UDP)
		return 0;
	return sent_look(flow, guard->id, bpf_get_socket_cookie(skb)) & SENT_NAMED ? NAME_ALLOWS
										   : 0;
}

/*
 * Is that where the socket is connected to? Datagrams may go elsewhere, and so may what NAT
 * changed. An IPv6 socket's mapped peer is in dst_ip4, too; read first and kept apart, or the
 * compiler makes one load of both forms, at an offset that the verifier does not take.
 */
static __always_inline _Bool sk_peer_is(const struct bpf_sock *sk, const struct flow *flow)
{
	__u32 v4 = sk->dst_ip4;

	__asm__ volatile("" : "+r"(v4));
	if (sk->dst_port != bpf_htons(flow->port))
		return 0;
	if (flow_is_v4(flow))
		return v4 == flow->addr[3];
	return sk->dst_ip6[0] == flow->addr[0] && sk->dst_ip6[1] == flow->addr[1] &&
	       sk->dst_ip6[2] == flow->addr[2] && sk->dst_ip6[3] == flow->addr[3];
}

/*
 * Backstop: a flow to an address that a name had and that has ended. Whoever is connected
 * there passed connect() while it had not; an unconnected socket sent there shortly before.
 */
static __always_inline _Bool lapsed_approved(struct __sk_buff *skb, const struct terok_guard *guard,
					     const struct flow *flow, struct bpf_sock *sk)
{
	if (!sk)
		return 0;
	if ((flow->proto == IPPROTO_TCP || sk->state == TCP_ESTABLISHED) && sk_peer_is(sk, flow))
		return 1;
	return flow->proto == IPPROTO_UDP &&
	       sent_look(flow, guard->id, bpf_get_socket_cookie(skb)) & SENT_THERE;
}

/*
 * Inbound: the answer to a datagram of an unconnected socket, from the real address behind a
 * synthetic one or from one that has ended. @decision: of a packet back.
 */
static __always_inline _Bool sent_answered(struct __sk_buff *skb, const struct terok_guard *guard,
					   const struct flow *peer, const struct decision *decision)
{
	int sent;

	if (peer->proto != IPPROTO_UDP || !skb->sk ||
	    !(guard->names & (TEROK_NAMES_LEARNED | TEROK_NAMES_SYNTHETIC)))
		return 0;
	sent = sent_look(peer, guard->id, bpf_get_socket_cookie(skb));
	return sent & SENT_NAMED || (sent && decision->named & NAMED_LAPSED);
}

#endif
