/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_bytes.h - numbers and places in a DNS message, for those who read or write one
 *
 * Numbers are in network order and stand at any byte. Called by: wire.c, wire_answer.c.
 * No bounds are checked here.
 */
#ifndef TEROK_DNS_WIRE_BYTES_H
#define TEROK_DNS_WIRE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#define DNS_CLASS_IN 1

/* RFC 1035 4.1.1: the header, and where in it the flags and the four counts are */
#define HEAD         12
#define HEAD_FLAGS   2
#define HEAD_QD      4
#define HEAD_AN      6
#define HEAD_NS      8
#define HEAD_AR      10

#define FLAG_QR      0x8000
#define FLAG_OPCODE  0x7800
#define FLAG_TC      0x0200
#define FLAG_RD      0x0100
#define FLAG_RA      0x0080
#define FLAG_CD      0x0010
#define FLAG_RCODE   0x000f

#define OPCODE_SHIFT 11

/* RFC 1035 4.1.3: what stands between a record's owner and its data */
#define RR_TYPE          0
#define RR_CLASS         2
#define RR_TTL           4
#define RR_SIZE          8
#define RR_HEAD          10

#define QUESTION_POINTER 0xc00c /* the name at byte 12 */

/* RFC 6891 6.1: a record of the root; its class is a size, its TTL is this */
#define OPT_SIZE          (1 + RR_HEAD)
#define OPT_RCODE_SHIFT   24
#define OPT_VERSION_SHIFT 16
#define OPT_DO            0x8000

/* RFC 9460 14.3.2 */
enum svcb_key {
	SVCB_MANDATORY = 0,
	SVCB_ALPN = 1,
	SVCB_PORT = 3,
};

static inline uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline void put16(uint8_t *p, uint16_t value)
{
	p[0] = value >> 8;
	p[1] = value;
}

static inline void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value);
}

/* One record: offsets into its message. */
struct record {
	size_t owner, data;
	uint32_t ttl;
	uint16_t type, class, size;
};

/**
 * record_next() - the record at @at; behind it afterwards
 *
 * Its owner is passed over and not judged. Return: 0; -EBADMSG: cut off, or a reserved type of
 * label.
 */
int record_next(const uint8_t *msg, size_t size, size_t *at, struct record *ret);

#endif
