// SPDX-License-Identifier: Apache-2.0
#include "bus.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

#define ROUND_MAX 64 /* messages in a row; then whatever else is on the loop has its turn */

static struct bus *buses;    /* of all loops */
static struct bus *round_at; /* the next that bus_round() looks at */

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

/* --- one connection ------------------------------------------------------------------ */

/* Everything is done once a round, by bus_round(): this only wakes the loop. */
static int bus_ready(struct source *source, uint32_t events)
{
	(void)events;
	container_of(source, struct bus, source)->ready = true;
	return 0;
}

/* While it connects, sd-bus may close its descriptor and go on with another of that number. */
static int bus_watch(struct bus *bus)
{
	int fd = sd_bus_get_fd(bus->connection), events = sd_bus_get_events(bus->connection);

	if (fd < 0 || events < 0)
		return fd < 0 ? fd : events;
	if (bus->settled)
		return source_set(&bus->source, events); /* poll's bits are epoll's */
	source_del(&bus->source);
	bus->settled = bus->up;
	return source_add(bus->loop, &bus->source, fd, events, bus_ready);
}

static void bus_disconnect(struct bus *bus)
{
	source_del(&bus->source);
	bus->connection = sd_bus_close_unref(bus->connection);
	bus->up = bus->settled = bus->ready = bus->failed = false;
}

static int bus_connect(struct bus *bus)
{
	int r = bus_open(bus->address, &bus->connection);

	if (!r)
		r = bus_watch(bus);
	if (r)
		bus_disconnect(bus);
	bus->ready = !r;
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

	bus_disconnect(bus);
	bus_schedule(bus);
	if (was_up && bus->face->down)
		bus->face->down(bus->user);
}

static int bus_comes_up(struct bus *bus)
{
	int r;

	bus->up = true;
	r = bus->face->up ? bus->face->up(bus->connection, bus->user) : 0;
	return r < 0 ? r : 1;
}

/* What has come; > 0: there is more. Messages that came before it failed count: so tries. */
static int bus_process(struct bus *bus)
{
	int r = 1;

	bus->ready = false;
	for (unsigned i = 0; r > 0 && i < ROUND_MAX; i++) {
		r = sd_bus_process(bus->connection, NULL);
		if (r >= 0 && !bus->up && sd_bus_is_ready(bus->connection) > 0)
			r = bus_comes_up(bus);
		if (bus->failed)
			r = -ECONNABORTED;
	}
	if (r > 0)
		bus->ready = true;
	return r;
}

/* --- all of a loop ------------------------------------------------------------------- */

/* sd-bus counts in microseconds of CLOCK_MONOTONIC, the loop in nanoseconds from now. */
static int64_t bus_timeout(struct bus *bus, uint64_t now_us)
{
	uint64_t until;

	if (bus->ready)
		return 0;
	if (sd_bus_get_timeout(bus->connection, &until) < 0 || until == UINT64_MAX)
		return LOOP_SLEEP;
	if (until <= now_us)
		return 0;
	until -= now_us;
	return until < INT64_MAX / 1000 ? (int64_t)until * 1000 : LOOP_SLEEP;
}

/* What has come, what is to be sent, and how long it may sleep. */
static int64_t bus_serve(struct bus *bus, uint64_t now_us)
{
	int r = 0;

	if (bus->failed)
		r = -ECONNABORTED;
	else if (!bus_timeout(bus, now_us))
		r = bus_process(bus);
	if (r >= 0)
		r = bus_watch(bus);
	if (r < 0) {
		bus_lost(bus);
		return LOOP_SLEEP;
	}
	return bus_timeout(bus, now_us);
}

/* Before the loop sleeps. */
static int64_t bus_round(void *user)
{
	struct loop *loop = user;
	int64_t least = LOOP_SLEEP;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (struct bus *bus = buses; bus; bus = round_at) {
		int64_t timeout;

		round_at = bus->next; /* a callback may stop any */
		if (bus->loop != loop || !bus->connection)
			continue;
		timeout = bus_serve(bus, now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000);
		if (timeout != LOOP_SLEEP && (least == LOOP_SLEEP || timeout < least))
			least = timeout;
	}
	return least;
}

static void bus_link(struct bus *bus)
{
	bus->next = buses;
	buses = bus;
	loop_set_poll(bus->loop, bus_round, bus->loop);
}

static void bus_unlink(struct bus *bus)
{
	struct bus **slot = &buses;

	while (*slot && *slot != bus)
		slot = &(*slot)->next;
	if (*slot)
		*slot = bus->next;
	if (round_at == bus)
		round_at = bus->next;
}

int bus_start(struct bus *bus, struct problem *why)
{
	int r = bus_connect(bus);

	if (r)
		return problem(why, r, "cannot reach the session bus: %s", strerror(-r));
	bus_link(bus);
	return 0;
}

void bus_seek(struct bus *bus)
{
	bus_link(bus);
	if (bus_connect(bus))
		bus_schedule(bus);
}

void bus_fail(struct bus *bus)
{
	bus->failed = true;
}

void bus_stop(struct bus *bus)
{
	if (bus->up)
		sd_bus_flush(bus->connection);
	bus_drop(bus);
}

void bus_drop(struct bus *bus)
{
	timer_disarm(&bus->again);
	bus_disconnect(bus);
	bus_unlink(bus);
}
