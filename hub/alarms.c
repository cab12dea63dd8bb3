// SPDX-License-Identifier: Apache-2.0
#include "alarms.h"

#include <stdlib.h>
#include <string.h>

struct alarm {
	struct alarm *next;
	uint32_t uid;
	char *container;
	struct event *event;
};

static struct alarm **slot_of(const struct alarms *alarms, uint32_t uid, const char *container)
{
	struct alarm **slot = (struct alarm **)&alarms->first;

	while (*slot && ((*slot)->uid != uid || strcmp((*slot)->container, container)))
		slot = &(*slot)->next;
	return slot;
}

static void drop(struct alarms *alarms, struct alarm **slot)
{
	struct alarm *alarm = *slot;

	*slot = alarm->next;
	alarms->n--;
	event_unref(alarm->event);
	free(alarm->container);
	free(alarm);
}

bool alarms_has(const struct alarms *alarms, uint32_t uid, const char *container)
{
	return *slot_of(alarms, uid, container);
}

void alarms_add(struct alarms *alarms, uint32_t uid, const char *container, struct event *event)
{
	struct alarm **slot = slot_of(alarms, uid, container), *alarm;

	if (*slot || alarms->n == ALARMS_MAX || !event)
		return;
	alarm = calloc(1, sizeof(*alarm));
	if (!alarm)
		return;
	alarm->uid = uid;
	alarm->container = strdup(container);
	if (!alarm->container) {
		free(alarm);
		return;
	}
	alarm->event = event_ref(event);
	*slot = alarm;
	alarms->n++;
}

void alarms_drop(struct alarms *alarms, uint32_t uid, const char *container)
{
	struct alarm **slot = slot_of(alarms, uid, container);

	if (*slot)
		drop(alarms, slot);
}

void alarms_each(const struct alarms *alarms, uint32_t uid,
		 void (*fn)(const struct event *event, void *user), void *user)
{
	for (const struct alarm *alarm = alarms->first; alarm; alarm = alarm->next)
		if (!uid || uid == alarm->uid)
			fn(alarm->event, user);
}

void alarms_free(struct alarms *alarms)
{
	while (alarms->first)
		drop(alarms, &alarms->first);
}
