/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assertion.h - what a client shows before it is asked who it is: a JWT of the one who made its
 * certificate, RFC 7523, ES256 and nothing else
 *
 * It is worth something once, to one client, for one day at most. Ours say for which certificate
 * ("cnf", RFC 8705), so that one that was copied is worth nothing without that key. Whether it was
 * used before is agents.h's. Called by: pki, auth. Threads: no state, any.
 */
#ifndef REGISTRY_ASSERTION_H
#define REGISTRY_ASSERTION_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/problem.h"
#include "leaf.h"

#define ASSERTION_MAX      4096  /* bytes of one: ours have 600 */
#define ASSERTION_LIFE_S   86400 /* from iat to exp, at most */
#define ASSERTION_SKEW_S   60    /* the clock of who made it may be so far ahead of ours */
#define ASSERTION_JTI_MAX  128
#define ASSERTION_KEYS_MAX 2 /* today's, and the one before it while what it signed can live */
#define ASSERTION_AUDIENCE "https://clawker-controlplane:7444"

struct assertion {
	char client[64]; /* iss and sub */
	char jti[ASSERTION_JTI_MAX + 1];
	int64_t iat, nbf, exp; /* seconds since 1970; nbf 0: it does not say */
	bool bound;            /* to a certificate, by its thumbprint */
	uint8_t thumbprint[LEAF_THUMBPRINT];
};

/* Who may have signed; public halves are enough. */
struct assertion_keys {
	EVP_PKEY *key[ASSERTION_KEYS_MAX];
	/* seconds since 1970: from then on nothing that it signed is taken; 0: there is no such time */
	int64_t until[ASSERTION_KEYS_MAX];
	unsigned n;
	uint64_t generation; /* no others have this one; 0: it is not said, and nothing is kept */
};

/* What is said in one that is made. */
struct assertion_wish {
	const char *client, *audience;
	const uint8_t *thumbprint; /* NULL: bound to none */
	int64_t now, life_s;
};

/** assertion_make() - sign one; the caller's text, or negative errno with @why */
int assertion_make(EVP_PKEY *key, const struct assertion_wish *wish, char **ret,
		   struct problem *why);

/**
 * assertion_read() - one that is well formed, signed by a key of ours, for us, and of now
 *
 * Return: 0; -EBADMSG: no such text, -EKEYREJECTED: its signature, -EKEYEXPIRED: its times,
 * -EACCES: it is for somebody else; exp is not behind the end of its key; with @why, which is for the log and not for the client.
 */
int assertion_read(const char *text, size_t size, const struct assertion_keys *keys,
		   const char *audience, int64_t now, struct assertion *ret, struct problem *why);

/** assertion_times() - is it of now? For one that was read before. 0, -EKEYEXPIRED with @why */
int assertion_times(const struct assertion *assertion, int64_t now, struct problem *why);

#endif
