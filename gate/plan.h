/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - what one branch of the gate is beside its upstream's, and what may be done about it
 *
 * Three things are known of a branch: the gate's tip, the upstream's as last seen (the
 * snapshot), and what that was before the upstream rewrote or deleted it (the attic), which says
 * where the gate's commits come from. Only what takes nothing away is done at once: a new
 * branch, a fast forward. A rewrite or a deletion waits until somebody asks for it; a branch
 * that only the gate has is an agent's, and is left alone.
 *
 * Pure: who calls says which commit is in the history of which. Threads: any.
 */
#ifndef GATE_PLAN_H
#define GATE_PLAN_H

#include <stdbool.h>

enum plan_state {
	PLAN_GONE,    /* neither has it; only the attic may know it */
	PLAN_SAME,    /* */
	PLAN_CREATE,  /* only the upstream has it */
	PLAN_FORWARD, /* the gate is behind */
	PLAN_AHEAD,   /* the gate has more */
	PLAN_ALONE,   /* only the gate has it, and no upstream ever had */
	PLAN_REPLACE, /* each has what the other has not, or the upstream dropped some: pending */
	PLAN_DELETE,  /* the upstream had it and has it no more: pending */
};

enum plan_reason {
	PLAN_NO_REASON,
	PLAN_REWRITTEN, /* the upstream's new tip does not contain its old one */
	PLAN_DELETED,
	PLAN_UNKNOWN, /* the gate has commits that no upstream is known to have had */
};

/* Objects, NULL: there is none. Borrowed. */
struct plan_branch {
	const char *gate, *upstream, *attic;
};

struct plan {
	enum plan_state state;
	enum plan_reason reason;
	bool keep_attic; /* it is still needed to tell */
};

/** plan_ancestor_fn - is commit @a in the history of @b? 1, 0, or a negative errno */
typedef int (*plan_ancestor_fn)(const char *a, const char *b, void *user);

/** plan_branch() - 0 and @ret, or what @ancestor failed with */
int plan_branch(const struct plan_branch *branch, plan_ancestor_fn ancestor, void *user,
		struct plan *ret);

/** plan_kind() - "create", "fast_forward", "force_update", "delete"; NULL: nothing is to be done */
const char *plan_kind(enum plan_state state);

/** plan_reason_name() - "upstream_rewrite" and so on; NULL: none */
const char *plan_reason_name(enum plan_reason reason);

/** plan_word() - for people: "same", "behind", "ahead", "diverged", "gate-only", "pending", "new" */
const char *plan_word(const struct plan *plan);

#endif
