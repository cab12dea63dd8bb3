/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_map.h - one rule in the kernel's maps, for policy.c and domains.c, which hold the lock
 *
 * Threads: none.
 */
#ifndef TEROK_POLICY_MAP_H
#define TEROK_POLICY_MAP_H

#include "policy.h"

/** policy_announce() - tell the hooks that rules of this shape exist, before there is one */
int policy_announce(const struct kernel *kernel, const struct rule *rule,
		    const struct terok_guard *guard, struct problem *why);

/**
 * policy_settle() - make the map say of one address what the journal does
 * @rule: guard and dest count, bits 128
 *
 * Touches only what domains made, or what is not there: a rule that somebody made stays.
 */
int policy_settle(const struct kernel *kernel, const char *key, const struct rule *rule,
		  struct problem *why);

/** policy_take_allow() - take an allow of just this address away, on disk as well */
int policy_take_allow(const struct kernel *kernel, const char *key, const struct rule *rule,
		      struct problem *why);

/** policy_end_flows() - flows that only a rule's end spared are approved no more */
int policy_end_flows(const struct kernel *kernel, uint32_t guard, struct problem *why);

#endif
