/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plane.h - what a control plane says of the agents in guards: it is told on, and whom to contain
 *
 * A control plane (terok-cp) is a program of a user's, or of root's: what it says is of guards of its
 * own user and of no others, whom it is the kernel that names. Its texts are bytes that a peer may
 * have chosen; nobody here looks into them. It has a budget, since what it says every subscriber
 * of that user's hears, and root's. To contain needs none; that it is for another reason has a small
 * one: beyond that it is contained already, and its reason stays.
 *
 * Containing is one map write, and then what there is to keep and to say: nothing but a person opens
 * the guard again, not a start of its container either.
 *
 * Called by: orders, core. Threads: none.
 */
#ifndef TEROK_PLANE_H
#define TEROK_PLANE_H

#include "control.h"
#include "guard.h"
#include "terok/core_msg.h"

#define PLANE_BURST        1024 /* of one user at once: some eighty agents begin */
#define PLANE_RATE         50   /* ... and so many a second */

#define PLANE_REASONS      64 /* another reason of what is contained, of one user at once ... */
#define PLANE_REASONS_RATE 1  /* ... and a second */

/**
 * plane_tells() - @caller says that this happened to an agent
 * @ret: for the hub
 *
 * Return: 0; -EBADMSG: no program of ours says that; -ENOENT: no guard of theirs; -EBUSY: too much.
 */
int plane_tells(const struct kernel *kernel, const struct control_caller *caller,
		const struct agent_told *told, struct msg_agent *ret, struct problem *why);

/**
 * plane_contains() - @caller says that this container's guard is to let nothing out
 * @ret: for the hub; @why: also of success: that it cannot be kept
 *
 * Return: 0: it is so; -EALREADY, -EBADMSG, -ENOENT: as CONTROL_CONTAIN has them; negative errno.
 */
int plane_contains(const struct kernel *kernel, const struct control_caller *caller,
		   const struct control_contain *contain, struct msg_agent *ret,
		   struct problem *why);

/** plane_contained() - of a guard that is contained, for a hub that is new; false: it is not */
bool plane_contained(const struct guard *guard, struct msg_agent *ret);

#endif
