/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders.h - what is said to the core at the control socket, and what it does then
 *
 * control.h knows who may say what; here is what each word does. Nobody who is in a guard changes
 * anything: whoever handed the socket in did not mean to hand out the key as well. What a word
 * makes of the guards the core is told, and tells people.
 * Owns: the socket, and who waits for their guard (enrol.h). Called by: core. Threads: none.
 */
#ifndef TEROK_ORDERS_H
#define TEROK_ORDERS_H

#include "base/event.h"
#include "base/problem.h"
#include "kernel.h"
#include "terok/core_msg.h"

struct orders;

struct orders_events {
	/* look at that guard: somebody changed it in the maps */
	void (*changed)(uint32_t guard, void *user);
	/* it stands, for a container that starts when this has returned */
	void (*guarded)(uint32_t guard, void *user);
	/* its container has ended, somebody says */
	void (*ended)(uint32_t guard, void *user);
	/* tell every alarm of that user; 0: all */
	void (*alarms)(uint32_t uid, void (*fn)(const struct msg_alarm *alarm, void *arg),
		       void *arg, void *user);
	/* where that guard lives: watched_netns() */
	int (*netns)(uint32_t guard, void *user);
	/* that happened to the agent in a guard; the guard is as it says already */
	void (*agent)(const struct msg_agent *agent, void *user);
};

/** orders_serve() - listen; 0, or negative errno with @why */
int orders_serve(struct loop *loop, const struct kernel *kernel, const struct orders_events *events,
		 void *user, struct orders **ret, struct problem *why);

/** orders_free() - NULL: nothing */
void orders_free(struct orders *orders);

#endif
