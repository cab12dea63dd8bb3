/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.h - flows that must say whom they want: the first data of a flow to an address of a name
 * whose rule asks for it names somebody who is allowed, or goes nowhere
 *
 * hello.h reads, segment.h finds the bytes, this file knows names. State begins with each SYN of
 * a guard that has such a rule, so that it is there when the address is learned later. A
 * refused flow stays open and silent; the agent ends its socket when it hears.
 */
#ifndef TEROK_CHECK_H
#define TEROK_CHECK_H

#define PORT_HTTP  80
#define PORT_TLS   443
#define FNV_BASIS  0xcbf29ce484222325ULL
#define FNV_PRIME  0x100000001b3ULL
#define NAME_WORDS (HELLO_NAME_SIZE / 8)

static __always_inline enum hello_kind hello_kind_of(const struct flow *flow)
{
	if (flow->proto != IPPROTO_TCP)
		return HELLO_KIND_NONE;
	if (flow->port == PORT_TLS)
		return HELLO_KIND_TLS;
	return flow->port == PORT_HTTP ? HELLO_KIND_HTTP : HELLO_KIND_NONE;
}

/* As dns_name_hash() has it. */
static __always_inline __u64 hello_hash(const struct hello *hello)
{
	__u64 hash = FNV_BASIS;

	for (int i = 0; i < HELLO_NAME_SIZE; i++) {
		__u8 c = hello->name[i];

		if (!c)
			break;
		hash = (hash ^ c) * FNV_PRIME;
	}
	return hash ?: 1;
}

/* Is the name it says one that was asked for and may be reached there? Global, as in steer.h. */
__attribute__((__noinline__)) int hello_allowed(const struct hello *hello, const struct flow *flow,
						__u32 guard)
{
	const __u64 *said, *text;
	struct terok_name_key key = {};
	struct terok_name *name;

	if (!hello || !flow)
		return 0;
	key.guard = guard;
	key.name = hello_hash(hello);
	name = name_find(&key);
	if (!name)
		return 0;
	said = (const __u64 *)hello->name;
	text = (const __u64 *)name->text;
	for (int i = 0; i < NAME_WORDS; i++)
		if (said[i] != text[i])
			return 0;
	return grants_say(name, flow) == SAID_ALLOW;
}

/* For people: what a flow that was refused said. */
static __always_inline void hello_note(struct __sk_buff *skb, const struct hello *hello)
{
	__u64 cookie = bpf_get_socket_cookie(skb);

	if (hello->result == HELLO_NAME)
		bpf_map_update_elem(&terok_said, &cookie, hello->name, BPF_ANY);
}

/* Whole, and says somebody who is allowed; what was judged is judged again after a change. */
static __always_inline _Bool hello_judge(const struct terok_guard *guard, const struct flow *flow,
					 struct hello *hello, enum hello_result result)
{
	if (result != HELLO_NAME)
		return result == HELLO_MORE;
	if (hello->judged == guard->domains + 1)
		return 1;
	if (!hello_allowed(hello, flow, guard->id))
		return 0;
	hello->judged = guard->domains + 1;
	return 1;
}

/**
 * check_packet() - may this packet of an approved flow leave?
 * @wanted: the names that approved it want its first data looked at
 *
 * Global, as in steer.h.
 */
__attribute__((__noinline__)) int check_packet(struct __sk_buff *skb, const struct route *route,
					       int wanted)
{
	struct terok_guard *guard = bpf_get_local_storage(&terok_guards, 0);
	struct bpf_sock *sk = skb->sk;
	struct segment segment;
	enum hello_kind kind;
	struct hello *hello;

	if (!route)
		return 0;
	kind = hello_kind_of(&route->flow);
	if (!(guard->names & TEROK_NAMES_CHECK) || kind == HELLO_KIND_NONE)
		return 1;
	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk || segment_read(&segment, skb, route->transport))
		return !wanted;
	hello = bpf_sk_storage_get(&terok_hellos, sk, 0,
				   segment_opens(&segment) ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (!hello) /* it began before anybody looked */
		return !wanted || !segment.length;
	if (segment_opens(&segment))
		hello_begin(hello, kind, segment.seq);
	if (hello_judge(guard, &route->flow, hello, segment_hello(hello, &segment, skb)) ||
	    !wanted || !segment.length)
		return 1;
	hello_note(skb, hello);
	return 0;
}

#endif
