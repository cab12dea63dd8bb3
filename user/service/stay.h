/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stay.h - a server from the moment it is ready until it ends: who began it hears of both
 *
 * SIGHUP has it read again what it was begun with, if it does that. The first SIGTERM or SIGINT ends it when those whom it serves are done, or after STAY_PATIENCE_NS;
 * a second one ends it now. Called by: verb_serve.c of each service. Threads: none.
 */
#ifndef SERVICE_STAY_H
#define SERVICE_STAY_H

#include "base/event.h"
#include "base/notify.h"
#include "base/signals.h"

#define STAY_PATIENCE_NS (20 * SECOND_NS) /* for transfers that are open */

struct stay {
	struct loop *loop;
	struct notify notify;
	struct signals signals;
	struct timer patience, beat;
	void (*end)(struct stay *stay);
	void (*reload)(struct stay *stay); /* set before stay_begin(); NULL: SIGHUP is not for us */
	char status[128];                  /* what was said last */
};

#define STAY_NONE ((struct stay){ .notify = NOTIFY_NONE })

/** stay_open() - before anything else: what it was begun with (NOTIFY_SOCKET) is taken */
void stay_open(struct stay *stay);

/**
 * stay_begin() - from now on signals are for us
 * @end: take nobody new, and loop_stop() when the last has gone; called once, or again and again
 *
 * Return: 0 or a negative errno.
 */
int stay_begin(struct stay *stay, struct loop *loop, void (*end)(struct stay *stay));

/** stay_ready() - it serves; @status: for people. The watchdog is fed while the loop turns */
void stay_ready(struct stay *stay, const char *status);

/** stay_done() - before the loop is freed; also of one that was only opened */
void stay_done(struct stay *stay);

#endif
