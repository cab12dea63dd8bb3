/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names_map.h - what the halves of names share: entries of the maps, one at a time
 *
 * names.c: what is said of domains, and what follows. names_learn.c: addresses. Both hold
 * policy.lock. Called by: those two. Threads: none.
 */
#ifndef TEROK_NAMES_MAP_H
#define TEROK_NAMES_MAP_H

#include "names.h"

/** names_delete() - one name and its synthetic addresses; -1 with errno: the name is still there */
int names_delete(const struct kernel *kernel, uint32_t guard, uint64_t id,
		 const struct terok_name *name);

/** names_prune_locked() - names_prune(), of who holds policy.lock */
int names_prune_locked(const struct kernel *kernel, uint32_t guard);

/** names_forget_addresses() - all that a guard has learned */
int names_forget_addresses(const struct kernel *kernel, uint32_t guard);

#endif
