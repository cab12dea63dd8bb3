/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - what is said of a guard's domains, and what that says of one name
 *
 * The one place where a name meets a domain: "x" is that name, "*.x" that name and every one
 * below it. Every rule that fits and has not ended speaks, with its port and protocol; a deny
 * stands above every allow. The core makes the kernel's entry of a name from it, the resolver
 * worker decides by it whether to ask anybody.
 *
 * Called by: the resolver worker, names.c. Threads: none.
 */
#ifndef TEROK_DNS_POLICY_H
#define TEROK_DNS_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "dns/name.h"
#include "terok/abi.h"

struct dns_policy;

struct dns_rule {
	uint64_t until_ns; /* CLOCK_BOOTTIME; 0: no end */
	uint32_t flags;    /* TEROK_RULE_SYNTHETIC, TEROK_RULE_CHECK */
	uint16_t port;     /* 0: any */
	uint8_t proto;     /* 0: any */
	uint8_t action;    /* enum terok_action */
	char domain[DNS_NAME_LEN];
};

int dns_policy_new(struct dns_policy **ret);
void dns_policy_free(struct dns_policy *policy);
DEFINE_CLEANUP(struct dns_policy, dns_policy_free)

/** dns_policy_clear() - say nothing of any domain */
void dns_policy_clear(struct dns_policy *policy);

/** dns_policy_add() - one more rule; the same domain, port and protocol is replaced; -ENOMEM */
int dns_policy_add(struct dns_policy *policy, const struct dns_rule *rule);

/** dns_policy_count() - rules there are */
unsigned dns_policy_count(const struct dns_policy *policy);

/**
 * dns_policy_look() - may @name be resolved, and what may be done with its addresses?
 * @name: canonical
 * @ret: n, grant, flags and text are filled; what a grant for everything makes needless is left out
 * @zone: of the wildcard without which it would not be allowed; NULL: an exact rule allows it
 *
 * Return: 1 it is allowed, something at least; 0 it is not; -E2BIG more rules fit it than an entry holds.
 */
int dns_policy_look(const struct dns_policy *policy, const char *name, uint64_t now_ns,
		    struct terok_name *ret, const char **zone);

/** dns_policy_ends() - when the last of what an entry allows ends; 0: never */
uint64_t dns_policy_ends(const struct terok_name *entry);

#endif
