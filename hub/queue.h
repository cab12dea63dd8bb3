/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h - what one subscriber has not taken yet; the oldest gives way and is counted
 *
 * Owned by: the subscription in serve.c. Threads: none. No allocation.
 */
#ifndef HUB_QUEUE_H
#define HUB_QUEUE_H

#include <stdint.h>

#include "event.h"

#define QUEUE_MAX 128 /* the contract's depth; beyond it a client is not following anyway */

struct queue {
	struct event *slot[QUEUE_MAX];
	unsigned head, n;
	uint64_t lost; /* events that gave way, since the subscription */
};

/** queue_push() - takes a reference */
void queue_push(struct queue *queue, struct event *event);

/** queue_pop() - the oldest, with its reference; NULL: empty */
struct event *queue_pop(struct queue *queue);

/** queue_done() - drop all */
void queue_done(struct queue *queue);

#endif
