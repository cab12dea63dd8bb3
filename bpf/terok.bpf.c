// SPDX-License-Identifier: GPL-2.0-only
/*
 * terok.bpf.c - hooks on a guarded cgroup
 *
 * Each SEC() function turns its context into a struct route, asks decide(), and acts on
 * the answer. Maps are in maps.h; what the agent may set before load is const volatile;
 * nothing else is a global, so that all state can be read with bpftool.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "terok/abi.h"
#include "segment.h"
#include "maps.h"

#define SOCK_STREAM    1 /* uapi, so not in vmlinux.h */
#define SOCK_DGRAM     2
#define IPPROTO_ICMPV6 58
#define IPPROTO_IGMP   2

static const struct terok_rule *rule_find(const struct terok_rule_key *key)
{
	return bpf_map_lookup_elem(&terok_rules, key);
}

static const struct terok_rule *prefix_find(const struct terok_prefix_key *key)
{
	return bpf_map_lookup_elem(&terok_prefix, key);
}

static _Bool self_find(const struct terok_self_key *key)
{
	return bpf_map_lookup_elem(&terok_self, key) != 0;
}

static _Bool publish_find(const struct terok_publish_key *key)
{
	return bpf_map_lookup_elem(&terok_publish, key) != 0;
}

static const __u64 *asker_find(const struct terok_asker_key *key)
{
	return bpf_map_lookup_elem(&terok_askers, key);
}

static const struct terok_learned *learned_find(const struct terok_learned_key *key)
{
	return bpf_map_lookup_elem(&terok_learned, key);
}

static struct terok_name *name_find(const struct terok_name_key *key)
{
	return bpf_map_lookup_elem(&terok_names, key);
}

static void name_count(struct terok_name *name)
{
	__sync_fetch_and_add(&name->hits, 1);
}

/* Where addresses that stand for others are taken from; the loader may set others before load. */
const volatile __u32 synthetic4 = 0xc6120000, synthetic4_mask = 0xfffe0000; /* 198.18.0.0/15 */
const volatile __u32 synthetic6_first = 0xfd73796e, synthetic6_second = 0;  /* fd73:796e::/64 */

static _Bool range_is_synthetic(const __u32 addr[4])
{
	if (!addr[0] && !addr[1])
		return (bpf_ntohl(addr[3]) & synthetic4_mask) == synthetic4;
	return bpf_ntohl(addr[0]) == synthetic6_first && bpf_ntohl(addr[1]) == synthetic6_second;
}

static __u64 decide_now(void)
{
	return bpf_ktime_get_boot_ns();
}

#include "decide.h"
#include "flow.h"
#include "group.h"
#include "emit.h"
#include "steer.h"
#include "check.h"

/* uapi values that vmlinux.h, being made from BTF, does not carry */
#define EPERM           1
#define EACCES          13
#define EPROTONOSUPPORT 93
#define EHOSTUNREACH    113
#define IPPROTO_MPTCP   262
#define TCP_SYN_SENT    2
#define TCP_LISTEN      10

#define ASKER_NS        (180 * 1000000000ULL) /* as long as the kernel's own UDP streams are tracked */

/* What a refused call returns; the loader may set others before load. */
const volatile int refuse_connect4 = EHOSTUNREACH;
const volatile int refuse_connect6 = EACCES;
const volatile int refuse_sendmsg = EPERM;

/*
 * A refused connect or datagram. A call, not inlined: its copies would make four programs
 * as large as the rest of the file.
 */
static __noinline int refuse(struct bpf_sock_addr *ctx, const struct route *route,
			     enum terok_hook hook, const struct decision *decision)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct terok_counts *counts = bpf_get_local_storage(&terok_counts, 0);
	__u64 now = bpf_ktime_get_boot_ns();
	struct terok_record *rec;

	if (!record_afford(guard, counts, now))
		return 0;
	rec = record_reserve();
	if (!rec)
		return record_lose(counts);
	record_fill(rec, guard, route, hook, decision, now);
	record_task(rec);
	rec->sock_cookie = bpf_get_socket_cookie(ctx);
	rec->netns_cookie = bpf_get_netns_cookie(ctx);
	record_submit(rec, counts);
	return 0;
}

/*
 * Where a guard goes that notes it. A table and not records: each destination has one entry
 * however often it comes, so neither a budget nor a slow reader loses any. What finds no room
 * is counted in the guard's own entry.
 */
static __always_inline void reached_key(struct terok_reached_key *key,
					const struct terok_guard *guard, const struct route *route,
					__u8 action)
{
	key->guard = guard->id;
	key->port = route->flow.port;
	key->proto = route->flow.proto;
	key->action = action;
	__builtin_memcpy(key->addr, route->flow.addr, sizeof(key->addr));
}

/* If another CPU was first, its entry is as good as @first. */
static __always_inline struct terok_reached *reached_put(struct terok_reached_key *key,
							 const struct terok_reached *first)
{
	struct terok_reached *have;

	bpf_map_update_elem(&terok_reached, key, first, BPF_NOEXIST);
	have = bpf_map_lookup_elem(&terok_reached, key);
	if (have)
		return have;
	key->port = 0;
	key->proto = 0;
	key->action = 0;
	__builtin_memset(key->addr, 0, sizeof(key->addr));
	return bpf_map_lookup_elem(&terok_reached, key);
}

static __always_inline void reached_count(struct terok_reached *have)
{
	count(&have->count);
	have->last_ns = bpf_ktime_get_boot_ns();
}

/*
 * A connect or sendmsg. To connect a datagram socket sends nothing (resolvers sort addresses
 * by it), so of what is no TCP the packets count, which have no process: it is taken here.
 */
static __noinline int note_call(const struct route *route, const struct decision *decision)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct task_struct *task = bpf_get_current_task_btf();
	struct terok_reached_key key = {};
	struct terok_reached *have, first = {};
	struct terok_self_key self = {};

	if (!route || !decision)
		return 0;
	reached_key(&key, guard, route, decision->action);
	have = bpf_map_lookup_elem(&terok_reached, &key);
	if (!have) {
		/* of its own addresses decide() did not need to know it, in an open state */
		self.guard = guard->id;
		__builtin_memcpy(self.addr, route->flow.addr, sizeof(self.addr));
		if (self_find(&self))
			return 0;
		first.tgid = task->tgid;
		first.uid = bpf_get_current_uid_gid();
		bpf_get_current_comm(first.comm, sizeof(first.comm));
		have = reached_put(&key, &first);
	}
	if (have && (route->flow.proto == IPPROTO_TCP || decision->action != TEROK_ALLOW))
		reached_count(have);
	return 0;
}

/* A packet that leaves; those of TCP belong to a connect, or to who came in. */
static __noinline int note_packet(const struct route *route)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct terok_reached_key key = {};
	struct terok_reached *have, first = {};

	if (!route || route->flow.proto == IPPROTO_TCP)
		return 0;
	reached_key(&key, guard, route, TEROK_ALLOW);
	have = bpf_map_lookup_elem(&terok_reached, &key);
	if (!have)
		have = reached_put(&key, &first);
	if (have)
		reached_count(have);
	return 0;
}

/* What a rule could be about: neither what never leaves nor what the agent put there itself. */
static __always_inline _Bool is_worth_a_note(const struct terok_guard *guard,
					     const struct decision *decision)
{
	return guard->notes && decision->reason != TEROK_REASON_LOOPBACK &&
	       decision->reason != TEROK_REASON_SELF && decision->reason != TEROK_REASON_INFRA;
}

/* A timed rule allowed this flow: let the backstop know it when the rule has ended. */
static __always_inline void flow_remember(struct bpf_sock_addr *ctx,
					  const struct terok_guard *guard, const struct flow *flow)
{
	struct bpf_sock *sk = ctx->sk;
	struct terok_flow *mine;

	if (!sk)
		return;
	mine = bpf_sk_storage_get(&terok_flows, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!mine)
		return; /* no memory: the flow ends with its rule, the safe side */
	mine->guard = guard->id;
	mine->accepted = 0;
	mine->epoch = guard->epoch;
	mine->port = flow->port;
	mine->proto = flow->proto;
	__builtin_memcpy(mine->addr, flow->addr, sizeof(mine->addr));
}

/*
 * A socket that listened on a published port, or was accepted there, and connects now: what
 * approved its answers approves nothing of what it begins.
 */
static __always_inline void flow_begin(struct bpf_sock_addr *ctx, const struct terok_guard *guard)
{
	struct bpf_sock *sk = ctx->sk;
	struct terok_flow *mine;

	if (!sk || !guard->publishes)
		return;
	mine = bpf_sk_storage_get(&terok_flows, sk, 0, 0);
	if (mine && mine->accepted) {
		mine->accepted = 0;
		mine->guard = 0;
	}
}

/* From a published UDP port back to who asked there. */
static __always_inline _Bool on_answer(struct bpf_sock_addr *ctx, const struct terok_guard *guard,
				       const struct flow *flow, const struct decision *decision)
{
	struct bpf_sock *sk = ctx->sk;

	return reason_spares_flows(decision->reason) && guard->publishes && sk &&
	       decide_answer(guard, flow, sk->src_port);
}

/*
 * Where the call goes, and whether it may. The flow of @route becomes what it is steered to.
 */
static __always_inline struct decision address_decide(struct bpf_sock_addr *ctx,
						      const struct terok_guard *guard,
						      struct route *route,
						      struct steering *steering)
{
	struct flow *flow = &route->flow;
	struct decision decision;

	if (guard && (flow->port == DNS_PORT || flow_asks_why(flow)))
		steer_call(ctx, flow, steering);
	else if (guard && guard->names & TEROK_NAMES_SYNTHETIC && ctx->user_family)
		steer_synthetic(guard, flow, steering);
	decision = decide_elsewhere(guard, flow); /* of a query: loopback, which is allowed */
	if (guard && steering->name)
		decide_synthetic(guard, flow, steering->name, &decision);
	decision = decide_self(guard, flow, decision);
	if (guard && decision.reason == TEROK_REASON_LOOPBACK && !steering->steered &&
	    resolver_is_anothers(ctx, guard, flow))
		return DECISION(TEROK_DENY, TEROK_REASON_NAME_DENY, 0);
	if (steering->name)
		return decision;
	if (decision.action != TEROK_ALLOW && reason_spares_flows(decision.reason) && guard &&
	    steered_before(ctx, guard, flow)) {
		decision.action = TEROK_ALLOW;
		decision.reason = TEROK_REASON_NAME;
	}
	return decision;
}

/*
 * Datagrams of an unconnected socket, to an address of a name that ends soon, or has ended; of
 * connected ones those come here, too, that are of IPv6 and their peer is mapped.
 */
static __always_inline _Bool datagram_goes_on(struct bpf_sock_addr *ctx,
					      const struct terok_guard *guard,
					      const struct flow *flow,
					      const struct decision *decision)
{
	struct steering same = {};
	struct bpf_sock *sk = ctx->sk;

	if (decision->named & NAMED_LAPSED && sk && sk->state == TCP_ESTABLISHED &&
	    sk_peer_is(sk, flow))
		return 1;
	if (decision->named & NAMED_LAPSED)
		return sent_look(flow, guard->id, bpf_get_socket_cookie(ctx)) & SENT_THERE;
	if (decision->named & NAMED_SOON) {
		__builtin_memcpy(same.asked, flow->addr, sizeof(same.asked));
		same.asked_port = flow->port;
		steering_remember_sent(ctx, guard->id, flow, &same);
	}
	return 0;
}

/* It is allowed: what has to be remembered of it. False: that did not work. */
static __always_inline _Bool address_allow(struct bpf_sock_addr *ctx,
					   const struct terok_guard *guard, struct flow *flow,
					   enum terok_hook hook, const struct decision *decision,
					   const struct steering *steering)
{
	_Bool connects = hook == TEROK_HOOK_CONNECT4 || hook == TEROK_HOOK_CONNECT6;

	if (connects)
		flow_begin(ctx, guard);
	if (connects && ctx->sk && guard->names & TEROK_NAMES_CHECK) /* said as another one */
		bpf_sk_storage_delete(&terok_hellos, ctx->sk);
	if (connects && decision->timed)
		flow_remember(ctx, guard, flow);
	if (!connects && decision->named & NAMED_SOON)
		datagram_goes_on(ctx, guard, flow, decision);
	if (!steering->steered)
		return 1;
	return connects ? steering_remember_connected(ctx, guard->id, flow, steering)
			: steering_remember_sent(ctx, guard->id, flow, steering);
}

/* connect and sendmsg: 1 lets the call go on, 0 makes it fail with @error. */
static __always_inline int on_address(struct bpf_sock_addr *ctx, struct route *route,
				      enum terok_hook hook, _Bool known, int error,
				      struct steering *steering)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct terok_counts *counts = bpf_get_local_storage(&terok_counts, 0);
	struct decision decision = DECISION(TEROK_DENY, TEROK_REASON_MALFORMED, 0);

	if (known)
		decision = address_decide(ctx, guard, route, steering);
	if (decision.action == TEROK_ALLOW &&
	    address_allow(ctx, guard, &route->flow, hook, &decision, steering)) {
		count(&counts->allowed);
		if (is_worth_a_note(guard, &decision))
			note_call(route, &decision);
		return 1;
	}
	if (known && decision.action != TEROK_ALLOW &&
	    (on_answer(ctx, guard, &route->flow, &decision) ||
	     ((hook == TEROK_HOOK_SENDMSG4 || hook == TEROK_HOOK_SENDMSG6) &&
	      datagram_goes_on(ctx, guard, &route->flow, &decision)))) {
		count(&counts->allowed);
		return 1;
	}
	decision.action = TEROK_DENY; /* or there was no memory to remember what was exchanged */
	if (steering->steered) {      /* people are told what was asked for */
		__builtin_memcpy(route->flow.addr, steering->asked, sizeof(route->flow.addr));
		route->flow.port = steering->asked_port;
	}
	if (is_worth_a_note(guard, &decision))
		note_call(route, &decision);
	route_set_source(route, ctx->sk);
	refuse(ctx, route, hook, &decision);
	bpf_set_retval(-error);
	return 0;
}

static __always_inline int on_address4(struct bpf_sock_addr *ctx, struct route *route,
				       enum terok_hook hook, _Bool known, int error)
{
	struct steering steering = {};
	int pass = on_address(ctx, route, hook, known, error, &steering);

	if (pass && steering.steered)
		steering_write4(ctx, &route->flow);
	return pass;
}

static __always_inline int on_address6(struct bpf_sock_addr *ctx, struct route *route,
				       enum terok_hook hook, _Bool known, int error)
{
	struct steering steering = {};
	int pass = on_address(ctx, route, hook, known, error, &steering);

	if (pass && steering.steered)
		steering_write6(ctx, &route->flow);
	return pass;
}

SEC("cgroup/connect4")
int terok_connect4(struct bpf_sock_addr *ctx)
{
	struct route route = {};

	route_from_addr4(&route, ctx);
	return on_address4(ctx, &route, TEROK_HOOK_CONNECT4, 1, refuse_connect4);
}

SEC("cgroup/connect6")
int terok_connect6(struct bpf_sock_addr *ctx)
{
	struct route route = {};

	route_from_addr6(&route, ctx);
	return on_address6(ctx, &route, TEROK_HOOK_CONNECT6, 1,
			   route.family == AF_INET ? refuse_connect4 : refuse_connect6);
}

SEC("cgroup/sendmsg4")
int terok_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct route route = {};
	_Bool known;

	route_from_addr4(&route, ctx);
	known = route_from_peer(&route, ctx);
	return on_address4(ctx, &route, TEROK_HOOK_SENDMSG4, known, refuse_sendmsg);
}

SEC("cgroup/sendmsg6")
int terok_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct route route = {};
	_Bool known;

	route_from_addr6(&route, ctx);
	known = route_from_peer(&route, ctx);
	return on_address6(ctx, &route, TEROK_HOOK_SENDMSG6, known, refuse_sendmsg);
}

/* What an answer says, or a socket of its peer, as its caller knows it. */
static __always_inline int on_way_back4(struct bpf_sock_addr *ctx, _Bool datagram)
{
	struct flow flow = {};

	addr_from_v4(flow.addr, ctx->user_ip4);
	flow.port = bpf_ntohs(ctx->user_port);
	flow.proto = ctx->protocol;
	if (steering_undo(ctx, &flow, datagram))
		steering_write4(ctx, &flow);
	return 1;
}

static __always_inline int on_way_back6(struct bpf_sock_addr *ctx, _Bool datagram)
{
	struct flow flow = {};

	flow.addr[0] = ctx->user_ip6[0];
	flow.addr[1] = ctx->user_ip6[1];
	flow.addr[2] = ctx->user_ip6[2];
	flow.addr[3] = ctx->user_ip6[3];
	flow.port = bpf_ntohs(ctx->user_port);
	flow.proto = ctx->protocol;
	if (steering_undo(ctx, &flow, datagram))
		steering_write6(ctx, &flow);
	return 1;
}

SEC("cgroup/recvmsg4")
int terok_recvmsg4(struct bpf_sock_addr *ctx)
{
	return on_way_back4(ctx, 1);
}

SEC("cgroup/recvmsg6")
int terok_recvmsg6(struct bpf_sock_addr *ctx)
{
	return on_way_back6(ctx, 1);
}

SEC("cgroup/getpeername4")
int terok_getpeer4(struct bpf_sock_addr *ctx)
{
	return on_way_back4(ctx, 0);
}

SEC("cgroup/getpeername6")
int terok_getpeer6(struct bpf_sock_addr *ctx)
{
	return on_way_back6(ctx, 0);
}

/* A refused socket; a call for the same reason as refuse(): who may have one pays for nothing. */
static __noinline int refuse_socket(struct bpf_sock *ctx)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct terok_counts *counts = bpf_get_local_storage(&terok_counts, 0);
	__u64 now = bpf_ktime_get_boot_ns();
	struct terok_record *rec;
	struct decision decision = DECISION(TEROK_DENY, TEROK_REASON_SOCKET_KIND, 0);
	struct route route = {};

	if (!record_afford(guard, counts, now))
		return 0;
	rec = record_reserve();
	if (!rec)
		return record_lose(counts);
	decision.state = guard_state(guard);
	route.family = ctx->family;
	route.flow.proto = ctx->protocol; /* 262 does not fit: 6, with the reason it is clear */
	record_fill(rec, guard, &route, TEROK_HOOK_SOCK_CREATE, &decision, now);
	record_task(rec);
	rec->sock_type = ctx->type;
	rec->sock_cookie = bpf_get_socket_cookie(ctx);
	rec->netns_cookie = bpf_get_netns_cookie(ctx);
	record_submit(rec, counts);
	return 0;
}

SEC("cgroup/sock_create")
int terok_socket(struct bpf_sock *ctx)
{
	if (decide_socket(bpf_get_local_storage(&terok_guards, 0), ctx->type, ctx->protocol))
		return 1;

	/* what a kernel without MPTCP says: applications then take TCP */
	if (ctx->protocol == IPPROTO_MPTCP)
		bpf_set_retval(-EPROTONOSUPPORT);
	refuse_socket(ctx);
	return 0;
}

/*
 * Was this very flow approved while its rule held (denies and revocations end the epoch), or
 * accepted on a port that is still published?
 */
static __always_inline _Bool flow_approved(const struct terok_guard *guard,
					   const struct route *route, struct bpf_sock *sk)
{
	const struct flow *flow = &route->flow;
	struct terok_flow *mine;
	__u32 addr[4];

	if (!sk)
		return 0;
	mine = bpf_sk_storage_get(&terok_flows, sk, 0, 0);
	if (!mine || mine->guard != guard->id)
		return 0;
	if (mine->accepted)
		return mine->port == route->src_port && mine->proto == flow->proto &&
		       decide_published(guard, mine->proto, mine->port);
	__builtin_memcpy(addr, mine->addr, sizeof(addr));
	return mine->epoch == guard->epoch && mine->port == flow->port &&
	       mine->proto == flow->proto && addr[0] == flow->addr[0] && addr[1] == flow->addr[1] &&
	       addr[2] == flow->addr[2] && addr[3] == flow->addr[3];
}

/* A listener, or the half-open connection that it answers for. */
static __always_inline _Bool sk_answers(const struct bpf_sock *sk)
{
	return sk->state == TCP_LISTEN || sk->state == TCP_NEW_SYN_RECV;
}

static __noinline int drop(struct __sk_buff *skb, const struct route *route, enum terok_hook hook,
			   const struct decision *decision)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct terok_counts *counts = bpf_get_local_storage(&terok_counts, 0);
	__u64 now = bpf_ktime_get_boot_ns();
	struct terok_record *rec;

	count(&counts->dropped);
	if (!record_afford(guard, counts, now))
		return 0;
	rec = record_reserve();
	if (!rec)
		return record_lose(counts);
	record_fill(rec, guard, route, hook, decision, now);
	record_no_task(rec);
	rec->cgroup = bpf_skb_cgroup_id(skb);
	rec->sock_cookie = bpf_get_socket_cookie(skb);
	rec->netns_cookie = 0; /* no helper for it in this context */
	record_submit(rec, counts);
	return 0;
}

/* Refused as an address: is it part of a flow that was approved all the same? */
static __always_inline _Bool flow_is_spared(struct __sk_buff *skb, const struct terok_guard *guard,
					    const struct route *route, struct decision *decision)
{
	const struct flow *flow = &route->flow;
	struct bpf_sock *sk = skb->sk;
	__u32 named;

	if (decision->named & NAMED_DENY) {
		named = steered_approved(skb, guard, flow, sk ? bpf_sk_fullsock(sk) : sk);
		decision->named = named & NAME_CHECKS ? NAMED_CHECK : 0;
		return named & NAME_ALLOWS;
	}
	if (!reason_spares_flows(decision->reason))
		return 0;
	if (decide_answer(guard, flow, route->src_port))
		return 1;
	if (!sk)
		return 0;
	if (sk_answers(sk)) {
		decision->reason = TEROK_REASON_UNSOLICITED;
		return decide_published(guard, flow->proto, route->src_port);
	}
	sk = bpf_sk_fullsock(sk);
	if (flow_approved(guard, route, sk)) {
		decision->named = 0;
		return 1;
	}
	named = steered_approved(skb, guard, flow, sk);
	if (named & NAME_CHECKS)
		decision->named |= NAMED_CHECK;
	return named & NAME_ALLOWS ||
	       (decision->named & NAMED_LAPSED && lapsed_approved(skb, guard, flow, sk));
}

/*
 * The backstop: what leaves on the wire is decided by what is on the wire, whatever
 * socket call made it. Dropping is all it can do: datagrams fail with EPERM, TCP is silent.
 */
SEC("cgroup_skb/egress")
int terok_egress(struct __sk_buff *skb)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct route route = {};
	struct decision decision = DECISION(TEROK_DENY, TEROK_REASON_MALFORMED, 0);

	/* on loopback, too: a host that forwards sends it on from there, in nobody's name */
	if (route_from_packet(&route, skb))
		return drop(skb, &route, TEROK_HOOK_EGRESS, &decision);
	decision = decide(guard, &route.flow);
	if (route.routed) { /* allowed or not: it goes elsewhere afterwards */
		decision.reason = TEROK_REASON_ROUTED;
		return drop(skb, &route, TEROK_HOOK_EGRESS, &decision);
	}
	if (decision.action != TEROK_ALLOW && !flow_is_spared(skb, guard, &route, &decision))
		return drop(skb, &route, TEROK_HOOK_EGRESS, &decision);
	if (!check_packet(skb, &route, decision.named & NAMED_CHECK)) {
		decision.reason = TEROK_REASON_HELLO;
		return drop(skb, &route, TEROK_HOOK_EGRESS, &decision);
	}
	if (is_worth_a_note(guard, &decision))
		note_packet(&route);
	return 1;
}

/* A listener on a published port: what it accepts is approved with it. */
static __always_inline void listener_approve(const struct terok_guard *guard, struct bpf_sock *sk,
					     __u8 proto, __u16 port)
{
	struct terok_flow *mine;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk)
		return;
	mine = bpf_sk_storage_get(&terok_flows, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!mine)
		return; /* no memory: its answers are dropped, the safe side */
	mine->guard = guard->id;
	mine->port = port;
	mine->proto = proto;
	mine->accepted = 1;
}

/* It may be answered for a while; written anew only when half of that is over. */
static __always_inline void asker_note(const struct terok_guard *guard, const struct flow *peer,
				       __u16 port)
{
	struct terok_asker_key key = {};
	__u64 now = decide_now(), until = now + ASKER_NS, *have;

	key.guard = guard->id;
	key.port = port;
	key.peer_port = peer->port;
	__builtin_memcpy(key.peer, peer->addr, sizeof(key.peer));
	have = bpf_map_lookup_elem(&terok_askers, &key);
	if (!have)
		bpf_map_update_elem(&terok_askers, &key, &until, BPF_ANY);
	else if (*have < now + ASKER_NS / 2)
		*have = until;
}

/* Has the kernel found the socket by its peer as well, so that this is the peer's answer? */
static __always_inline _Bool sk_expects(const struct bpf_sock *sk, __u8 proto)
{
	return proto == IPPROTO_TCP ? sk->state == TCP_SYN_SENT : sk->dst_port != 0;
}

/*
 * What begins from outside. Only packets that a guarded socket is about to receive come
 * here; those of connections that stand are not looked at further.
 */
SEC("cgroup_skb/ingress")
int terok_ingress(struct __sk_buff *skb)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct bpf_sock *sk = skb->sk;
	struct route route = {};
	struct decision decision = DECISION(TEROK_DENY, TEROK_REASON_MALFORMED, 0);
	struct flow peer = {};
	__u8 proto;

	if (skb->ifindex == 1 || tcp_goes_on(skb))
		return 1;
	if (route_from_packet(&route, skb))
		return drop(skb, &route, TEROK_HOOK_INGRESS, &decision);
	proto = route.flow.proto;
	if (proto == IPPROTO_TCP && !tcp_opens(skb, &route))
		return 1;
	if (sk && sk_expects(sk, proto))
		return 1;

	__builtin_memcpy(peer.addr, route.src, sizeof(peer.addr));
	peer.port = route.src_port;
	peer.proto = proto;
	peer.way = FLOW_WIRE;
	decision = decide_inbound(guard, &peer, route.flow.port);
	if (decision.action != TEROK_ALLOW) {
		if (decision.reason == TEROK_REASON_UNSOLICITED &&
		    sent_answered(skb, guard, &peer, &decision))
			return 1;
		return drop(skb, &route, TEROK_HOOK_INGRESS, &decision);
	}
	if (decision.reason == TEROK_REASON_PUBLISHED && proto == IPPROTO_UDP)
		asker_note(guard, &peer, route.flow.port);
	else if (decision.reason == TEROK_REASON_PUBLISHED)
		listener_approve(guard, sk, proto, route.flow.port);
	return 1;
}

static __noinline int refuse_option(const struct route *route, const struct decision *decision)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct terok_counts *counts = bpf_get_local_storage(&terok_counts, 0);
	__u64 now = bpf_ktime_get_boot_ns();
	struct terok_record *rec;

	if (!record_afford(guard, counts, now))
		return 0;
	rec = record_reserve();
	if (!rec)
		return record_lose(counts);
	record_fill(rec, guard, route, TEROK_HOOK_SETSOCKOPT, decision, now);
	record_task(rec);
	rec->sock_cookie = 0; /* no helper for them in this context */
	rec->netns_cookie = 0;
	record_submit(rec, counts);
	return 0;
}

/*
 * Joining a group makes the kernel announce it to the link (IGMP, MLD), with sources of the
 * caller's choice, in packets that no socket owns. So the group is a destination like any
 * other, without a port.
 */
SEC("cgroup/setsockopt")
int terok_option(struct bpf_sockopt *ctx)
{
	struct decision decision = DECISION(TEROK_DENY, TEROK_REASON_MALFORMED, 0);
	struct route route = {};

	if (!option_is_membership(ctx)) {
		ctx->optlen = 0; /* not looked at: the kernel takes the caller's own buffer */
		return 1;
	}
	if (!route_from_membership(&route, ctx))
		decision = decide_apart(bpf_get_local_storage(&terok_guards, 0), &route.flow);
	if (decision.action == TEROK_ALLOW)
		return 1;
	return refuse_option(&route, &decision);
}

char LICENSE[] SEC("license") = "GPL";
