// SPDX-License-Identifier: Apache-2.0
#include "plan.h"

#include <stddef.h>
#include <string.h>

static int set(struct plan *ret, enum plan_state state, enum plan_reason reason, bool keep_attic)
{
	*ret = (struct plan){ state, reason, keep_attic };
	return 0;
}

/* Has the gate's tip anything to do with what the upstream abandoned? */
static int based_on_attic(const struct plan_branch *branch, plan_ancestor_fn ancestor, void *user)
{
	int r = ancestor(branch->attic, branch->gate, user);

	return r ? r : ancestor(branch->gate, branch->attic, user);
}

/* Both have it, and the gate's is not in the upstream's history. */
static int plan_apart(const struct plan_branch *branch, plan_ancestor_fn ancestor, void *user,
		      struct plan *ret)
{
	int contained = branch->attic ? ancestor(branch->attic, branch->upstream, user) : 1;
	int based, ahead;

	if (contained < 0)
		return contained;
	based = contained ? 0 : based_on_attic(branch, ancestor, user);
	if (based < 0)
		return based;
	if (based) /* also when the upstream only went back: what it dropped is still here */
		return set(ret, PLAN_REPLACE, PLAN_REWRITTEN, true);
	ahead = ancestor(branch->upstream, branch->gate, user);
	if (ahead < 0)
		return ahead;
	if (ahead)
		return set(ret, PLAN_AHEAD, PLAN_NO_REASON, false);
	return contained ? set(ret, PLAN_REPLACE, PLAN_UNKNOWN, false)
			 : set(ret, PLAN_REPLACE, PLAN_REWRITTEN, true);
}

int plan_branch(const struct plan_branch *branch, plan_ancestor_fn ancestor, void *user,
		struct plan *ret)
{
	int behind;

	if (!branch->gate)
		return set(ret, branch->upstream ? PLAN_CREATE : PLAN_GONE, PLAN_NO_REASON, false);
	if (!branch->upstream)
		return branch->attic ? set(ret, PLAN_DELETE, PLAN_DELETED, true)
				     : set(ret, PLAN_ALONE, PLAN_NO_REASON, false);
	if (!strcmp(branch->gate, branch->upstream))
		return set(ret, PLAN_SAME, PLAN_NO_REASON, false);
	behind = ancestor(branch->gate, branch->upstream, user);
	if (behind < 0)
		return behind;
	if (behind)
		return set(ret, PLAN_FORWARD, PLAN_NO_REASON, false);
	return plan_apart(branch, ancestor, user, ret);
}

const char *plan_kind(enum plan_state state)
{
	switch (state) {
	case PLAN_CREATE: return "create";
	case PLAN_FORWARD: return "fast_forward";
	case PLAN_REPLACE: return "force_update";
	case PLAN_DELETE: return "delete";
	default: return NULL;
	}
}

const char *plan_reason_name(enum plan_reason reason)
{
	static const char *const names[] = { NULL, "upstream_rewrite", "upstream_delete",
					     "unknown_provenance" };

	return names[reason];
}

const char *plan_word(const struct plan *plan)
{
	static const char *const words[] = {
		[PLAN_GONE] = "gone",        [PLAN_SAME] = "same",      [PLAN_CREATE] = "new",
		[PLAN_FORWARD] = "behind",   [PLAN_AHEAD] = "ahead",    [PLAN_ALONE] = "gate-only",
		[PLAN_REPLACE] = "diverged", [PLAN_DELETE] = "pending",
	};

	return plan->reason == PLAN_REWRITTEN ? "pending" : words[plan->state];
}
