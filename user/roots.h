/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roots.h - what root has said of a user's guard stays root's
 *
 * A user changes their guards as they like, but for rules that root made of them: nobody else
 * takes one back, puts another in its place, or gets rid of it with its guard. Profiles are no
 * such rules: the user chose them.
 * Called by: verbs that do users' deeds. Threads: none.
 */
#ifndef TEROK_ROOTS_H
#define TEROK_ROOTS_H

#include "domains.h"
#include "guard.h"
#include "policy.h"

/** roots_rule() - has root said something of just that destination? -EPERM with @why; 0: no */
int roots_rule(const struct kernel *kernel, uint32_t guard, const struct dest *dest,
	       struct problem *why);

/** roots_domain() - of just that domain, port and protocol? */
int roots_domain(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
		 struct problem *why);

/** roots_any() - of anything at all of it? Or did root block it, or attach it? */
int roots_any(const struct kernel *kernel, const struct guard *guard, struct problem *why);

#endif
