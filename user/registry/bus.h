/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus.h - events of agents, from who knows to who wants to: nobody waits for anybody
 *
 * What is published in one round of the loop is told at its end: first to the world (the state that
 * events make), then to the log, then to each subscriber. Who does not take what it was told loses
 * the oldest of it, counted, and nobody else loses anything. Whoever publishes too much in one round
 * is told so.
 *
 * Owned by: serve. Called by: dialer, executor, runtime, register, watch. Threads: none.
 */
#ifndef REGISTRY_BUS_H
#define REGISTRY_BUS_H

#include "agent_event.h"
#include "base/event.h"

#define BUS_QUEUE_MAX      2048 /* of one round; the contract's */
#define BUS_SUBSCRIBER_MAX 256  /* that one has not taken yet; the contract's */

struct bus;

/* Who is told before everybody else: what an event changes, and what is logged of it. */
struct bus_first {
	/* of each wish, at once: also of what there is no room or no memory for. May publish nothing */
	void (*wished)(void *user, const struct agent_event *wish);
	void (*apply)(void *user, const struct agent_event *event);
	void (*log)(void *user, const struct agent_event *event);
	void *user;
};

/* One who listens. Zero before bus_subscribe(), but for what it wants. */
struct bus_subscriber {
	uint32_t types; /* bit 1 << type; 0: all */
	/* NULL: all of those types */
	bool (*wants)(struct bus_subscriber *subscriber, const struct agent_event *event);
	/* there is something to take; once, until bus_take() has returned NULL.
	   May leave and publish; may not free the bus */
	void (*ready)(struct bus_subscriber *subscriber);
	/* bus.c's */
	struct bus *bus;
	struct bus_subscriber *next, **slot;
	struct agent_event *ring[BUS_SUBSCRIBER_MAX];
	unsigned first, n;
	bool told;
	uint64_t lost; /* since it was last asked */
};

struct bus_stats {
	unsigned subscribers, queue_depth, queue_capacity;
	uint64_t published, dropped; /* dropped: by bus_publish() and for those who were late */
};

/** bus_new() - 0; -ENOMEM */
int bus_new(struct loop *loop, const struct bus_first *first, struct bus **ret);

/** bus_close() - what waits is told no more, and each subscriber has left. Twice is once */
void bus_close(struct bus *bus);
void bus_free(struct bus *bus);

/** bus_publish() - false: it was closed, BUS_QUEUE_MAX of this round wait, or there is no memory */
bool bus_publish(struct bus *bus, const struct agent_event *wish);

/** bus_subscribe() - from the next event on; -ESHUTDOWN: it is closed */
int bus_subscribe(struct bus *bus, struct bus_subscriber *subscriber);
/** bus_leave() - also of one that did not subscribe, or has left */
void bus_leave(struct bus_subscriber *subscriber);

/** bus_take() - the oldest it has not taken, and the caller's reference; NULL: none */
struct agent_event *bus_take(struct bus_subscriber *subscriber);
/** bus_lost() - how many it has lost since it was last asked */
uint64_t bus_lost(struct bus_subscriber *subscriber);

/** bus_stats() - how it does */
void bus_stats(const struct bus *bus, struct bus_stats *ret);

#endif
