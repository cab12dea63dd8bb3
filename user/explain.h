/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.h - the kernel's decision, asked from user space: bpf/decide.h over the pinned maps
 *
 * The same C as the hooks, compiled for the host, so what it says is what they do: for a
 * person who wants to know why, and for the core, which says that a verdict is in force
 * only when it is.
 * Called by: verbs, guard.c, core. Threads: none.
 */
#ifndef TEROK_EXPLAIN_H
#define TEROK_EXPLAIN_H

#include <stdbool.h>

#include "policy.h"

struct explanation {
	enum terok_action action;
	enum terok_reason reason;
	bool by_rule;     /* a rule decided: */
	struct rule rule; /* ... this one; of several that say the same, the first looked at */
	bool lapsed;      /* denied, but what flows there by a name may flow on */
	char name[TEROK_DOMAIN_LEN]; /* a name decided: this one; else "" */
};

/**
 * explain_dest() - what would the hooks decide about this destination now?
 * @value: the guard's word, as guard_get() read it
 * @dest:  one address (bits 128); port 0 and proto 0 are taken as they are: what a rule for
 *	   all ports says
 */
struct explanation explain_dest(const struct kernel *kernel, const struct terok_guard *value,
				const struct dest *dest);

/** explain_synthetic() - the same of an address that another stands for, by the name it was given for */
struct explanation explain_synthetic(const struct kernel *kernel, const struct terok_guard *value,
				     const struct dest *real, uint64_t name);

/** explain_published() - may the outside connect to that TCP port? */
bool explain_published(const struct kernel *kernel, const struct terok_guard *value, uint16_t port);

/** explain_is_special() - private, loopback, link-local, multicast: nothing a name may lead to */
bool explain_is_special(const uint8_t addr[static 16]);

/** explain_state() - the state that counts now: down in a bypass window */
enum terok_state explain_state(const struct terok_guard *value);

#endif
