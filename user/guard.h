/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - guarded cgroups: attach, state, find, detach
 *
 * Owns: which cgroup has a guard, and the terok_guards, terok_info and terok_self maps.
 * All state is in the kernel: a guard is found by reading the pinned maps, so every
 * function works with and without a running agent. Those that change something take
 * policy.lock themselves.
 * Called by: verbs and core. Does not know containers (podman.c finds their cgroup).
 * Threads: none.
 */
#ifndef TEROK_GUARD_H
#define TEROK_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"

struct guard {
	uint32_t id;
	enum terok_state state; /* what counts now: NONE half attached, DOWN in a bypass window */
	bool alive;             /* its cgroup still exists and every hook is on it */
	struct terok_info info;
	struct terok_guard value;
};

struct guard_spec {
	int cgroup_fd; /* its directory; stays the caller's */
	int netns_fd;  /* for its own addresses; -1: the caller's namespace */
	enum terok_kind kind;
	uint32_t uid;                 /* owner */
	const char *container, *name; /* NULL container: the name again */
	enum terok_state state;       /* written last; normally UP */
	bool state_kept;              /* ... unless the journal has another for it */
	bool by_root;         /* root attaches it, whose ever it is: only root detaches it */
	bool held;            /* not yet: NONE, and all is denied, until guard_release() */
	uint32_t rate, burst; /* records a second and in a burst; 0: 1,000 and 2,000 */
};

/**
 * guard_attach() - guard a cgroup
 * @existing: true when it was guarded already (nothing was changed but missing hooks); of one that
 *	     was left half attached, or held, only if the state word is written now
 *
 * Order: info and own addresses, backstop, socket hooks, state word last; until then all
 * is denied. Return: 0; -ESTALE the pins were unloaded since @kernel was opened (open it
 * again); -ENOTDIR/-EINVAL if cgroup_fd is not in cgroup2, -EBUSY when a
 * foreign program keeps ours out, -ENOSPC when the guard table is full. On error nothing
 * stays attached.
 */
int guard_attach(const struct kernel *kernel, const struct guard_spec *spec, struct guard *ret,
		 bool *existing, struct problem *why);

/**
 * guard_release() - let a guard that was attached .held have the state that it is to have
 *
 * That is what was kept of it or is in @spec; what policy came meanwhile is in force with it.
 */
int guard_release(const struct kernel *kernel, const struct guard_spec *spec, struct guard *guard,
		  struct problem *why);

/**
 * guard_of_container() - that user's guard of a container's full id; -ENOENT
 *
 * Root's as well is its own alone: anybody can have a cgroup guarded that is called like a container of root's.
 */
int guard_of_container(const struct kernel *kernel, const char *container, uint32_t uid,
		       struct guard *ret);

/**
 * guard_around() - the innermost guard around a cgroup, by its path below the root; its number
 *
 * Return: 0; -ENOENT: none; another negative errno: the kernel does not say.
 */
int guard_around(const struct kernel *kernel, const char *cgroup, uint32_t *ret);

/** guard_holds() - is process @pid in a guarded cgroup? Where the kernel does not say: yes */
bool guard_holds(const struct kernel *kernel, pid_t pid);

/** guard_of_cgroup() - the guard of that cgroup; -ENOENT */
int guard_of_cgroup(const struct kernel *kernel, uint64_t cgroup, struct guard *ret);

/** guard_name_check() - may a person call a guard that? -EINVAL */
int guard_name_check(const char *name, struct problem *why);

/** guard_detach() - state word first, then hooks, then rules, addresses and label */
int guard_detach(const struct kernel *kernel, const struct guard *guard, struct problem *why);

/**
 * guard_retire() - guard_detach() of a guard whose cgroup, empty already, is about to be removed
 *
 * A connection outlives its process: the kernel goes on sending what was written and not
 * acknowledged, which may be what the guard refused. So the hooks stay until the last socket
 * of the cgroup is gone, and without a state they drop all.
 */
int guard_retire(const struct kernel *kernel, const struct guard *guard, struct problem *why);

/** guard_rename() - what people call it, and its folder on disk; -EINVAL: that is no name */
int guard_rename(const struct kernel *kernel, uint32_t id, const char *name, struct problem *why);

/** guard_set_state() - one map write; in force for the next decision when this returns */
int guard_set_state(const struct kernel *kernel, uint32_t id, enum terok_state state,
		    struct problem *why);

/** guard_set_state_as() - for @uid (0: root): what root has blocked nobody else opens; -EPERM */
int guard_set_state_as(const struct kernel *kernel, uint32_t id, enum terok_state state,
		       uint32_t uid, struct problem *why);

struct journal_cause;

/**
 * guard_contain() - state block for @uid because of @cause, and that is kept with it
 *
 * It is in force also where nothing can be kept: the next decision has it, and @why says that it
 * ends with the guard. What root has blocked stays root's.
 *
 * Return: 0; -EALREADY: it was contained for that before; else nothing was changed.
 */
int guard_contain(const struct kernel *kernel, uint32_t id, uint32_t uid,
		  const struct journal_cause *cause, struct problem *why);

/** guard_cause() - why it is contained; 1: it is, 0: it is not, or nobody knows */
int guard_cause(const struct guard *guard, struct journal_cause *ret);

/** guard_stays_blocked() - was it blocked so that no start of its container opens it? @kept: its state */
bool guard_stays_blocked(const struct guard_spec *spec, const struct terok_info *info,
			 enum terok_state kept);

/** guard_root_blocks() - is it blocked, and was that root? */
bool guard_root_blocks(const struct guard *guard);

/**
 * guard_set_bypass() - let state up mean down until @until_ns (CLOCK_BOOTTIME); 0: end it now
 *
 * The hooks compare the deadline themselves: the window ends on time without an agent.
 * Return: 0; -EPERM in any other state than up, which has nothing to bypass or must not.
 */
int guard_set_bypass(const struct kernel *kernel, uint32_t id, uint64_t until_ns,
		     struct problem *why);

/**
 * guard_set_names() - how its names are answered: TEROK_NAMES_OFF, TEROK_NAMES_EXACT or 0; kept
 *
 * What was learned in another way is forgotten. The agent does the rest when it is told.
 */
int guard_set_names(const struct kernel *kernel, uint32_t id, uint16_t names, struct problem *why);

/** guard_info() - only what it is called, by number; -ENOENT */
int guard_info(const struct kernel *kernel, uint32_t id, struct terok_info *ret);

/** guard_get() - by number; -ENOENT */
int guard_get(const struct kernel *kernel, uint32_t id, struct guard *ret);

#define GUARD_ID_MIN 12 /* digits of a container's id; fewer are a name */

/**
 * guard_find() - by number, name, container id (12 or more digits) or cgroup path
 * @text: "USER:" or "UID:" may come before a name or an id, and means that user's
 * @scope: among the guards of that user; 0: among all. What is another's is not there.
 *
 * A number is a guard's before it is a name: containers are named by others. -ENOENT; -ENOTUNIQ
 * and @why names two that fit.
 */
int guard_find(const struct kernel *kernel, const char *text, uint32_t scope, struct guard *ret,
	       struct problem *why);

/** guard_each() - call @fn for every guard by ascending id; stops at its first non-zero result */
int guard_each(const struct kernel *kernel, int (*fn)(const struct guard *guard, void *user),
	       void *user);

/** guard_counts() - sums over CPUs since attach */
int guard_counts(const struct kernel *kernel, const struct guard *guard, struct terok_counts *ret);

/** guard_value() - label and word of a guard, without looking at its hooks; -ENOENT, -ENODEV */
int guard_value(const struct kernel *kernel, uint32_t id, struct terok_info *info,
		struct terok_guard *value, struct problem *why);

/** guard_change() - one read-modify-write of a guard's word by @fn; the caller holds policy.lock */
int guard_change(const struct kernel *kernel, uint32_t id, void (*fn)(struct terok_guard *, void *),
		 void *user, struct problem *why);

/**
 * guard_refresh_self() - write the addresses of a namespace's interfaces as the guard's own
 * @netns_fd: the namespace; -1: ours; GUARD_NO_NETNS: none, remove them all
 */
#define GUARD_NO_NETNS -2
int guard_refresh_self(const struct kernel *kernel, uint32_t id, int netns_fd);

#endif
