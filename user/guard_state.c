// SPDX-License-Identifier: Apache-2.0
/* guard_state.c - what a guard lets out, and who says so: state, containment, bypass, names */
#include "guard.h"

#include <errno.h>
#include <string.h>

#include "journal.h"
#include "names.h"
#include "base/cleanup.h"
#include "terok/names.h"

/* Did root block it? What is not kept (exec) nobody but root changes at all. */
static bool root_blocks(const struct terok_info *info, enum terok_state state)
{
	char key[JOURNAL_KEY_LEN];
	uint32_t uid = 0;

	return state == TEROK_STATE_BLOCK && journal_key(info, key) &&
	       !journal_state_uid(key, &uid, NULL) && !uid;
}

static bool is_contained(const struct terok_info *info, enum terok_state state,
			 struct journal_cause *ret)
{
	char key[JOURNAL_KEY_LEN];

	return state == TEROK_STATE_BLOCK && journal_key(info, key) &&
	       journal_cause(key, ret, NULL) == 1;
}

bool guard_stays_blocked(const struct guard_spec *spec, const struct terok_info *info,
			 enum terok_state kept)
{
	struct journal_cause cause;

	return (spec->uid && root_blocks(info, kept)) || is_contained(info, kept, &cause);
}

static void change_state(struct terok_guard *value, void *user)
{
	value->state = *(enum terok_state *)user;
	value->bypass_ns = 0;
	value->epoch++; /* a flow approved by a timed rule does not outlive a transition */
}

bool guard_root_blocks(const struct guard *guard)
{
	return root_blocks(&guard->info, guard->value.state);
}

int guard_set_state(const struct kernel *kernel, uint32_t id, enum terok_state state,
		    struct problem *why)
{
	return guard_set_state_as(kernel, id, state, 0, why);
}

int guard_set_state_as(const struct kernel *kernel, uint32_t id, enum terok_state state,
		       uint32_t uid, struct problem *why)
{
	_cleanup_close_ int lock = -1;
	char key[JOURNAL_KEY_LEN];
	struct terok_guard value;
	struct terok_info info;
	int r;

	if (state >= TEROK_STATE_MAX_)
		return problem(why, -EINVAL, "no such state");
	lock = kernel_lock(why);
	if (lock < 0)
		return lock;
	r = guard_value(kernel, id, &info, &value, why);
	if (!r && uid && root_blocks(&info, value.state))
		r = problem(why, -EPERM, "root blocked it: only root opens it");
	if (!r && journal_key(&info, key))
		r = journal_put_state(key, state, uid, why);
	return r ? r : guard_change(kernel, id, change_state, &state, why);
}

static void contain_keep(const struct terok_info *info, uint32_t uid,
			 const struct journal_cause *cause, struct problem *why)
{
	struct problem broken = {};
	char key[JOURNAL_KEY_LEN];

	if (!journal_key(info, key) || !journal_contain(key, uid, cause, &broken))
		return;
	problem(why, 0, "it is blocked until its guard ends, and no longer: %.160s", broken.text);
}

int guard_contain(const struct kernel *kernel, uint32_t id, uint32_t uid,
		  const struct journal_cause *cause, struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	enum terok_state state = TEROK_STATE_BLOCK;
	struct terok_guard value;
	struct journal_cause was;
	struct terok_info info;
	bool by_root;
	int r = lock < 0 ? lock : guard_value(kernel, id, &info, &value, why);

	if (r)
		return r;
	by_root = root_blocks(&info, value.state);
	if (is_contained(&info, value.state, &was) && !strcmp(was.reason, cause->reason) &&
	    (uid || by_root))
		return -EALREADY;
	if (value.state != state) /* first of all */
		r = guard_change(kernel, id, change_state, &state, why);
	if (!r)
		contain_keep(&info, by_root ? 0 : uid, cause, why);
	return r;
}

int guard_cause(const struct guard *guard, struct journal_cause *ret)
{
	return is_contained(&guard->info, guard->value.state, ret);
}

#define NAMES_MODES (TEROK_NAMES_OFF | TEROK_NAMES_EXACT)

static void change_names(struct terok_guard *value, void *user)
{
	value->names = (value->names & ~NAMES_MODES) | *(uint16_t *)user;
	value->domains++;
	value->epoch++;
}

int guard_set_names(const struct kernel *kernel, uint32_t id, uint16_t names, struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	char key[JOURNAL_KEY_LEN];
	struct terok_guard value;
	struct terok_info info;
	int r = lock < 0 ? lock : guard_value(kernel, id, &info, &value, why);

	if (!r && journal_key(&info, key))
		r = journal_put_names(key, names, why);
	if (r || (value.names & NAMES_MODES) == names)
		return r;
	r = guard_change(kernel, id, change_names, &names, why);
	closep(&lock);
	r = r ? r : names_flush(kernel, id, NULL, why);
	return r < 0 ? r : 0;
}

static void change_bypass(struct terok_guard *value, void *user)
{
	value->bypass_ns = *(uint64_t *)user;
	value->epoch++;
}

int guard_set_bypass(const struct kernel *kernel, uint32_t id, uint64_t until_ns,
		     struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	struct terok_guard value;
	struct terok_info info;
	int r = lock < 0 ? lock : guard_value(kernel, id, &info, &value, why);

	if (r)
		return r;
	if (value.state != TEROK_STATE_UP)
		return problem(why, -EPERM,
			       "guard %u is %s: only state up has something to bypass; terok-bpfd "
			       "up first",
			       id, terok_state_name(value.state));
	return guard_change(kernel, id, change_bypass, &until_ns, why);
}
