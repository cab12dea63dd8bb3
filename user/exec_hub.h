/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_hub.h - exec as a client of the hub: connect, stay connected, listen, answer
 *
 * The hub may start later than we and may be restarted while CMD runs: the connection is
 * made again until exec ends, and open requests are replayed. CMD is guarded meanwhile,
 * by the kernel. If the agent itself is gone, a transient one is started (exec_agent.h).
 *
 * Owns: the client and its place in the loop.
 * Called by: verb_exec.c. Threads: none.
 */
#ifndef TEROK_EXEC_HUB_H
#define TEROK_EXEC_HUB_H

#include <stdbool.h>

#include "base/event.h"
#include "terok/clearance.h"

#define HUB_RETRY_NS   UINT64_C(50000000)   /* a hub worker needs a few milliseconds to start */
#define HUB_GIVE_UP_NS UINT64_C(5000000000) /* then CMD starts without; trying goes on */

struct exec_hub {
	/* set by the owner */
	uint32_t guard;
	void (*ready)(struct exec_hub *hub, bool listening); /* once: events come, or no hub */
	void (*event)(struct exec_hub *hub, const struct terok_event *event);
	void (*refused)(struct exec_hub *hub, const char *problem); /* an answer was not taken */
	void (*caught_up)(struct exec_hub *hub);

	struct loop *loop;
	char path[128];
	struct terok_client *client; /* NULL: not connected */
	struct source source;
	struct timer retry, give_up;
	bool told, broken, listed;
	unsigned agents; /* that we had to start anew */
};

/** hub_start() - connect, now or later; ready() is called in either case */
int hub_start(struct exec_hub *hub, struct loop *loop);

/** hub_answer() - @action "allow" or "deny", @scope "once" or "session"; negative errno */
int hub_answer(struct exec_hub *hub, const char *id, const char *action, const char *scope);

/**
 * hub_catch_up() - call caught_up() when all that was refused before has been an event
 *
 * Return: 0, or a negative errno when there is no hub to wait for.
 */
int hub_catch_up(struct exec_hub *hub);

void hub_done(struct exec_hub *hub);

#endif
