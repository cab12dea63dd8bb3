/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - people and programs of this host see what happens to agents: a socket, lines of JSON
 *
 * The first line is {"snapshot":...}, the world as it is then; each after it is an event, in its
 * order. Who reads slowly loses the oldest of what waits for them, and a line says how many:
 * {"event":"watch.lost","count":N}. Nothing is read from them. The socket is its user's alone, and
 * the kernel's word for who connects is asked as well.
 *
 * Owns: the socket, its connections. Called by: sessions. Threads: none.
 */
#ifndef REGISTRY_WATCH_H
#define REGISTRY_WATCH_H

#include "base/event.h"
#include "base/passed.h"
#include "base/problem.h"
#include "bus.h"
#include "world.h"

#define WATCH_SOCKET "control-plane.sock" /* in the folder of what runs */
#define WATCH_MAX    16                   /* connections; who comes then is closed */

struct watch;

/** watch_path() - @said, or the default; the caller's, NULL: no memory, no home */
char *watch_path(const char *said);

/** watch_new() - @bus and @world are borrowed; as listen_path(), with @why */
int watch_new(struct loop *loop, struct bus *bus, const struct world *world, struct passed *passed,
	      const char *path, struct watch **ret, struct problem *why);

/** watch_free() - while the bus is there. NULL: nothing */
void watch_free(struct watch *watch);

#endif
