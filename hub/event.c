// SPDX-License-Identifier: Apache-2.0
#include "event.h"

#include <stdlib.h>
#include <string.h>

struct event *event_new(uint32_t guard, uint32_t uid, const char *clearance, const char *firewall)
{
	const char *const texts[FACE_MAX_] = { clearance, firewall };
	struct event *event = calloc(1, sizeof(*event));

	if (!event)
		return NULL;
	*event = (struct event){ .refs = 1, .guard = guard, .uid = uid };
	for (int face = 0; face < FACE_MAX_; face++) {
		if (!texts[face])
			continue;
		event->text[face] = strdup(texts[face]);
		if (!event->text[face]) {
			event_unref(event);
			return NULL;
		}
		event->n[face] = strlen(texts[face]);
	}
	return event;
}

void event_keep(struct event *event, enum face face)
{
	for (int other = 0; event->refs == 1 && other < FACE_MAX_; other++) {
		if (other == (int)face)
			continue;
		free(event->text[other]);
		event->text[other] = NULL;
		event->n[other] = 0;
	}
}

size_t event_size(const struct event *event)
{
	size_t size = sizeof(*event);

	for (int face = 0; face < FACE_MAX_; face++)
		size += event->n[face];
	return size;
}

struct event *event_ref(struct event *event)
{
	event->refs++;
	return event;
}

void event_unref(struct event *event)
{
	if (!event || --event->refs)
		return;
	for (int face = 0; face < FACE_MAX_; face++)
		free(event->text[face]);
	free(event);
}
