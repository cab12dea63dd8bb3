/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover.h - listeners within a container's network, for services of its owner outside of it
 *
 * A service that listens there hears that container and no other: no token is worth anything in
 * another. The core opens the socket, for it alone may enter the namespace, and hands it over;
 * it keeps nothing. Who has the same network as the host, or as another guard, has no loopback of
 * its own, and gets none.
 *
 * To know that, somebody who is in each other guard of that user is looked for, and a socket to
 * connect with is the core's memory for as long as whoever asked keeps it: each user has a budget.
 *
 * Called by: orders.c. Owns: those budgets. Threads: moves the calling one, see netns.h.
 */
#ifndef TEROK_HANDOVER_H
#define TEROK_HANDOVER_H

#include "kernel.h"
#include "terok/control_msg.h"

#define HANDOVER_AT_ONCE  512 /* questions of one user: two ports of its guards ... */
#define HANDOVER_A_SECOND 20  /* ... and for ever */

/**
 * handover_listen() - a socket that listens at 127.0.0.1 there; at CONTROL_PORT_PEER one to connect with
 * @uid: who asks; root's services are for root's containers alone
 * @ret: what is told with it
 *
 * Return: a descriptor, the caller's; -ENOENT: no such guard of theirs, -EINVAL the port,
 * -EAGAIN over the budget, -ESRCH nobody is in it, -EADDRNOTAVAIL its network is not its own, -EADDRINUSE somebody within
 * listens there; with @why.
 */
int handover_listen(const struct kernel *kernel, const struct control_listen *want, uint32_t uid,
		    struct control_listens *ret, struct problem *why);

#endif
