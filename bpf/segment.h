/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * segment.h - from a TCP packet to what hello.h reads of it
 *
 * Everything in hello.h's list of what its includer must do with one packet; which packets,
 * and what becomes of the answer, is the hook's. Needs CAP_PERFMON at load (reads the kernel's
 * packet) and Linux 5.17 (bpf_loop).
 */
#ifndef TEROK_SEGMENT_H
#define TEROK_SEGMENT_H

#include <bpf/bpf_core_read.h>

#define SEGMENT_SYN     0x02 /* of a TCP header's fourteenth byte */
#define SEGMENT_ACK     0x10
#define SEGMENT_URG     0x20

#define SEGMENT_HEADER  20
#define SKB_SHARED_FRAG 2 /* SKBFL_SHARED_FRAG: a page may change under the packet */

static int hello_load(void *source, __u32 offset, void *to, __u32 n);

#include "hello.h"

/* In one comparison: of "not 0" Linux 6.1 does not learn that it is 1 at least. */
static int hello_load(void *source, __u32 offset, void *to, __u32 n)
{
	__u32 more = n - 1;

	asm volatile("" : "+r"(more));
	if (more >= HELLO_BLOCK)
		return -1;
	return bpf_skb_load_bytes(source, offset, to, more + 1);
}

struct segment {
	__u32 seq;    /* of the first byte of data */
	__u32 offset; /* of that byte in the packet */
	__u32 length; /* of the data */
	__u8 flags;
};

/* @transport: where the TCP header begins. -1: malformed. */
static __always_inline int segment_read(struct segment *segment, struct __sk_buff *skb,
					__u32 transport)
{
	__u8 header[SEGMENT_HEADER];
	__u32 size;

	if (bpf_skb_load_bytes(skb, transport, header, sizeof(header)))
		return -1;
	size = (header[12] >> 4) * 4;
	if (size < SEGMENT_HEADER || transport + size > skb->len)
		return -1;
	segment->flags = header[13];
	segment->seq = (__u32)header[4] << 24 | header[5] << 16 | header[6] << 8 | header[7];
	if (segment->flags & SEGMENT_SYN)
		segment->seq++;
	segment->offset = transport + size;
	segment->length = skb->len - segment->offset;
	return 0;
}

/* A connection begins here: its hello does, too. */
static __always_inline _Bool segment_opens(const struct segment *segment)
{
	return (segment->flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN;
}

/* May the sender change these bytes after we read them? The mark is the kernel's, for checksums. */
static __always_inline _Bool segment_is_shared(struct __sk_buff *ctx)
{
	const struct sk_buff *skb = (const void *)ctx; /* what a context is to a helper */
	const struct skb_shared_info *shared;

	shared = (const void *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));
	return BPF_CORE_READ(shared, flags) & SKB_SHARED_FRAG;
}

struct segment_walk {
	struct hello *hello;
	struct __sk_buff *skb;
};

static long segment_step(__u32 index, void *walk)
{
	const struct segment_walk *here = walk;

	(void)index;
	return !hello_step(here->hello, here->skb);
}

/*
 * Read it on. What a hello says that needs no more bytes stays said: after it, this costs two
 * comparisons.
 */
static __always_inline enum hello_result
segment_hello(struct hello *hello, const struct segment *segment, struct __sk_buff *skb)
{
	struct segment_walk walk = { hello, skb };

	if (!hello_wants(hello))
		return hello->result;
	if (segment->flags & SEGMENT_URG)
		hello_refuse(hello);
	if (!hello_segment(hello, segment->seq, segment->offset, segment->length))
		return hello->result;
	if (segment_is_shared(skb))
		hello_refuse(hello);
	bpf_loop(HELLO_STEPS, segment_step, &walk, 0);
	return hello_result(hello);
}

#endif
