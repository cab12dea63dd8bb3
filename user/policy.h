/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - rules: add, remove, list
 *
 * Owns: the terok_rules and terok_prefix maps and the shape bits in terok_guards. A rule
 * is in force for the next decision when policy_add() returns. Each change takes
 * policy.lock, so verbs and the agent may both make them.
 * Threads: none.
 */
#ifndef TEROK_POLICY_H
#define TEROK_POLICY_H

#include <stdint.h>

#include "base/addr.h"
#include "kernel.h"

struct rule {
	uint32_t guard;
	struct dest dest;
	struct terok_rule value;
};

/**
 * policy_add() - allow or deny a destination
 * @rule: guard, dest, and of value: until_ns, uid, action, author, flags
 *
 * Same destination, port and protocol again replaces the rule. Return: 0; -ENOENT no such
 * guard, -ENOSPC the table is full (nothing is evicted, nothing changed).
 */
int policy_add(const struct kernel *kernel, const struct rule *rule, struct problem *why);

/** policy_remove() - remove the rule of exactly this destination, port, protocol, action; -ENOENT */
int policy_remove(const struct kernel *kernel, const struct rule *rule, struct problem *why);

/** policy_each() - every rule of @guard (0: all), in no order; stops at fn's first non-zero */
int policy_each(const struct kernel *kernel, uint32_t guard,
		int (*fn)(const struct rule *rule, void *user), void *user);

/** policy_shapes() - set exact and prefix of @guard to what rules there are */
void policy_shapes(const struct kernel *kernel, uint32_t id, struct terok_guard *guard);

/** policy_forget() - remove every rule of a guard that is gone; returns how many */
int policy_forget(const struct kernel *kernel, uint32_t guard);

#endif
