// SPDX-License-Identifier: Apache-2.0
#include "grant_calls.h"

#include <errno.h>
#include <stddef.h>

#include "hub.h"

static struct grant_call **call_slot(struct grant_calls *calls, uint64_t token)
{
	struct grant_call **slot = &calls->first;

	while (*slot && (*slot)->token != token)
		slot = &(*slot)->next;
	return slot;
}

/* It is answered: whoever made it may free it now. */
static struct grant_call *call_take(struct grant_calls *calls, uint64_t token)
{
	struct grant_call **slot = call_slot(calls, token), *call = *slot;

	if (!call)
		return NULL;
	*slot = call->next;
	call->token = 0;
	return call;
}

static int call_begin(struct grant_calls *calls, struct grant_call *call, int r)
{
	if (r)
		return r;
	call->token = calls->token;
	call->next = calls->first;
	calls->first = call;
	return 0;
}

int grant_calls_list(struct grant_calls *calls, struct grant_call *call, uint32_t uid,
		     uint32_t guard)
{
	const struct msg_grants wanted = { .token = ++calls->token, .uid = uid, .guard = guard };

	if (calls->back->grants)
		return call_begin(calls, call, calls->back->grants(&wanted, calls->user));
	call->listed(call, false);
	return 0;
}

int grant_calls_revoke(struct grant_calls *calls, struct grant_call *call,
		       const struct msg_revoke *revoke)
{
	static const struct msg_revoked none = { .result = -ENOENT };
	struct msg_revoke wanted = *revoke;

	wanted.token = ++calls->token;
	if (calls->back->revoke)
		return call_begin(calls, call, calls->back->revoke(&wanted, calls->user));
	call->revoked(call, &none);
	return 0;
}

void grant_calls_end(struct grant_calls *calls, struct grant_call *call)
{
	if (call->token)
		call_take(calls, call->token);
}

void grant_calls_heard(struct grant_calls *calls, const struct msg_grant *grant)
{
	struct grant_call *call = *call_slot(calls, grant->token);

	if (call && call->grant)
		call->grant(call, grant);
}

void grant_calls_heard_all(struct grant_calls *calls, const struct msg_granted *granted)
{
	struct grant_call *call = call_take(calls, granted->token);

	if (call && call->listed)
		call->listed(call, granted->more);
}

void grant_calls_heard_revoked(struct grant_calls *calls, const struct msg_revoked *revoked)
{
	struct grant_call *call = call_take(calls, revoked->token);

	if (call && call->revoked)
		call->revoked(call, revoked);
}
