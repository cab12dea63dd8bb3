/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream.h - ask the host's name servers: one question, one answer, or the reason for none
 *
 * Each question leaves from a socket and port of its own with a random id and random letter
 * case, so that whoever cannot see it cannot answer it (RFC 5452). A server that is silent or
 * fails is passed over for the next, and for a while by those that come after; an answer that
 * does not fit is asked for again by TCP, and so is one that somebody seems to forge. Equal
 * questions (name, type) of one asker are one on the way, and as many of its share.
 *
 * Owns: its sockets. Bounded: UPSTREAM_MAX questions at a time, UPSTREAM_PER_ASKER of one
 * asker. Called by: the resolver worker. Threads: none.
 */
#ifndef TEROK_DNS_UPSTREAM_H
#define TEROK_DNS_UPSTREAM_H

#include <netinet/in.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "dns/wire.h"

#define UPSTREAM_SERVERS   8
#define UPSTREAM_MAX       512
#define UPSTREAM_PER_ASKER 64
#define UPSTREAM_TRY_NS    (1500 * UINT64_C(1000000))  /* one server */
#define UPSTREAM_LIMIT_NS  (8 * UINT64_C(1000000000))  /* the whole question */
#define UPSTREAM_DOWN_NS   (30 * UINT64_C(1000000000)) /* a silent server is asked last */
#define UPSTREAM_STRANGE   8 /* datagrams of one question, then it goes by TCP */

struct upstream;

struct upstream_server {
	uint8_t addr[16]; /* network order, IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
};

struct upstream_counts {
	uint64_t asked; /* questions taken */
	uint64_t sent;  /* messages, retries and TCP included */
	uint64_t answered;
	uint64_t failed;  /* no server said anything that counts */
	uint64_t strange; /* datagrams that answered nothing we asked: forged or late */
	uint64_t broken;  /* answers that could not be read */
	uint64_t full;    /* refused: too many at a time */
};

/**
 * upstream_fn - the end of one question
 * @answer: NULL with @error: -ETIMEDOUT, -ENETUNREACH no server, -EBADMSG, -EIO; borrowed
 *
 * May ask anew; must not free the upstream.
 */
typedef void (*upstream_fn)(void *user, uint64_t cookie, const struct dns_answer *answer,
			    int error);

int upstream_new(struct loop *loop, upstream_fn fn, void *user, struct upstream **ret);
void upstream_free(struct upstream *upstream);
DEFINE_CLEANUP(struct upstream, upstream_free)

/** upstream_set() - the servers, in order of preference; questions on their way go on */
void upstream_set(struct upstream *upstream, const struct upstream_server *server, unsigned n);

/** upstream_limit() - other times than UPSTREAM_*_NS, from the next try on; 0 keeps one */
void upstream_limit(struct upstream *upstream, uint64_t try_ns, uint64_t limit_ns,
		    uint64_t down_ns);

/**
 * upstream_ask() - one question
 * @asker: whose share of what is on its way it takes (a guard's number)
 * @cookie: handed to upstream_fn, which is called exactly once for each question taken, never
 *	    from within this call
 *
 * An answer whose rcode is neither NOERROR nor NXDOMAIN says so because no server said more.
 * Return: 0; -EBUSY: too many at a time, of all or of this asker; -ENETUNREACH: no servers;
 * -EINVAL: @name is not canonical; -ENOMEM.
 */
int upstream_ask(struct upstream *upstream, uint32_t asker, const char *name, uint16_t type,
		 uint64_t cookie);

/** upstream_forget() - drop an asker's questions, without a word */
void upstream_forget(struct upstream *upstream, uint32_t asker);

/** upstream_counts() - since upstream_new(); borrowed, always up to date */
const struct upstream_counts *upstream_counts(const struct upstream *upstream);

#endif
