/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - one thing that happened, encoded once per interface, shared by reference
 *
 * Called by: hub.c (makes), lane.c and serve.c (share). Threads: none.
 */
#ifndef HUB_EVENT_H
#define HUB_EVENT_H

#include <stddef.h>
#include <stdint.h>

enum face { FACE_CLEARANCE, FACE_FIREWALL, FACE_MAX_ };

struct event {
	unsigned refs;
	uint32_t guard, uid; /* who may see it: root, and this user unless it is EVENT_ROOT_ONLY */
	char *text[FACE_MAX_]; /* the event as a JSON object; NULL: not for that interface */
	size_t n[FACE_MAX_];
};

/* A refusal that no known guard made belongs to nobody. */
#define EVENT_ROOT_ONLY 0

/** event_new() - @clearance and @firewall are copied, either may be NULL; NULL: no memory */
struct event *event_new(uint32_t guard, uint32_t uid, const char *clearance, const char *firewall);

/** event_keep() - of one that nobody else holds keep only the text of that interface */
void event_keep(struct event *event, enum face face);

/** event_size() - bytes that it takes, about */
size_t event_size(const struct event *event);

struct event *event_ref(struct event *event);
void event_unref(struct event *event);

#endif
