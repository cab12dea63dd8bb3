// SPDX-License-Identifier: Apache-2.0
#include "attach.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "caller.h"
#include "control.h"
#include "policy.h"
#include "profile.h"
#include "terok/names.h"

#define OPEN_TRIES 5

int attach_state_parse(const char *text, enum terok_state *ret, struct problem *why)
{
	for (int state = TEROK_STATE_UP; state < TEROK_STATE_MAX_; state++) {
		if (!strcmp(text, terok_state_name(state))) {
			*ret = state;
			return 0;
		}
	}
	return problem(why, -EINVAL, "state '%s' is none of up, down, down_all, block", text);
}

int attach_guard(const struct guard_spec *spec, struct guard *ret, bool *existing,
		 struct problem *why)
{
	int r = -ESTALE;

	/* stale: an agent that ended unloaded them between the two steps */
	for (int i = 0; r == -ESTALE && i < OPEN_TRIES; i++) {
		_cleanup_(kernel_freep) struct kernel *kernel = NULL;

		r = kernel_open(&kernel, why);
		if (r == -ENOENT || r == -EUCLEAN) /* nothing, or not all: attaching asks for it */
			r = kernel_load(&kernel, NULL, why);
		if (!r)
			r = guard_attach(kernel, spec, ret, existing, why);
	}
	if (!r)
		control_notify(ret->id);
	return r;
}

/* The guard stands without its ports: closed is the safe side, so a failure is a warning. */
void attach_publish(const struct guard *guard, const uint16_t *ports, unsigned n)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct problem why = {};
	int r = n ? kernel_open(&kernel, &why) : 0;

	for (unsigned i = 0; !r && i < n; i++)
		r = policy_publish(kernel, guard->id, ports[i], true, &why);
	if (r)
		log_warn(0, "published ports stay closed: %s", why.text);
}

/* The rules of one action; a domain makes none. */
static int profile_apply(const struct kernel *kernel, const struct guard *guard,
			 const struct profile *profile, bool denies, struct problem *why)
{
	struct rule rule = { .guard = guard->id,
			     .keep = true,
			     .value = { .action = denies ? TEROK_DENY : TEROK_ALLOW,
					.uid = caller_uid(),
					.author = TEROK_AUTHOR_OPERATOR } };
	int r = 0;

	for (size_t i = 0; !r && i < profile->n; i++) {
		struct profile_entry entry = profile->entry[i];

		if (*entry.domain || entry.deny != denies)
			continue;
		/* one address has one rule: this one would take the place of its deny */
		entry.deny = true;
		if (!denies && profile_find(profile, &entry) >= 0)
			continue;
		rule.dest = entry.dest;
		r = policy_add(kernel, &rule, why);
	}
	return r;
}

int attach_profile(const struct guard *guard, const struct profile *profile, struct problem *why)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	unsigned domains = 0;
	int r = profile->n ? kernel_open(&kernel, why) : 0;

	if (r || !profile->n)
		return r;
	/* denies first: whatever fails later, nothing is open that should not be */
	r = profile_apply(kernel, guard, profile, true, why);
	if (!r)
		r = profile_apply(kernel, guard, profile, false, why);
	for (size_t i = 0; i < profile->n; i++)
		domains += *profile->entry[i].domain != '\0';
	if (!r && domains)
		log_warn(0,
			 "%u of %zu entries are domains: they are not in force, only addresses are",
			 domains, profile->n);
	return r;
}
