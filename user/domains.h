/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domains.h - rules of domains: allowed or denied by the addresses that the host finds for them
 *
 * A domain is kept in the journal with the addresses it had when it was asked last; each is a
 * rule of TEROK_AUTHOR_NAME in the kernel. A rule that somebody made for just that address
 * stands above it, and of two domains with one address the one that denies. A domain's
 * address that is private, loopback or link-local opens nothing: whoever answers for a name
 * must not open the host's own network (DNS rebinding); allow such an address itself.
 *
 * Called by: verbs, attach.c. Threads: none.
 */
#ifndef TEROK_DOMAINS_H
#define TEROK_DOMAINS_H

#include "kernel.h"
#include "profile.h"
#include "resolve.h"

struct domain_rule {
	char domain[PROFILE_DOMAIN_LEN]; /* canonical, as profile.h has it */
	struct dest dest;                /* port and protocol only */
	struct terok_rule value;         /* until_ns, uid, action, author */
	unsigned addresses;              /* as listed: how many it has; else not used */
};

struct domains_done {
	unsigned addresses;              /* in force now */
	unsigned refused;                /* private ones, which open nothing */
	uint8_t addr[RESOLVE_ADDRS][16]; /* those in force */
	uint8_t first_refused[16];
};

/**
 * domains_put() - allow or deny a domain by what was found for it; the opposite is replaced
 * @found: if it could not be asked, it keeps the addresses that it had
 * @ret: may be NULL
 *
 * Denying takes every allow of just these addresses away. Return: 0; -EPERM the guard keeps
 * nothing (exec), or as policy_add().
 */
int domains_put(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
		const struct resolved *found, struct domains_done *ret, struct problem *why);

/** domains_drop() - say no more of a domain: its addresses are what other rules make of them */
int domains_drop(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
		 struct problem *why);

/** domains_list() - all of a guard, the caller's to free; how many */
int domains_list(const struct kernel *kernel, uint32_t guard, struct domain_rule **ret,
		 struct problem *why);

#endif
