/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whose.h - whose socket is at the other end of a connection: what the kernel knows of it
 *
 * An address says which network somebody is in, and a network is shared: by a pod's containers, by
 * whoever joined it. So a server for containers asks about each connection. The kernel has its
 * other end, in the network namespace of the guard whose address it comes from, under exactly these
 * two addresses and ports; and it knows in which cgroup that socket was made. What our hooks keep
 * would not do: they note flows that a rule with an end allowed and sockets whose address was
 * exchanged, and neither can be found from the other end.
 *
 * A socket that was handed on is still its maker's, who has vouched for whoever has it now. One
 * that is bound to a device is not found, nor one that has ended: who asks is told so, also of a
 * container without a guard, if a guard has its address and could have hidden its own socket so.
 *
 * Of several guards around a socket it is the innermost's. Guards of other users are not told, and
 * do not count as none. It costs a walk over the guards' labels and a question to the kernel, so
 * that each user has a budget of them.
 *
 * Owns: those budgets. Called by: orders.c. Threads: moves the calling one, see netns.h.
 */
#ifndef TEROK_WHOSE_H
#define TEROK_WHOSE_H

#include "base/problem.h"
#include "kernel.h"
#include "terok/control_msg.h"

#define WHOSE_AT_ONCE  200 /* questions of one user ... */
#define WHOSE_A_SECOND 50  /* ... and for ever */
#define WHOSE_PLACES   8   /* networks of one user's guards that have one address: few have two */

struct whose_use {
	const struct kernel *kernel;
	int (*netns)(uint32_t guard,
		     void *user); /* where that guard lives; borrowed; -1: not known */
	void *user;
};

/** whose_check() - is it a connection, and a container's id? 0 or -EBADMSG */
int whose_check(const struct control_whose *asked, struct problem *why);

/**
 * whose_socket() - answer
 * @uid: who asks, and whose guards are looked at
 *
 * Return: 0 with @ret; -EAGAIN: over the budget, -EBADMSG: that is no question, -ENOTCONN: there is
 * no such connection in the container, or where guards have its address, -ESRCH: nobody is in it, -ESTALE: its cgroup
 * has gone, -E2BIG: WHOSE_PLACES, or what the
 * kernel says; with @why.
 */
int whose_socket(const struct whose_use *use, const struct control_whose *asked, uint32_t uid,
		 struct control_owner *ret, struct problem *why);

#endif
