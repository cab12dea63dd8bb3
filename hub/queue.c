// SPDX-License-Identifier: Apache-2.0
#include "queue.h"

#include <stddef.h>

struct event *queue_pop(struct queue *queue)
{
	struct event *event;

	if (!queue->n)
		return NULL;
	event = queue->slot[queue->head];
	queue->head = (queue->head + 1) % QUEUE_MAX;
	queue->n--;
	return event;
}

void queue_push(struct queue *queue, struct event *event)
{
	if (queue->n == QUEUE_MAX) {
		event_unref(queue_pop(queue));
		queue->lost++;
	}
	queue->slot[(queue->head + queue->n++) % QUEUE_MAX] = event_ref(event);
}

void queue_done(struct queue *queue)
{
	while (queue->n)
		event_unref(queue_pop(queue));
}
