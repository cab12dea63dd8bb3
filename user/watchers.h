/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchers.h - a watcher (watcher/worker.h) for each user who may have containers
 *
 * Root's as soon as podman has left anything in /run; a user's when they have a folder there,
 * which a login makes, a guard, or a container that runs already. It ends with the folder, if
 * there is no guard. What a watcher says is passed on with its user's uid, so that it speaks of
 * nobody else; who says too much is heard more slowly.
 *
 * Owns: the workers. Called by: core. Threads: none.
 */
#ifndef TEROK_WATCHERS_H
#define TEROK_WATCHERS_H

#include <stdint.h>

#include "base/event.h"
#include "terok/core_msg.h"

#define WATCHERS_MAX 256 /* users at a time; what the others start only the hooks tell */

struct watchers;

struct watchers_events {
	/* a checked message from that user's watcher */
	void (*message)(uint32_t uid, const struct msg_packet *packet, void *user);
	/* a watcher begins, also in place of one that died */
	void (*begun)(uint32_t uid, void *user);
	/* does that user have a guard? */
	int (*has_guard)(uint32_t uid, void *user);
};

/** watchers_new() - and start those of whom there is something; an agent of a test's has none */
int watchers_new(struct loop *loop, const struct watchers_events *events, void *user,
		 struct watchers **ret);

void watchers_free(struct watchers *watchers);

/** watchers_user() - that user has something to watch */
void watchers_user(struct watchers *watchers, uint32_t uid);

/** watchers_ping() - a beat: one that hangs is started anew, see worker_ping() */
void watchers_ping(struct watchers *watchers);

/** watchers_folders() - users' folders may have come or gone */
void watchers_folders(struct watchers *watchers);

#endif
