/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * hello.h - the name that a TCP flow says first: TLS server_name, HTTP Host
 *
 * Plain C over terok/abi.h: no helper, no map. Whoever includes it first provides
 * hello_load(): bpf/ reads the packet, tests read an array. A struct hello belongs to one
 * flow, whose segments come one after the other (in the kernel: under the socket's lock), and
 * is the value of a socket storage map: no pointers, no end but the socket's.
 *
 *   SYN without ACK          hello_begin(), sequence number + 1 (its data, if any, is the first)
 *   each later segment       if hello_wants(): hello_segment(), and if that found new bytes:
 *                            hello_step() until it says no, at most HELLO_STEPS times; then
 *                            hello_result()
 *
 * The answer never depends on how bytes were cut into segments: every limit counts what was
 * said, not how. What is refused though some server would take it: more than HELLO_RECORDS
 * records or HELLO_EXTENSIONS extensions in one hello, a header that is folded, a line that
 * begins with a space, space before a colon, control characters, a CR without its LF, empty
 * lines before the request, CONNECT, the preface of HTTP/2, a name with an empty label or with
 * anything but letters, digits, '-', '_' and '.'.
 *
 * After a ClientHello the parser looks on for a second one, which a server asks for with
 * HelloRetryRequest, and wants the same name in it (HELLO_WATCHING): over plaintext alerts and
 * change_cipher_spec, and over early data if it was offered, HELLO_EARLY_BYTES at most.
 *
 * What this is worth, and what the includer must do for it
 * - The segments seen are the segments sent only if nobody can change the bytes afterwards.
 *   Pages that came by sendfile(), splice(), vmsplice() or MSG_ZEROCOPY stay the sender's to
 *   write, until the device has read them and again before each retransmission. The kernel
 *   marks such packets (SKBFL_SHARED_FRAG, which MSG_ZEROCOPY sets as well): while
 *   hello_wants(), call hello_refuse() for a segment so marked. What is left is memory of the
 *   kernel's own, so a retransmission carries what was judged, and nothing needs to be
 *   remembered of it. The mark is the whole segment's: a head whose last segment also has a
 *   part of a file from sendfile() is refused with it. Left open: a path MTU probe
 *   (net.ipv4.tcp_mtu_probing, off by default) copies the pages' references and may lose the
 *   mark; a NIC that encrypts for kTLS (tls-hw-tx-offload, off by default) sends other bytes
 *   than the hook sees.
 * - A receiver takes an urgent byte out of the stream, so that the server reads other text:
 *   while hello_wants(), call hello_refuse() for any segment with URG, even one without data.
 * - A flow without a SYN that was seen (TCP_REPAIR, or older than the guard) has no state, and
 *   fresh storage is HELLO_BAD. A socket that connects again keeps its storage: forget it in
 *   the connect hooks.
 * - The bytes before the last one of the hello are on their way when the name is judged: an
 *   address learned for an allowed name receives up to HELLO_MESSAGE bytes of a hello, or
 *   HELLO_HEAD of a head, that no server answers. name_length is not 0 as soon as the name is
 *   there, and what is whole later has that name or is refused: an includer may end the flow
 *   then, if the name is not allowed.
 * - It is the first name only. What is inside TLS (:authority, Host), the inner name of an
 *   encrypted_client_hello (HELLO_ECH says that there is, or seems to be, one), and later
 *   requests of the same HTTP connection are not seen.
 */
#ifndef TEROK_HELLO_H
#define TEROK_HELLO_H

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif

/* As in decide.h: the verifier walks a global function once, a static one for each path to it. */
#ifdef __bpf__
#define HELLO_FUNCTION __attribute__((__noinline__))
#else
#define HELLO_FUNCTION static __attribute__((__noinline__))
#endif

#define HELLO_NAME_SIZE   256   /* a name has 255 bytes at most; zeros up to the end */
#define HELLO_BLOCK       64    /* bytes read at once */
#define HELLO_HEAD        8192  /* of HTTP: bytes, as many as common servers take */
#define HELLO_MESSAGE     65536 /* of TLS: bytes */
#define HELLO_RECORDS     64    /* that a ClientHello is spread over; real ones: 1 */
#define HELLO_EXTENSIONS  96    /* real ones: 10 to 25 */
#define HELLO_EARLY_BYTES 16384 /* what OpenSSL and BoringSSL take of early data */

/*
 * Of one segment, however large. TLS: one for each record's head, the border of a record in
 * the middle of a field, each field and extension, the name, twice; early data in its smallest
 * records (22 bytes) is 745. HTTP: HELLO_HEAD / HELLO_BLOCK.
 */
#define HELLO_STEPS 2048

enum hello_kind { HELLO_KIND_NONE = 0, HELLO_KIND_TLS, HELLO_KIND_HTTP };

enum hello_result {
	HELLO_BAD =
	    0,      /* not what the port is for, or not what servers agree about; or never begun */
	HELLO_MORE, /* so far, so good */
	HELLO_NAME, /* whole, and says hello.name */
	HELLO_NONE, /* whole, and says no name */
};

/* struct hello.flags */
#define HELLO_ECH      1  /* encrypted_client_hello is there: the name is the outer one */
#define HELLO_WATCHING 2  /* whole, but a second ClientHello may follow */
#define HELLO_NAMED    4  /* server_name or Host was there */
#define HELLO_AGAIN    8  /* the name that comes must be the name that is there */
#define HELLO_EARLY    16 /* early_data is offered */
#define HELLO_DIFFERS  32 /* HTTP: this header's name is not "host" */

/* One flow's hello, as far as it was seen. */
struct hello {
	__u32 next;         /* sequence number of the first byte that was not seen */
	__u32 at;           /* of the segment at hand: what is read next, for hello_load() */
	__u32 end;          /* where its new bytes end */
	__u32 skip;         /* TLS: bytes from here that are not looked at */
	__u32 message_left; /* TLS: bytes of the message */
	__u32 passed;       /* HTTP: bytes of the head so far; TLS, watching: of early data */
	__u16 record_left;  /* TLS: bytes of the record; 0: a record's head comes */
	__u16 name_left;    /* TLS: bytes of the name, before that of its extension */
	__u16 name_at;      /* bytes of the name so far, or compared so far */
	__u16 name_length;
	__u8 kind;   /* enum hello_kind */
	__u8 result; /* enum hello_result */
	__u8 stage;  /* enum hello_tls or hello_http */
	__u8 flags;
	__u8 want; /* TLS: bytes that make the field */
	__u8 have; /* bytes of it so far, in field; HTTP: matched so far */
	__u8 record_have;
	__u8 records;
	__u8 extensions;
	__u8 pad[3];
	__u32 judged;   /* the includer's own; 0 when a flow begins */
	__u8 record[8]; /* a record's head */
	__u8 field[16];
	char name[HELLO_NAME_SIZE]; /* canonical: lower case, no dot at the end */
};

_Static_assert(sizeof(struct hello) == 328, "ABI: hello");

struct hello_block {
	__u8 byte[HELLO_BLOCK];
};

/* hello_load() - @n bytes (1 to HELLO_BLOCK) at @offset of the segment; not 0: impossible. */
static int hello_load(void *source, __u32 offset, void *to, __u32 n);

/** hello_refuse() - whatever it says: HELLO_BAD from here on */
static __always_inline void hello_refuse(struct hello *hello)
{
	hello->result = HELLO_BAD;
	hello->flags &= ~HELLO_WATCHING;
}

/** hello_wants() - is there anything that further segments may change? */
static __always_inline _Bool hello_wants(const struct hello *hello)
{
	return hello->result == HELLO_MORE || hello->flags & HELLO_WATCHING;
}

static __always_inline __u32 hello_least(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static __always_inline __u8 hello_lower(__u8 byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* Is it in a set of ASCII characters? @low, @high: a bit for each of 0 to 63, 64 to 127. */
static __always_inline _Bool hello_is(__u8 byte, __u64 low, __u64 high)
{
	return byte < 128 && (byte < 64 ? low : high) >> (byte & 63) & 1;
}

#define HELLO_DIGITS  0x03ff000000000000ULL
#define HELLO_LETTERS 0x07fffffe07fffffeULL

/* Letters, digits, '-', '.', '_'. */
static __always_inline _Bool hello_is_of_name(__u8 byte)
{
	return hello_is(byte, HELLO_DIGITS | 1ULL << '-' | 1ULL << '.',
			HELLO_LETTERS | 1ULL << ('_' - 64));
}

/* The last byte of the name so far; a dot if there is none, for none may follow. */
static __always_inline __u8 hello_name_last(const struct hello *hello)
{
	if (!hello->name_at)
		return '.';
	return hello->name[(hello->name_at - 1) & (HELLO_NAME_SIZE - 1)];
}

/* One more byte of the name: written, or compared with the name that is there. */
HELLO_FUNCTION int hello_name_add(struct hello *hello, __u8 byte)
{
	__u32 at;

	if (!hello)
		return 0;
	at = hello->name_at;
	byte = hello_lower(byte);
	if (at >= HELLO_NAME_SIZE - 1 || !hello_is_of_name(byte) ||
	    (byte == '.' && hello_name_last(hello) == '.')) {
		hello_refuse(hello);
		return 0;
	}
	if (!(hello->flags & HELLO_AGAIN))
		hello->name[at & (HELLO_NAME_SIZE - 1)] = byte;
	else if (at >= hello->name_length || (__u8)hello->name[at & (HELLO_NAME_SIZE - 1)] != byte)
		hello_refuse(hello);
	hello->name_at = at + 1;
	return 0;
}

static __always_inline void hello_name_end(struct hello *hello)
{
	if (hello_name_last(hello) == '.')
		hello_refuse(hello);
	if (!(hello->flags & HELLO_AGAIN))
		hello->name_length = hello->name_at;
	else if (hello->name_at != hello->name_length)
		hello_refuse(hello);
}

#include "hello_tls.h"
#include "hello_http.h"

/**
 * hello_begin() - a flow begins
 * @first: sequence number of its first byte, which is the SYN's plus one
 */
static __always_inline void hello_begin(struct hello *hello, enum hello_kind kind, __u32 first)
{
	__builtin_memset(hello, 0, sizeof(*hello));
	hello->next = first;
	hello->kind = kind;
	if (kind == HELLO_KIND_TLS)
		hello_tls_begin(hello);
	else if (kind == HELLO_KIND_HTTP)
		hello_http_begin(hello);
}

/**
 * hello_segment() - which of a segment's bytes are new?
 * @seq: sequence number of its first byte of data
 * @offset: where that is, for hello_load()
 * @length: bytes of data
 *
 * True: some are, and hello_step() reads them. What was seen before is not looked at again; a
 * gap, which no sender's kernel leaves, is HELLO_BAD.
 */
static __always_inline _Bool hello_segment(struct hello *hello, __u32 seq, __u32 offset,
					   __u32 length)
{
	__u32 seen = hello->next - seq;

	if (!length || !hello_wants(hello))
		return 0;
	if ((__s32)seen < 0) {
		hello_refuse(hello);
		return 0;
	}
	if (seen >= length)
		return 0;
	hello->next = seq + length;
	hello->at = offset + seen;
	hello->end = offset + length;
	return 1;
}

/* How many bytes to read now, 1 to HELLO_BLOCK; 0: no more of this segment. */
HELLO_FUNCTION __u32 hello_plan(struct hello *hello)
{
	if (!hello || !hello_wants(hello))
		return 0;
	if (hello->kind == HELLO_KIND_TLS)
		return hello_tls_plan(hello);
	return hello_least(hello->end - hello->at, HELLO_BLOCK);
}

/* They were read. */
HELLO_FUNCTION int hello_take(struct hello *hello, const struct hello_block *block, __u32 n)
{
	if (!hello || !block)
		return 0;
	hello->at += n;
	if (hello->kind == HELLO_KIND_TLS)
		hello_tls_take(hello, block, n);
	else
		hello_http_take(hello, block, n);
	return 0;
}

/** hello_step() - read some of the segment's new bytes; false: there is nothing more to do */
static __always_inline _Bool hello_step(struct hello *hello, void *source)
{
	struct hello_block block = {};
	__u32 n = hello_plan(hello);

	if (!n || n > HELLO_BLOCK)
		return 0;
	if (hello_load(source, hello->at, &block, n)) {
		hello_refuse(hello);
		return 0;
	}
	hello_take(hello, &block, n);
	return 1;
}

/** hello_result() - after the steps of a segment: what is known now */
static __always_inline enum hello_result hello_result(struct hello *hello)
{
	if (hello_wants(hello) && hello->at != hello->end)
		hello_refuse(hello); /* HELLO_STEPS were not enough, which cannot be */
	return hello->result;
}

#endif
