/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane.h - all who may hear the same: of one interface, one user, one guard or all
 *
 * They hear the same events in the same order, so what somebody has not taken yet is kept once for
 * all of them, LANE_MAX events, of which each who is behind knows a place. Whoever follows is
 * handed each event; whoever is behind costs nobody anything until there is room again, then
 * gets what is left of it, and the number of what gave way.
 *
 *   follows  - lane_fall_behind() ->  behind   it has heard all until now
 *   behind   - lane_catch_up()    ->  follows
 *
 * Owned by: hub.c. Called by: hub.c, serve.c. Threads: none.
 */
#ifndef HUB_LANE_H
#define HUB_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

#define LANE_MAX 128 /* the contract's depth; beyond it a client is not following anyway */

struct hub;
struct lane;

/* One who listens; embedded in a subscription. push() must not call back into the hub. */
struct subscriber {
	struct hub *hub;
	struct subscriber *next, **slot;
	enum face face;
	uint32_t uid, guard; /* guard 0: all it may see */
	uint32_t pid;        /* who it was when it connected */
	unsigned place;      /* by which of its user's sockets, enum msg_place */
	void (*push)(struct subscriber *subscriber, struct event *event);
	/* lane.c's */
	struct lane *lane;
	struct subscriber *follows_next, **follows_slot; /* slot NULL: it is behind, or away */
	bool behind;
	bool twice;     /* the same client hears it elsewhere */
	uint64_t heard; /* behind: of the lane's events */
	uint64_t until; /* twice: what came later is not for it */
};

struct lanes {
	struct lane *first;
};

/** lane_join() - from now on; @subscriber: face, uid and guard; -ENOMEM */
int lane_join(struct lanes *lanes, struct subscriber *subscriber);

/** lane_leave() - no more; also of one that did not join */
void lane_leave(struct lanes *lanes, struct subscriber *subscriber);

/** lanes_hear() - does anybody listen to that interface? */
bool lanes_hear(const struct lanes *lanes, enum face face);

/** lanes_publish() - to everybody who may see it */
void lanes_publish(const struct lanes *lanes, struct event *event);

/** lane_mute() - it hears the same elsewhere, or does no longer */
void lane_mute(struct subscriber *subscriber, bool twice);

/** lane_fall_behind() - it has no room; it has heard everything until now. May be called by push() */
void lane_fall_behind(struct subscriber *subscriber);

/**
 * lane_catch_up() - there is room: it follows again
 * @missed: called first if events gave way; then push() for each that is kept
 */
void lane_catch_up(struct subscriber *subscriber,
		   void (*missed)(struct subscriber *subscriber, uint64_t count));

#endif
