/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serving.h - when the agent serves, and that it still does, for who started it
 *
 * Ready is said once, when nothing is missing any more: pins adopted and the ring read (core.c
 * calls serving_start() then), every worker has done what it was told and answered, users'
 * sockets are where they can be. A watchdog hears of us only while the loop turns and the hub
 * answers: systemd starts anew an agent that hangs, and the agent a worker that hangs
 * (worker_ping()). Without a watchdog nothing ticks.
 *
 * Called by: core. Owns: systemd's socket and the ready descriptor. Threads: none.
 */
#ifndef TEROK_SERVING_H
#define TEROK_SERVING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/event.h"
#include "base/notify.h"
#include "worker.h"

#define SERVING_WORKERS 4
#define SERVING_STATUS  200

/* All with the user of serving_begin(). */
struct serving_events {
	bool (*settled)(void *user); /* what no worker knows of is in place as well */
	void (*ready)(void *user);   /* ready has been said */
	void (*status)(char text[static SERVING_STATUS], void *user); /* one line for people */
	void (*beat)(void *user); /* workers that users can stop: ready does not wait for them */
};

struct serving {
	const struct serving_events *events;
	void *user;
	struct loop *loop;
	struct notify notify;
	int ready_fd; /* -1: none, or told */
	struct worker
	    *worker[SERVING_WORKERS]; /* the first is the one without which nobody is asked */
	unsigned n_workers;
	bool ready, late;     /* late: a watchdog's beat was left out */
	uint64_t extended_ns; /* when we began, or systemd was last asked to wait */
	struct timer again, beat, status;
};

/**
 * serving_begin() - before any other process is started: none of them inherits systemd's socket
 * @ready_fd: told with one byte when ready, and closed; -1: none
 */
void serving_begin(struct serving *serving, int ready_fd, const struct serving_events *events,
		   void *user);

/** serving_extend() - starting goes on: after a second systemd is asked to wait; cheap, call it as you go */
void serving_extend(struct serving *serving);

/** serving_attend() - ready needs that worker too; the hub is the first */
void serving_attend(struct serving *serving, struct worker *worker);

/** serving_start() - all others are ready; from now on the workers are asked */
void serving_start(struct serving *serving, struct loop *loop);

/** serving_changed() - the status is another; told within a second */
void serving_changed(struct serving *serving);

/** serving_stop() - we end; also of one that never began */
void serving_stop(struct serving *serving);

#endif
