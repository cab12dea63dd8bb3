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

/**
 * names_prune() - learned addresses that are a guard's no more: of names that are gone, or are
 * synthetic now
 *
 * They open nothing while their name is away, and would again when it is asked for anew.
 */
int names_prune(const struct kernel *kernel, uint32_t guard);

/** names_forget_addresses() - all that a guard has learned */
int names_forget_addresses(const struct kernel *kernel, uint32_t guard);

#endif
