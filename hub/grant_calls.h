/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant_calls.h - who asks what answers have made, or takes one back: calls on their way to the core
 *
 * The rules are the core's, and so is the word on whose they are; the hub asks in the caller's
 * name and hands over what comes.
 * Owned by: hub.c. Called by: serve_grants.c, hub_core.c. Threads: none.
 */
#ifndef HUB_GRANT_CALLS_H
#define HUB_GRANT_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "terok/core_msg.h"

struct hub_back;

/* One call; embedded in whoever makes it, zero but for its functions. */
struct grant_call {
	struct grant_call *next;
	uint64_t token; /* 0: it is not on its way */
	/* of grant_calls_list(): one; then the last, @more: there are more than are told at once */
	void (*grant)(struct grant_call *call, const struct msg_grant *grant);
	void (*listed)(struct grant_call *call, bool more);
	/* of grant_calls_revoke(): what became of it */
	void (*revoked)(struct grant_call *call, const struct msg_revoked *revoked);
};

struct grant_calls {
	const struct hub_back *back;
	void *user; /* of the back end */
	struct grant_call *first;
	uint64_t token;
};

/** grant_calls_list() - grant() for each that @uid may see, then listed(), maybe from within; -errno */
int grant_calls_list(struct grant_calls *calls, struct grant_call *call, uint32_t uid,
		     uint32_t guard);

/** grant_calls_revoke() - take that one back, then revoked(), maybe from within; -errno: it did not begin */
int grant_calls_revoke(struct grant_calls *calls, struct grant_call *call,
		       const struct msg_revoke *revoke);

/** grant_calls_end() - forget it, also before it is answered */
void grant_calls_end(struct grant_calls *calls, struct grant_call *call);

/* --- the back end's side: those of nobody (any more) are passed over ----------------------- */

/** grant_calls_heard() - one grant; grant_calls_heard_all() - no more of them */
void grant_calls_heard(struct grant_calls *calls, const struct msg_grant *grant);
void grant_calls_heard_all(struct grant_calls *calls, const struct msg_granted *granted);

/** grant_calls_heard_revoked() - what became of it */
void grant_calls_heard_revoked(struct grant_calls *calls, const struct msg_revoked *revoked);

#endif
