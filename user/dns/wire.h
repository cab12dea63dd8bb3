/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - DNS messages (RFC 1035, 6891, 8914, 9460): bytes in, structs out, and back
 *
 * Takes strangers' bytes from both sides: a container's queries, an upstream's answers. What
 * leaves is always built anew from structs, so that nothing an upstream sent reaches a
 * container but what is named here, and nothing a container sent reaches an upstream but a
 * name and a type.
 *
 * Called by: the resolver worker. No state, no allocation. Threads: any.
 */
#ifndef TEROK_DNS_WIRE_H
#define TEROK_DNS_WIRE_H

#include "dns/name.h"

#define DNS_UDP_SIZE   1232 /* what we take and offer by EDNS: no fragments on any link */
#define DNS_UDP_PLAIN  512  /* what everybody takes */
#define DNS_TCP_SIZE   65535
#define DNS_QUERY_SIZE 320 /* the largest query that we send: header, question, OPT */
#define DNS_ADDRS      128 /* of one answer; more are left out */
#define DNS_CHAIN      12  /* CNAMEs of one answer; more are refused */
#define DNS_CNAMES     48  /* in one answer section, of the chain or not; more are refused */
#define DNS_DATA       16  /* records of other types in one answer; more are left out */
#define DNS_TEXT       512 /* bytes of one TXT record's strings, lengths included */

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_ANY = 255,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16, /* its upper bits go into OPT */
};

/* RFC 8914 */
enum dns_ede {
	DNS_EDE_NONE = 0,
	DNS_EDE_BLOCKED = 15,
	DNS_EDE_FILTERED = 17,
	DNS_EDE_PROHIBITED = 18,
	DNS_EDE_NETWORK = 23,
};

struct dns_query {
	uint16_t id, type, class;
	bool recursion;         /* RD, echoed */
	bool checking;          /* CD, echoed */
	bool edns;              /* it had OPT: so has the reply */
	bool dnssec;            /* DO: echoed in OPT; we have no signatures */
	uint16_t udp_size;      /* the largest reply it takes by UDP: 512..DNS_UDP_SIZE */
	uint8_t opcode;         /* echoed; 0: QUERY, the only one that we know */
	uint16_t question_size; /* 0: there is none that could be echoed */
	uint8_t question[DNS_WIRE_MAX + 4]; /* as it came: its case is the client's */
	char name[DNS_NAME_LEN];            /* "": no host name */
};

/**
 * dns_query_parse() - a container's bytes
 *
 * Exactly one question, opcode QUERY, no answers; an OPT of version 0 at most once in the
 * additional section; other additional records (TSIG, cookies as options) are skipped, not obeyed.
 * Return: 0; -EBADMSG no reply is due (shorter than a header, or a response); else the rcode
 * to reply with, and what could be read is in @ret. A class that is not IN is DNS_REFUSED.
 */
int dns_query_parse(const uint8_t *msg, size_t size, struct dns_query *ret);

/* One record that is neither address nor CNAME; which fields count depends on the type. */
struct dns_data {
	uint16_t type;
	uint16_t priority;         /* MX, SRV, SVCB, HTTPS (0: alias) */
	uint16_t weight, port;     /* SRV; port of SVCB, HTTPS: 0 not said */
	uint16_t size;             /* of text */
	char target[DNS_NAME_LEN]; /* MX, SRV, SVCB, HTTPS, NS, PTR; "": the name itself, or "." */
	uint8_t text[DNS_TEXT];    /* TXT: its strings; SVCB, HTTPS: the value of alpn, if any */
};

/* What an upstream said to one question, or what we say. */
struct dns_answer {
	uint8_t rcode;
	bool truncated;
	uint32_t ttl; /* seconds: the least of what counts; of no data: the SOA's */
	unsigned n_chain, n_addr, n_data;
	char chain[DNS_CHAIN][DNS_NAME_LEN]; /* CNAME targets, in order, from the question on */
	uint8_t addr[DNS_ADDRS][16];         /* network order, IPv4 as ::ffff:a.b.c.d */
	struct dns_data data[DNS_DATA];
};

/* A question as we sent it, to be held against what comes back. */
struct dns_asked {
	uint16_t id, type;
	uint8_t question[DNS_WIRE_MAX + 4]; /* letters in the case we chose (0x20) */
	uint16_t question_size;
};

/**
 * dns_query_build() - what goes to an upstream: RD, one question, our EDNS size, nothing else
 * @name: canonical
 * @random: bits for the case of letters (0x20), first letter lowest; used again from the start
 * @asked: filled; @out: of DNS_QUERY_SIZE bytes
 *
 * Return: bytes; -EINVAL.
 */
int dns_query_build(uint8_t *out, const char *name, uint16_t type, uint16_t id, uint64_t random,
		    struct dns_asked *asked);

/**
 * dns_answer_parse() - an upstream's bytes
 *
 * Only what follows from the question counts: the CNAME chain from its name on, inside the
 * answer section in any order, and records of the asked type at the chain's end. Everything
 * else (other owners, other sections but the SOA of a negative answer, other classes, ECH and
 * address hints of SVCB and HTTPS) is passed over; so is a whole record that makes something
 * mandatory which is passed over, or has more text than fits, or leads to no host name, and an
 * IPv6 address that is one of IPv4. An address counts once. A chain that loops or is longer than
 * DNS_CHAIN, or leads to a name that is no host name: -EBADMSG; so are more than DNS_CNAMES, of
 * which each would have to be looked at for each link of a chain out of order.
 * Of a truncated answer nothing counts but its rcode, and the same goes for one whose rcode is
 * neither NOERROR nor NXDOMAIN. Return: 0; -ENOMSG not an answer to this question (id, question
 * byte for byte, QR, opcode): whoever waits goes on waiting; -EBADMSG it is, and broken. @ret
 * has no records then.
 */
int dns_answer_parse(const uint8_t *msg, size_t size, const struct dns_asked *asked,
		     struct dns_answer *ret);

/*
 * The answer section of a reply, kept apart from the question it answers, so that it can be
 * cached and sent again: names are compressed against a question at byte 12 only, where every
 * message has it.
 */
struct dns_body {
	uint16_t records;
	uint16_t size;
	uint8_t rcode;
	bool negative; /* no data or no such name: the reply has an SOA, of its question's name */
};

/**
 * dns_body_build() - @answer's chain, then its addresses of @type, then its data, in order
 *
 * Return: 0; -ENOSPC: @room is not enough, or 65535 bytes are not; -EINVAL: a name is not
 * canonical, or a type has no place in struct dns_data.
 */
int dns_body_build(uint8_t *out, size_t room, uint16_t type, const struct dns_answer *answer,
		   struct dns_body *ret);

/**
 * dns_reply_write() - a whole reply: header, @query's question, body, SOA, OPT
 * @limit: bytes the client takes (and @out has), DNS_UDP_PLAIN at least: what does not fit is
 *	    left out by whole records, and TC set
 * @bytes: @body's; @ttl: of every record; of the SOA of a negative reply and its minimum as well
 * @ede: extended error for a client that speaks EDNS, DNS_EDE_NONE: none; @text: with it, NULL: none
 *
 * RA is set, AA and AD never. @text that does not fit is left out, before its code is.
 * Return: bytes; 0: @limit is less than DNS_UDP_PLAIN. The hot path: no call but memcpy (and
 * the length of @text).
 */
size_t dns_reply_write(uint8_t *out, size_t limit, const struct dns_query *query,
		       const struct dns_body *body, const uint8_t *bytes, uint32_t ttl,
		       enum dns_ede ede, const char *text);

#endif
