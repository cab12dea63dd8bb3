// SPDX-License-Identifier: Apache-2.0
/* bus.c - see bus.h */
#include "bus.h"

#include <errno.h>
#include <string.h>

struct bus {
	struct loop *loop;
	struct after after;
	struct bus_first first;
	struct bus_subscriber *subscribers;
	/* the one that is told next: whoever is told may make anybody leave */
	struct bus_subscriber *next;
	struct agent_event *queue[BUS_QUEUE_MAX];
	unsigned n;
	bool closed;
	uint64_t published, dropped;
};

static void tell(struct bus *bus, struct bus_subscriber *subscriber, struct agent_event *event)
{
	if (subscriber->types && !(subscriber->types & (UINT32_C(1) << event->type)))
		return;
	if (subscriber->wants && !subscriber->wants(subscriber, event))
		return;
	if (subscriber->n == BUS_SUBSCRIBER_MAX) {
		agent_event_unref(subscriber->ring[subscriber->first]);
		subscriber->first = (subscriber->first + 1) % BUS_SUBSCRIBER_MAX;
		subscriber->n--;
		subscriber->lost++;
		bus->dropped++;
	}
	subscriber->ring[(subscriber->first + subscriber->n++) % BUS_SUBSCRIBER_MAX] =
	    agent_event_ref(event);
}

static void tell_all(struct bus *bus, struct agent_event *event)
{
	if (bus->first.apply)
		bus->first.apply(bus->first.user, event);
	if (bus->first.log)
		bus->first.log(bus->first.user, event);
	for (struct bus_subscriber *s = bus->subscribers; s; s = s->next)
		tell(bus, s, event);
}

/* What ready() publishes is of the next round: its end is asked for again by then. */
static void on_round(struct after *after)
{
	struct bus *bus = container_of(after, struct bus, after);
	unsigned n = bus->n;

	for (unsigned i = 0; i < n; i++) {
		_cleanup_agent_event_ struct agent_event *event = bus->queue[i];

		tell_all(bus, event);
	}
	bus->n -= n; /* what being told of one made somebody publish stays */
	memmove(bus->queue, bus->queue + n, bus->n * sizeof(*bus->queue));
	for (struct bus_subscriber *s = bus->subscribers; s; s = bus->next) {
		bus->next = s->next;
		if (!s->n || s->told)
			continue;
		s->told = true;
		s->ready(s);
	}
	bus->next = NULL;
}

int bus_new(struct loop *loop, const struct bus_first *first, struct bus **ret)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return -ENOMEM;
	bus->loop = loop;
	if (first)
		bus->first = *first;
	*ret = bus;
	return 0;
}

void bus_close(struct bus *bus)
{
	if (!bus || bus->closed)
		return;
	bus->closed = true;
	after_cancel(&bus->after);
	while (bus->n)
		agent_event_unref(bus->queue[--bus->n]);
	while (bus->subscribers)
		bus_leave(bus->subscribers);
}

void bus_free(struct bus *bus)
{
	bus_close(bus);
	free(bus);
}

bool bus_publish(struct bus *bus, const struct agent_event *wish)
{
	struct agent_event *event;

	if (bus->closed)
		return false;
	if (bus->first.wished)
		bus->first.wished(bus->first.user, wish);
	event = bus->n < BUS_QUEUE_MAX ? agent_event_new(wish) : NULL;
	if (!event) {
		bus->dropped++;
		return false;
	}
	bus->queue[bus->n++] = event;
	bus->published++;
	loop_after(bus->loop, &bus->after, on_round);
	return true;
}

int bus_subscribe(struct bus *bus, struct bus_subscriber *subscriber)
{
	if (bus->closed)
		return -ESHUTDOWN;
	subscriber->bus = bus;
	subscriber->next = bus->subscribers;
	subscriber->slot = &bus->subscribers;
	if (subscriber->next)
		subscriber->next->slot = &subscriber->next;
	bus->subscribers = subscriber;
	return 0;
}

void bus_leave(struct bus_subscriber *subscriber)
{
	if (!subscriber->slot)
		return;
	if (subscriber->bus->next == subscriber)
		subscriber->bus->next = subscriber->next;
	*subscriber->slot = subscriber->next;
	if (subscriber->next)
		subscriber->next->slot = subscriber->slot;
	subscriber->slot = NULL;
	while (subscriber->n)
		agent_event_unref(
		    subscriber->ring[(subscriber->first + --subscriber->n) % BUS_SUBSCRIBER_MAX]);
}

struct agent_event *bus_take(struct bus_subscriber *subscriber)
{
	struct agent_event *event;

	if (!subscriber->n) {
		subscriber->told = false;
		return NULL;
	}
	event = subscriber->ring[subscriber->first];
	subscriber->first = (subscriber->first + 1) % BUS_SUBSCRIBER_MAX;
	subscriber->n--;
	return event;
}

uint64_t bus_lost(struct bus_subscriber *subscriber)
{
	return TAKE(subscriber->lost, 0);
}

void bus_stats(const struct bus *bus, struct bus_stats *ret)
{
	*ret = (struct bus_stats){ .queue_depth = bus->n,
				   .queue_capacity = BUS_QUEUE_MAX,
				   .published = bus->published,
				   .dropped = bus->dropped };
	for (const struct bus_subscriber *s = bus->subscribers; s; s = s->next)
		ret->subscribers++;
}
