// SPDX-License-Identifier: GPL-2.0-only
/*
 * hello.bpf.c - the least of a hook around hello.h: a flow without an allowed name ends
 *
 * Ports 443 and 80 only, every address. What a packet with data may do is all that is judged;
 * that a refused flow's end is seen over there is no loss.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "terok/abi.h"
#include "segment.h"

#define PORT_HTTP 80
#define PORT_TLS  443

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct hello);
} hellos SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, char[HELLO_NAME_SIZE]);
	__type(value, __u32);
} names SEC(".maps");

__u64 dropped;
__u32 longest; /* data of one packet to these ports, bytes */
__u64 in_syn;  /* packets that open a connection and have data */

/* Where the TCP header begins; 0: another protocol. */
static __always_inline __u32 transport(struct __sk_buff *skb)
{
	__u8 head[sizeof(struct ipv6hdr)];

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return 0;
	if (head[0] >> 4 == 4)
		return head[9] == IPPROTO_TCP ? (head[0] & 15) * 4 : 0;
	return head[6] == IPPROTO_TCP ? sizeof(head) : 0;
}

static __always_inline enum hello_kind kind_of(struct __sk_buff *skb, __u32 at)
{
	__be16 port;

	if (bpf_skb_load_bytes(skb, at + 2, &port, sizeof(port)))
		return HELLO_KIND_NONE;
	if (port == bpf_htons(PORT_TLS))
		return HELLO_KIND_TLS;
	return port == bpf_htons(PORT_HTTP) ? HELLO_KIND_HTTP : HELLO_KIND_NONE;
}

static __always_inline int judge(struct hello *hello, enum hello_result said)
{
	if (said == HELLO_MORE)
		return 1;
	if (said != HELLO_NAME)
		return 0;
	if (!hello->judged && bpf_map_lookup_elem(&names, hello->name))
		hello->judged = 1;
	return hello->judged;
}

static __always_inline int drop(const struct segment *segment)
{
	if (!segment->length)
		return 1;
	__sync_fetch_and_add(&dropped, 1);
	return 0;
}

/* For the test to know that it saw what it is about. */
static __always_inline void watch(const struct segment *segment)
{
	if (segment->length > longest)
		longest = segment->length;
	if (segment->length && segment_opens(segment))
		__sync_fetch_and_add(&in_syn, 1);
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	__u32 at = transport(skb);
	struct bpf_sock *sk = skb->sk;
	struct segment segment;
	enum hello_kind kind;
	struct hello *hello;

	if (!at)
		return 1;
	kind = kind_of(skb, at);
	if (kind == HELLO_KIND_NONE)
		return 1;
	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk || segment_read(&segment, skb, at))
		return 0;
	watch(&segment);
	hello = bpf_sk_storage_get(&hellos, sk, 0,
				   segment_opens(&segment) ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (!hello)
		return drop(&segment);
	if (segment_opens(&segment))
		hello_begin(hello, kind, segment.seq);
	return judge(hello, segment_hello(hello, &segment, skb)) ? 1 : drop(&segment);
}

char LICENSE[] SEC("license") = "GPL";
