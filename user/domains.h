/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domains.h - rules of domains: said, kept, and in force by name or by address
 *
 * What is said of a domain is in the kernel's terok_domains (names.h) and in the journal. A guard
 * that has a resolver learns addresses as its processes ask: an allow is in force by name. For
 * a guard without one, and for denies (which hold in every state, also for who asks nobody),
 * the host is asked: each address it finds is a rule of TEROK_AUTHOR_NAME in the kernel. A rule
 * that somebody made for just that address stands above it, and of two domains with one
 * address the one that denies. A domain's address that is private, loopback or link-local
 * opens nothing: whoever answers for a name must not open the host's own network (DNS
 * rebinding); allow such an address itself.
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
	unsigned addresses;              /* as listed: how many the host found; else not used */
	bool by_name; /* as listed: in force by name, of the addresses that are asked for */
};

struct domains_done {
	bool by_name;                    /* its addresses are learned as they are asked for */
	unsigned addresses;              /* in force now */
	unsigned refused;                /* private ones, which open nothing */
	uint8_t addr[RESOLVE_ADDRS][16]; /* those in force */
	uint8_t first_refused[16];
};

/**
 * domains_ask() - ask the host for the addresses of those that are not in force by name
 * @ret: one for each of @n, as of resolve_domains(); of those that are by name .error is -ENOTSUP
 *
 * Return: how many were asked; -ENOENT no such guard.
 */
int domains_ask(const struct kernel *kernel, uint32_t guard, const struct domain_rule *names,
		unsigned n, struct resolved *ret, struct problem *why);

/**
 * domains_put() - allow or deny domains by what was found for them; the opposite is replaced
 * @found: as of domains_ask(): one that could not be asked keeps the addresses that it had
 * @ret: of each of @n
 *
 * Denying takes every allow of just these addresses away. Return: 0; -EPERM the guard keeps
 * nothing (exec) and has no resolver, or as policy_add(): those before the one that failed may
 * be in force.
 */
int domains_put(const struct kernel *kernel, uint32_t guard, const struct domain_rule *names,
		unsigned n, const struct resolved *found, struct domains_done *ret,
		struct problem *why);

/**
 * domains_expect_resolver() - from now on, a guard without a resolver is one that gets it in a moment
 *
 * So its domains are in force by name, and nobody is asked for them: for who attaches for the agent.
 */
void domains_expect_resolver(void);

/** domains_put_session() - only until the guard ends, and only by name; -EPERM it has no resolver */
int domains_put_session(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
			struct problem *why);

/** domains_drop() - say no more of a domain: its addresses are what other rules make of them */
int domains_drop(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
		 struct problem *why);

/** domains_is_kept() - does the journal say the same of that domain, port and protocol? */
bool domains_is_kept(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name);

/** domains_adopt() - what the journal has and the kernel, loaded by an older build, has not */
void domains_adopt(const struct kernel *kernel, uint32_t guard);

/** domains_list() - all of a guard, the caller's to free; how many */
int domains_list(const struct kernel *kernel, uint32_t guard, struct domain_rule **ret,
		 struct problem *why);

#endif
