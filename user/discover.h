/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover.h - containers that no hook told of: watchers, what is believed of them, what follows
 *
 * Puts watchers.c, containers.c and dossiers.c together, and notes alarms: log, journal, audit,
 * hub. Called by: core. Threads: none.
 */
#ifndef TEROK_DISCOVER_H
#define TEROK_DISCOVER_H

#include "containers.h"
#include "dossiers.h"
#include "guard.h"
#include "hub/history.h"

struct discover;

struct discover_events {
	/* for the hub */
	void (*tell)(struct msg_packet *packet, void *user);
	/* a guard has another name */
	void (*renamed)(uint32_t guard, void *user);
	int (*has_guard)(uint32_t uid, void *user);
	/* fn() for each guard of that user */
	void (*each_guard)(uint32_t uid, void (*fn)(uint32_t guard, void *arg), void *arg,
			   void *user);
	/* its container ended, and nobody told us */
	void (*ended)(uint32_t guard, void *user);
};

/** discover_new() - nothing is begun yet; history may be NULL */
int discover_new(struct loop *loop, const struct kernel *kernel, struct dossiers *dossiers,
		 struct history *history, const struct discover_events *events, void *user,
		 struct discover **ret);
void discover_free(struct discover *discover);

/** discover_begin() - start the watchers; guards are known by now */
void discover_begin(struct discover *discover);

/** discover_beat() - a watcher that hangs is to be noticed */
void discover_beat(struct discover *discover);

/** discover_folders() - users' folders may have come or gone */
void discover_folders(struct discover *discover);

/** discover_guard() - there is that guard; discover_gone() - no more */
void discover_guard(struct discover *discover, const struct guard *guard);
void discover_gone(struct discover *discover, uint32_t guard);

/** discover_tell() - the hub is a new one: all alarms again */
void discover_tell(struct discover *discover);

/** discover_alarms() - as containers_alarms() */
void discover_alarms(struct discover *discover, uint32_t uid,
		     void (*fn)(const struct msg_alarm *alarm, void *user), void *user);

#endif
