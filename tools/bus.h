/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus.h - sd-bus connections on our event loop, reconnecting
 *
 * sd-bus brings its own queues and timeouts; here they are served once a round of the loop, by
 * its poll function, which is ours from the first bus of a loop on. Whatever is sent from any
 * callback leaves before the loop sleeps. A loop may have many: one that has nothing to do
 * costs no system call. A bus that goes away is looked for again after 1, 2, 4, 8, 10, 10...
 * seconds.
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
	struct bus *next;
	sd_bus *connection; /* NULL: none now */
	struct source source;
	struct timer again;
	unsigned tries;
	bool up;
	bool settled; /* its descriptor is the one that it will keep */
	bool ready;   /* that one has something */
	bool failed;  /* to be given up */
};

/**
 * bus_start() - connect; fill loop, address, face and user first
 *
 * up() is called from the loop. Return: 0; negative errno with @why when there is no bus.
 */
int bus_start(struct bus *bus, struct problem *why);

/** bus_seek() - the same, but a bus that is not there is waited for */
void bus_seek(struct bus *bus);

/** bus_fail() - give this connection up and try the next later; from any callback */
void bus_fail(struct bus *bus);

/** bus_stop() - write what is queued, disconnect, never try again; down() is not called */
void bus_stop(struct bus *bus);

/** bus_drop() - the same at once: what a bus did not take yet is dropped */
void bus_drop(struct bus *bus);

/** bus_open() - a connection for one question and its answer, without a loop; 0, negative errno */
int bus_open(const char *address, sd_bus **ret);

#endif
