// SPDX-License-Identifier: Apache-2.0
#include "bus.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

#define ROUND_MAX 64 /* messages in a row; then whatever else is on the loop has its turn */

int bus_open(const char *address, sd_bus **ret)
{
	sd_bus *connection = NULL;
	int r;

	if (!address) {
		r = sd_bus_open_user(ret);
		return r < 0 ? r : 0;
	}
	r = sd_bus_new(&connection);
	if (r >= 0)
		r = sd_bus_set_address(connection, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(connection, true);
	if (r >= 0)
		r = sd_bus_start(connection);
	if (r < 0) {
		sd_bus_unref(connection);
		return r;
	}
	*ret = connection;
	return 0;
}

/* Everything is done once a round, by bus_round(): this only wakes the loop. */
static int bus_ready(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	return 0;
}

static int bus_connect(struct bus *bus)
{
	int r = bus_open(bus->address, &bus->connection);

	if (r)
		return r;
	r = source_add(bus->loop, &bus->source, sd_bus_get_fd(bus->connection), EPOLLIN, bus_ready);
	if (r)
		bus->connection = sd_bus_close_unref(bus->connection);
	return r;
}

static void bus_schedule(struct bus *bus);

static int bus_again(struct timer *timer)
{
	struct bus *bus = container_of(timer, struct bus, again);

	if (bus_connect(bus))
		bus_schedule(bus);
	return 0;
}

static void bus_schedule(struct bus *bus)
{
	unsigned seconds = bus->tries < 4 ? 1U << bus->tries : 10;

	bus->tries++;
	timer_arm(bus->loop, &bus->again, now_boot_ns() + seconds * SECOND_NS, bus_again);
}

static void bus_lost(struct bus *bus)
{
	bool was_up = bus->up;

	source_del(&bus->source);
	bus->connection = sd_bus_close_unref(bus->connection);
	bus->up = false;
	bus_schedule(bus);
	if (was_up && bus->face->down)
		bus->face->down(bus->user);
}

/* sd-bus counts in microseconds of CLOCK_MONOTONIC, the loop in nanoseconds from now. */
static int64_t bus_timeout(struct bus *bus)
{
	struct timespec now;
	uint64_t until, now_us;

	if (sd_bus_get_timeout(bus->connection, &until) < 0 || until == UINT64_MAX)
		return LOOP_SLEEP;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
	if (until <= now_us)
		return 0;
	until -= now_us;
	return until < INT64_MAX / 1000 ? (int64_t)until * 1000 : LOOP_SLEEP;
}

/* Before the loop sleeps: what has come, what is to be sent, and how long it may sleep. */
static int64_t bus_round(void *user)
{
	struct bus *bus = user;
	int r = bus->connection ? 1 : 0;

	for (unsigned i = 0; r > 0 && i < ROUND_MAX; i++) {
		r = sd_bus_process(bus->connection, NULL);
		if (r >= 0 && !bus->up && sd_bus_is_ready(bus->connection) > 0) {
			bus->up = true;
			bus->tries = 0;
			r = bus->face->up ? bus->face->up(bus->connection, bus->user) : 0;
			r = r < 0 ? r : 1;
		}
	}
	if (r >= 0 && bus->connection) {
		int events = sd_bus_get_events(bus->connection);

		r = events < 0 ? events : source_set(&bus->source, events) ?: r;
	}
	if (r < 0)
		bus_lost(bus);
	if (!bus->connection)
		return LOOP_SLEEP;
	return r > 0 ? 0 : bus_timeout(bus);
}

int bus_start(struct bus *bus, struct problem *why)
{
	int r = bus_connect(bus);

	if (r)
		return problem(why, r, "cannot reach the session bus: %s", strerror(-r));
	loop_set_poll(bus->loop, bus_round, bus);
	return 0;
}

void bus_stop(struct bus *bus)
{
	if (bus->loop)
		loop_set_poll(bus->loop, NULL, NULL);
	timer_disarm(&bus->again);
	source_del(&bus->source);
	if (bus->up)
		bus->connection = sd_bus_flush_close_unref(bus->connection);
	else
		bus->connection = sd_bus_close_unref(bus->connection);
	bus->up = false;
}
