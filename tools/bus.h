/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus.h - an sd-bus connection on our event loop, reconnecting
 *
 * sd-bus brings its own queues and timeouts; here they are served once a round of the loop, by
 * its poll function, so one loop has one bus. Whatever is sent from any callback leaves before
 * the loop sleeps. A bus that goes away is looked for again after 1, 2, 4, 8, 10, 10... seconds.
 *
 * Slots and messages belong to one connection: keep none beyond down(). Owns: the connection.
 * Called by: faces of terok-clearance that speak D-Bus. Threads: none.
 */
#ifndef TOOLS_BUS_H
#define TOOLS_BUS_H

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "base/event.h"
#include "base/problem.h"

/**
 * struct bus_face - what the owner of a bus is told; each may be NULL
 * @up:	  connected: add matches and objects, ask for names, each without waiting. A negative
 *	  errno gives this connection up, and the next is tried later
 * @down: the connection has gone, and with it slots, names and calls that had no answer
 */
struct bus_face {
	int (*up)(sd_bus *connection, void *user);
	void (*down)(void *user);
};

struct bus {
	struct loop *loop;
	const char *address; /* NULL: this user's, as the environment or $XDG_RUNTIME_DIR has it */
	const struct bus_face *face;
	void *user;
	/* below: bus.c's */
	sd_bus *connection; /* NULL: none now */
	struct source source;
	struct timer again;
	unsigned tries;
	bool up;
};

/**
 * bus_start() - connect; fill loop, address, face and user first
 *
 * up() is called from the loop. Return: 0; negative errno with @why when there is no bus.
 */
int bus_start(struct bus *bus, struct problem *why);

/** bus_stop() - write what is queued, disconnect, never try again; down() is not called */
void bus_stop(struct bus *bus);

/** bus_open() - a connection for one question and its answer, without a loop; 0, negative errno */
int bus_open(const char *address, sd_bus **ret);

#endif
