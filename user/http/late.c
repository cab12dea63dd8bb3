// SPDX-License-Identifier: Apache-2.0
/*
 * late.c - who is late: a head that does not come, a client that neither reads nor writes
 *
 * One timer for all connections, at the soonest deadline of any. Deadlines of connections that
 * move only move away, so it may fire for nothing and is set again then.
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "http/within.h"

#define LINGER_NS (2 * SECOND_NS) /* for what a client still sends that does not read */

static int on_watch(struct timer *timer);

static uint64_t after(uint64_t from, uint64_t ns)
{
	return ns ? from + ns : UINT64_MAX;
}

/* CLOCK_BOOTTIME; UINT64_MAX: never */
static uint64_t deadline(const struct peer *peer)
{
	const struct http_limits *limits = &peer->http->limits;
	uint64_t total, idle;

	if (peer->phase == PHASE_HEAD)
		return after(peer->since_ns, limits->head_ns);
	if (peer->phase == PHASE_LAST)
		return after(peer->since_ns, LINGER_NS);
	if (peer->phase == PHASE_KEEP)
		return after(peer->since_ns, limits->keep_ns);
	total = after(peer->since_ns, limits->total_ns);
	if (peer->request && peer->request->suspended) /* it waits for us */
		return total;
	idle = after(peer->moved_ns, limits->idle_ns);
	return idle < total ? idle : total;
}

static void watch_until(struct http *http, uint64_t at_ns)
{
	if (at_ns != UINT64_MAX && (!http->watch.loop || http->watch.at_ns > at_ns))
		timer_arm(http->loop, &http->watch, at_ns, on_watch);
}

void peer_phase(struct peer *peer, enum phase phase)
{
	peer->phase = phase;
	peer->since_ns = peer->moved_ns = now_boot_ns();
	watch_until(peer->http, deadline(peer));
}

void peer_moved(struct peer *peer)
{
	peer->moved_ns = now_boot_ns();
	watch_until(peer->http, deadline(peer));
}

void peer_shut(struct peer *peer)
{
	struct linger reset = { .l_onoff = 1 };

	if (peer->phase == PHASE_BUSY) /* else a reply that ends with its connection looks whole */
		setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	peer->cut = true;
	peer_ready(peer);
}

/* Much of a reply may be the kernel's, which a slow client reads without our being asked for more. */
static bool reads(struct peer *peer)
{
	int unsent = 0;

	if (ioctl(peer->fd, SIOCOUTQ, &unsent) || unsent == peer->unsent)
		return false;
	peer->unsent = unsent;
	peer->moved_ns = now_boot_ns();
	return true;
}

static int on_watch(struct timer *timer)
{
	struct http *http = container_of(timer, struct http, watch);
	uint64_t now = now_boot_ns(), first = UINT64_MAX, at;

	for (struct peer *peer = http->peers, *next; peer; peer = next) {
		next = peer->next;
		at = deadline(peer);
		if (at <= now && peer->phase == PHASE_BUSY && reads(peer))
			at = deadline(peer);
		if (at > now) {
			first = at < first ? at : first;
			continue;
		}
		peer->since_ns = peer->moved_ns = now; /* not again at once */
		peer_shut(peer);
	}
	watch_until(http, first);
	return 0;
}
