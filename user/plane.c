// SPDX-License-Identifier: Apache-2.0
#include "plane.h"

#include <errno.h>
#include <string.h>

#include "audit.h"
#include "base/event.h"
#include "base/log.h"
#include "budget.h"
#include "flows.h"
#include "journal.h"
#include "terok/names.h"

static struct budget budgets[BUDGET_USERS];

static bool told_is_one(const struct agent_told *told)
{
	return told->type < AGENT_EVENT_TYPES_ && AGENT_EVENT_TOLD & 1U << told->type &&
	       told->ok <= 1 && control_text_ok(told->container) && control_text_ok(told->agent) &&
	       control_text_ok(told->project) && control_text_ok(told->step) &&
	       control_text_ok(told->peer_name) && control_text_ok(told->peer_thumbprint) &&
	       control_text_ok(told->address) && control_text_ok(told->reason) &&
	       control_text_ok(told->detail);
}

static int strange(struct problem *why)
{
	return problem(why, -EBADMSG, "that is nothing a control plane of ours says");
}

static int guard_of(const struct kernel *kernel, const char *container, uint32_t uid,
		    struct guard *ret, struct problem *why)
{
	int r = *container ? guard_of_container(kernel, container, uid, ret) : -ENOENT;

	return r ? problem(why, r, "no guard of that container; terok-bpfd status lists them") : 0;
}

int plane_tells(const struct kernel *kernel, const struct control_caller *caller,
		const struct agent_told *told, struct msg_agent *ret, struct problem *why)
{
	struct guard guard;
	int r;

	if (!told_is_one(told))
		return strange(why);
	if (!budget_spend(budget_of_user(budgets, caller->uid), PLANE_BURST, PLANE_RATE))
		return problem(why, -EBUSY, "too much is said of agents");
	r = guard_of(kernel, told->container, caller->uid, &guard, why);
	if (!r)
		*ret = (struct msg_agent){ .guard = guard.id, .uid = caller->uid, .told = *told };
	return r;
}

static void contained_fill(struct msg_agent *ret, const struct guard *guard, uint32_t uid,
			   const struct journal_cause *cause)
{
	*ret = (struct msg_agent){ .guard = guard->id,
				   .uid = uid,
				   .told = { .type = AGENT_EVENT_CONTAINED, .ok = true } };
	memcpy(ret->told.container, guard->info.container, sizeof(ret->told.container));
	memcpy(ret->told.reason, cause->reason, sizeof(ret->told.reason));
	memcpy(ret->told.detail, cause->detail, sizeof(ret->told.detail));
}

static void contain_note(const struct guard *guard, uint32_t uid, const struct journal_cause *cause)
{
	char detail[AGENT_REASON + AGENT_DETAIL + 32];

	snprintf(detail, sizeof(detail), "contained=%s: %s", cause->reason, cause->detail);
	audit_deed(&guard->info,
		   &(struct audit_deed){ .action = "shield_block", .detail = detail, .uid = uid });
}

/*
 * Nothing leaves it already: what is new is only the reason, which each costs the disk and all who
 * listen. Of root's there is no end: what a user's said may have to become root's.
 */
static bool is_said_too_often(const struct guard *guard, uint32_t uid,
			      const struct journal_cause *cause)
{
	static struct budget of[BUDGET_USERS];
	struct journal_cause was;

	if (!uid || guard->value.state != TEROK_STATE_BLOCK)
		return false;
	/* of one that is not kept on disk no reason is known */
	if (guard->info.kind != TEROK_KIND_EXEC &&
	    (guard_cause(guard, &was) != 1 || !strcmp(was.reason, cause->reason)))
		return false;
	return !budget_spend(budget_of_user(of, uid), PLANE_REASONS, PLANE_REASONS_RATE);
}

int plane_contains(const struct kernel *kernel, const struct control_caller *caller,
		   const struct control_contain *contain, struct msg_agent *ret,
		   struct problem *why)
{
	struct journal_cause cause;
	struct guard guard;
	int r;

	if (!control_text_ok(contain->container) || !control_text_ok(contain->reason) ||
	    !control_text_ok(contain->detail) || !*contain->reason)
		return strange(why);
	memcpy(cause.reason, contain->reason, sizeof(cause.reason));
	memcpy(cause.detail, contain->detail, sizeof(cause.detail));
	r = guard_of(kernel, contain->container, caller->uid, &guard, why);
	if (!r && is_said_too_often(&guard, caller->uid, &cause))
		r = -EALREADY;
	if (!r)
		r = guard_contain(kernel, guard.id, caller->uid, &cause, why);
	if (r)
		return r;
	flows_end_said(kernel, guard.id, FLOWS_REFUSED);
	contain_note(&guard, caller->uid, &cause);
	contained_fill(ret, &guard, caller->uid, &cause);
	ret->told.wall_ns = now_wall_ns();
	return 0;
}

/* ... still */
bool plane_contained(const struct guard *guard, struct msg_agent *ret)
{
	struct journal_cause cause;

	if (guard_cause(guard, &cause) != 1)
		return false;
	contained_fill(ret, guard, guard_root_blocks(guard) ? 0 : guard->info.uid, &cause);
	return true;
}
