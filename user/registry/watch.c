// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/paths.h"
#include "base/sock.h"
#include "service/listen.h"

#define FILL (64 << 10) /* bytes that are made at once of what waits */

struct watch {
	struct loop *loop;
	struct bus *bus;
	const struct world *world;
	struct sock_place place;
	struct source source;
	struct watcher *watchers;
	unsigned n;
};

struct watcher {
	struct watcher *next, **slot;
	struct watch *watch;
	struct bus_subscriber subscriber;
	struct source source;
	int fd;
	struct json out; /* lines; the first .at bytes are gone */
	size_t at;
};

static void watcher_free(struct watcher *watcher)
{
	bus_leave(&watcher->subscriber);
	source_del(&watcher->source);
	close(watcher->fd);
	json_free(&watcher->out);
	*watcher->slot = watcher->next;
	if (watcher->next)
		watcher->next->slot = watcher->slot;
	watcher->watch->n--;
	free(watcher);
}

/* One value is a line. */
static void end_line(struct json *json)
{
	json->comma = false;
	json_add_raw(json, NULL, "\n", 1);
	json->comma = false;
}

static void fill(struct watcher *watcher)
{
	struct json *out = &watcher->out;
	struct agent_event *event;
	uint64_t lost = bus_lost(&watcher->subscriber);

	json_reset(out);
	watcher->at = 0;
	if (lost) {
		json_open_object(out, NULL);
		json_add_string(out, "event", "watch.lost");
		json_add_uint(out, "count", lost);
		json_close_object(out);
		end_line(out);
	}
	while (out->n < FILL && (event = bus_take(&watcher->subscriber))) {
		agent_event_json(out, NULL, event);
		agent_event_unref(event);
		end_line(out);
	}
}

/* A bounded bite each round; false: it has gone. */
static bool push(struct watcher *watcher)
{
	if (watcher->at == watcher->out.n)
		fill(watcher);
	if (watcher->out.n) {
		const char *text = json_done(&watcher->out);
		ssize_t n = text ? send(watcher->fd, text + watcher->at,
					watcher->out.n - watcher->at, MSG_NOSIGNAL | MSG_DONTWAIT)
				 : -1;

		if (!text || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			watcher_free(watcher);
			return false;
		}
		watcher->at += n > 0 ? (size_t)n : 0;
	}
	/* what is left, or may be; bus_take() says NULL once before ready() comes again */
	source_set(&watcher->source, watcher->out.n ? EPOLLIN | EPOLLOUT : EPOLLIN);
	return true;
}

static void on_ready(struct bus_subscriber *subscriber)
{
	struct watcher *watcher = container_of(subscriber, struct watcher, subscriber);

	if (watcher->at == watcher->out.n)
		push(watcher);
}

static int on_watcher(struct source *source, uint32_t events)
{
	struct watcher *watcher = container_of(source, struct watcher, source);
	char byte;

	/* they have nothing to say: whatever it is, it is their end */
	if (events & (EPOLLHUP | EPOLLERR) ||
	    (events & EPOLLIN &&
	     (recv(watcher->fd, &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)))
		watcher_free(watcher);
	else
		push(watcher);
	return 0;
}

static int watcher_new(struct watch *watch, int fd)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	if (!watcher) {
		close(fd);
		return -ENOMEM;
	}
	watcher->watch = watch;
	watcher->fd = fd;
	watcher->subscriber.ready = on_ready;
	watcher->next = watch->watchers;
	watcher->slot = &watch->watchers;
	if (watcher->next)
		watcher->next->slot = &watcher->next;
	watch->watchers = watcher;
	watch->n++;
	json_open_object(&watcher->out, NULL);
	world_json(&watcher->out, "snapshot", watch->world);
	json_close_object(&watcher->out);
	end_line(&watcher->out);
	if (bus_subscribe(watch->bus, &watcher->subscriber) ||
	    source_add(watch->loop, &watcher->source, fd, EPOLLIN, on_watcher)) {
		watcher_free(watcher);
		return -ENOMEM;
	}
	push(watcher);
	return 0;
}

static int on_connection(struct source *source, uint32_t events)
{
	struct watch *watch = container_of(source, struct watch, source);
	int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ucred who;

	(void)events;
	if (fd < 0)
		return 0;
	if (sock_peer(fd, &who) || (who.uid != geteuid() && who.uid != 0)) {
		log_warn(0, "event=watch_refused");
		close(fd);
	} else if (watch->n == WATCH_MAX) {
		log_warn(0, "event=watch_refused %d watch already", WATCH_MAX);
		close(fd);
	} else if (watcher_new(watch, fd)) {
		log_warn(0, "event=watch_refused no memory");
	}
	return 0;
}

char *watch_path(const char *said)
{
	return said ? strdup(said) : path_below(ROOT_RUNTIME, WATCH_SOCKET);
}

int watch_new(struct loop *loop, struct bus *bus, const struct world *world, struct passed *passed,
	      const char *path, struct watch **ret, struct problem *why)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return problem(why, -ENOMEM, "no memory");
	*watch =
	    (struct watch){ .loop = loop, .bus = bus, .world = world, .place = SOCK_PLACE_NONE };
	r = listen_path(passed, path, &watch->place, why);
	if (!r)
		r = source_add(loop, &watch->source, watch->place.fd, EPOLLIN, on_connection);
	if (r)
		watch_free(watch);
	else
		*ret = watch;
	return r;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	while (watch->watchers)
		watcher_free(watch->watchers);
	source_del(&watch->source);
	sock_place_leave(&watch->place);
	free(watch);
}
