/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve.h - addresses of domains, asked of the host's own resolver
 *
 * Answers are strangers' bytes: each domain is asked by a child that gave up everything
 * (nobody, no capabilities) and hands back a fixed-size struct; what is late is killed.
 * Called by: verbs, the OCI hook; never the core: it waits. Threads: none (it forks).
 */
#ifndef TEROK_RESOLVE_H
#define TEROK_RESOLVE_H

#include <stdint.h>

#define RESOLVE_ADDRS    64                          /* of one domain; more are left out */
#define RESOLVE_ABREAST  16                          /* children at a time */
#define RESOLVE_LIMIT_NS (10 * UINT64_C(1000000000)) /* for all that are asked together */

struct resolved {
	int32_t error;                   /* 0: asked and answered, negative errno: not known */
	uint32_t n;                      /* 0: it has no address */
	uint8_t addr[RESOLVE_ADDRS][16]; /* network order, IPv4 as ::ffff:a.b.c.d */
};

/**
 * resolve_domains() - ask for @n domains, several at a time
 * @domain: a leading "*." is passed over
 * @ret: one for each; the domain that could not be asked has .error
 *
 * Each batch of RESOLVE_ABREAST has RESOLVE_LIMIT_NS; after one that ran out the rest is not
 * asked any more (-ETIMEDOUT): the resolver is away.
 */
void resolve_domains(const char *const *domain, unsigned n, struct resolved *ret);

#endif
