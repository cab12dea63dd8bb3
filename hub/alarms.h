/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alarms.h - containers that ask for a guard and run without one, as the core told of them
 *
 * Kept as the events that were told, for who asks or comes later. Called by: hub.c. Threads: none.
 */
#ifndef HUB_ALARMS_H
#define HUB_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

#define ALARMS_MAX 8192 /* as many containers as the core looks at */

struct alarm;

struct alarms {
	struct alarm *first;
	unsigned n;
};

/** alarms_has() - is that one known? */
bool alarms_has(const struct alarms *alarms, uint32_t uid, const char *container);

/** alarms_add() - with its event, which is kept; alarms_drop(): it is over */
void alarms_add(struct alarms *alarms, uint32_t uid, const char *container, struct event *event);
void alarms_drop(struct alarms *alarms, uint32_t uid, const char *container);

/** alarms_each() - those that @uid may see, oldest first */
void alarms_each(const struct alarms *alarms, uint32_t uid,
		 void (*fn)(const struct event *event, void *user), void *user);

void alarms_free(struct alarms *alarms);

#endif
