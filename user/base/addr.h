/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr.h - addresses, prefixes, ports, protocols and durations as people write them
 *
 * An address is 16 bytes in network order, IPv4 as ::ffff:a.b.c.d, as in terok/abi.h: so
 * ::/0 is every address, of IPv4 as well.
 * Reading is strict (inet_pton: no scope ids, no leading zeros, no shorthand like 10.1);
 * every refusal names the text that was wrong. Writing is the canonical form, so that
 * what is printed can be typed. No state, any thread.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/problem.h"

#define ADDR_TEXT 52 /* longest: [v6]/128 and NUL */

/**
 * addr_hash() - every bit of an address in every bit, for tables
 * @seed: random of the table's own: containers choose the addresses that they are refused
 *
 * Of IPv4 all that differs is in the last bytes, which one multiplication leaves at the top.
 */
static inline uint64_t addr_hash(const uint8_t addr[static 16], uint64_t seed)
{
	const uint64_t odd = 0x9e3779b97f4a7c15ULL; /* 2^64 over the golden ratio */
	uint64_t half[2], hash;

	memcpy(half, addr, sizeof(half));
	hash = (half[0] ^ seed) * odd;
	hash = (hash ^ hash >> 32 ^ half[1]) * odd;
	hash = (hash ^ hash >> 32) * odd;
	return hash ^ hash >> 32;
}

struct dest {
	uint8_t addr[16]; /* host bits beyond .bits are zero */
	uint8_t bits;     /* 128: one address; IPv4 prefix n: 96 + n */
	uint8_t proto;    /* IPPROTO_TCP, IPPROTO_UDP, any number; 0: any */
	uint16_t port;    /* host byte order; 0: any */
};

/**
 * dest_parse() - ADDRESS, ADDRESS/BITS, ADDRESS:PORT, [V6]:PORT, each with optional /tcp or /udp
 *
 * "10.0.0.0/8", "192.0.2.1:443", "[2001:db8::1]:443/tcp", "2001:db8::/32", "192.0.2.1/udp".
 * Return: 0; -EINVAL with @why.
 */
int dest_parse(const char *text, struct dest *ret, struct problem *why);

/** dest_parse_one() - an address and nothing more; @what it is of, for @why; -EINVAL */
int dest_parse_one(const char *text, const char *what, struct dest *ret, struct problem *why);

/** port_parse() - 1 to 65535; proto_parse() - tcp, udp, icmp, icmpv6, any or a number */
int port_parse(const char *text, uint16_t *ret, struct problem *why);
int proto_parse(const char *text, uint8_t *ret, struct problem *why);

/** port_proto_parse() - "PORT", "PORT/tcp" or "PORT/udp"; without a word it is TCP's; -EINVAL */
int port_proto_parse(const char *text, uint16_t *port, uint8_t *proto, struct problem *why);

#define DURATION_MAX  (366 * UINT64_C(86400)) /* seconds */
#define DURATION_TEXT 24

/** duration_parse() - "90", "90s", "10m", "2h", "1d" -> seconds, 1 s to 366 days */
int duration_parse(const char *text, uint64_t *ret, struct problem *why);

/** duration_format() - in the greatest unit that it is a whole number of; returns @buf */
const char *duration_format(char buf[static DURATION_TEXT], uint64_t seconds);

/** addr_is_v4() - ::ffff:a.b.c.d? */
static inline bool addr_is_v4(const uint8_t addr[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, mapped, sizeof(mapped));
}

/** addr_of_v4() - ::ffff:a.b.c.d from its four bytes */
static inline void addr_of_v4(uint8_t ret[static 16], const uint8_t v4[static 4])
{
	memset(ret, 0, 10);
	ret[10] = ret[11] = 0xff;
	memcpy(ret + 12, v4, 4);
}

/** addr_format() - "192.0.2.1" or "2001:db8::1"; returns @buf */
const char *addr_format(char buf[static ADDR_TEXT], const uint8_t addr[static 16]);

/** dest_format() - address or prefix only, without port and protocol; returns @buf */
const char *dest_format(char buf[static ADDR_TEXT], const struct dest *dest);

/** proto_name() - "tcp", "udp", "icmp", "icmpv6", "any", else the number in @buf */
const char *proto_name(uint8_t proto, char buf[static 8]);

#endif
