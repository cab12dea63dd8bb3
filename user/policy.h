/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - rules: add, remove, list
 *
 * Owns: the terok_rules, terok_prefix and terok_publish maps and the bits of terok_guards that
 * say what is in them. A rule
 * is in force for the next decision when policy_add() returns. Each change takes
 * policy.lock, so verbs and the agent may both make them.
 * Threads: none.
 */
#ifndef TEROK_POLICY_H
#define TEROK_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "kernel.h"

/* A port that the outside may reach. */
struct publish {
	uint16_t port;
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
};

struct rule {
	uint32_t guard;
	struct dest dest;
	struct terok_rule value;
	bool keep; /* it outlives its guard: the journal has it as well */
	bool
	    weak; /* it takes no place of another author's kept rule; adding it then does nothing */
};

/**
 * policy_add() - allow or deny a destination
 * @rule: guard, dest, keep, and of value: until_ns, uid, action, author, flags
 *
 * Same destination, port and protocol again replaces the rule. Return: 0; -ENOENT no such
 * guard, -ENOSPC the table is full (nothing is evicted, nothing changed), or what journal.h
 * says: what cannot be kept is refused.
 */
int policy_add(const struct kernel *kernel, const struct rule *rule, struct problem *why);

/**
 * policy_add_all() - policy_add() of @n rules of one guard, all of them with .keep or none
 *
 * They go to disk together, some hundred at a time. On error those before the one that failed may
 * be in force; it and those behind it are not.
 */
int policy_add_all(const struct kernel *kernel, const struct rule *rules, unsigned n,
		   struct problem *why);

/** policy_remove() - remove the rule of exactly this destination, port, protocol, action; -ENOENT */
int policy_remove(const struct kernel *kernel, const struct rule *rule, struct problem *why);

/** policy_exact() - the rule of one address, port and protocol, its value filled in; false: none */
bool policy_exact(const struct kernel *kernel, struct rule *rule);

/** policy_is_kept() - has the journal such a rule, with that action, of this guard? */
bool policy_is_kept(const struct kernel *kernel, const struct rule *rule);

/** policy_each() - every rule of @guard (0: all), in no order; stops at fn's first non-zero */
int policy_each(const struct kernel *kernel, uint32_t guard,
		int (*fn)(const struct rule *rule, void *user), void *user);

/**
 * policy_publish() - let the outside connect, or send datagrams, to a port of the guard, or no more
 *
 * In force for the next connection or datagram; what was accepted before ends with @on false.
 * Return: 0; -ENOENT no such guard, or @on false and it was not published; -ENOSPC the table is
 * full.
 */
int policy_publish(const struct kernel *kernel, uint32_t guard, const struct publish *publish,
		   bool on, struct problem *why);

/** policy_published() - the published ports of @guard, ascending; how many, at most @max */
int policy_published(const struct kernel *kernel, uint32_t guard, struct publish *ports,
		     unsigned max);

/**
 * policy_restore() - write what the journal has of a guard that is being attached
 * @value: its word to be; gets the bits of what was written, and the state that was kept
 *	   (NONE if none was). The caller holds policy.lock.
 */
int policy_restore(const struct kernel *kernel, const struct terok_info *info, uint32_t guard,
		   struct terok_guard *value, struct problem *why);

/** policy_unkeep() - forget on disk what was kept of a guard; its maps are policy_forget()'s */
int policy_unkeep(const struct terok_info *info, struct problem *why);

/** policy_shapes() - set exact, prefix and publishes of @guard to what rules there are */
int policy_shapes(const struct kernel *kernel, uint32_t id, struct terok_guard *guard);

/** policy_forget() - remove every rule and published port of a guard that is gone; how many, or -errno: some stay */
int policy_forget(const struct kernel *kernel, uint32_t guard);

#endif
