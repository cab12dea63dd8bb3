/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone.h - the names that the tests' name server knows, and what it does to who asks for them
 *
 * A zone file has two kinds of lines, and comments that begin with '#':
 *
 *   NAME TYPE TTL VALUE...	a record; a first label "*" stands for every name below
 *   NAME do BEHAVIOUR [N]	how it is answered; a name may have several
 *
 *   A, AAAA		an address
 *   CNAME, NS, PTR	a name
 *   MX			preference and name
 *   SRV		priority, weight, port and name
 *   TXT		strings, one a word
 *   SOA		the minimum: how long it may be remembered that something is not there
 *   HTTPS, SVCB	priority, name, and alpn=, port=, ipv4hint=, ipv6hint= with commas between
 *
 *   delay MS		answered so much later
 *   drop		never
 *   wrong-id, wrong-case, wrong-question
 *			answered, but not to what was asked
 *   forge-first	with a forged answer of another id before the right one, at once
 *   truncate-udp	by UDP with nothing and TC, by TCP whole
 *   servfail, refused	with that code
 *   endless-tcp	by TCP with answers to something else, without end
 *   slow-tcp MS	by TCP a byte each so often
 *   loop-cname		with two aliases that point to each other
 *   many N		with N addresses, counted from the first on
 *   rotate		with all addresses, each time another one first
 *   rotate 1		with one address, each time the next
 *   private		the first time as it should be, then with a private address (rebinding)
 *
 * Called by: reply.c, server.c. Threads: none.
 */
#ifndef TESTS_NAMES_ZONE_H
#define TESTS_NAMES_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#define ZONE_NAME 1024 /* text, other bytes as \DDD */
#define ZONE_DATA 1024

enum zone_type {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
	TYPE_OPT = 41,
	TYPE_SVCB = 64,
	TYPE_HTTPS = 65,
	TYPE_ANY = 255,
};

enum behaviour {
	DO_DELAY,
	DO_DROP,
	DO_WRONG_ID,
	DO_WRONG_CASE,
	DO_WRONG_QUESTION,
	DO_FORGE_FIRST,
	DO_TRUNCATE_UDP,
	DO_SERVFAIL,
	DO_REFUSED,
	DO_ENDLESS_TCP,
	DO_SLOW_TCP,
	DO_LOOP_CNAME,
	DO_MANY,
	DO_ROTATE,
	DO_PRIVATE,
	DO_MAX_,
};

struct record {
	struct record *next;
	uint16_t type, size;
	uint32_t ttl;
	char target[ZONE_NAME]; /* of a CNAME */
	uint8_t data[ZONE_DATA];
};

struct zone_name {
	struct zone_name *next;
	char name[ZONE_NAME]; /* lower case, no dot at the end; the root is "" */
	struct record *records;
	bool does[DO_MAX_];
	unsigned with[DO_MAX_]; /* the number behind the behaviour; 0: none */
	unsigned turn[2];       /* how often its A and its AAAA were given */
};

struct zone;

/** zone_load() - read @path; what is wrong with it goes to stderr and ends the program */
struct zone *zone_load(const char *path);
void zone_free(struct zone *zone);

/** zone_find() - a name, else the nearest wildcard above it, else NULL */
struct zone_name *zone_find(const struct zone *zone, const char *name);

/** zone_exists() - is there anything at or below @name? */
bool zone_exists(const struct zone *zone, const char *name);

/** zone_soa() - the nearest SOA at or above @name; @owner: whose; NULL: there is none */
const struct record *zone_soa(const struct zone *zone, const char *name, const char **owner);

/** zone_name_wire() - a name's labels, uncompressed; bytes, at most 255; 0: it is none */
unsigned zone_name_wire(uint8_t *out, const char *name);

/** zone_type() - "AAAA" -> 28, 0: unknown; zone_type_name() - 28 -> "AAAA", else "TYPE28" */
uint16_t zone_type(const char *text);
const char *zone_type_name(uint16_t type);

#endif
