// SPDX-License-Identifier: Apache-2.0
/*
 * http.c - listeners, connections, whose turn it is
 *
 * A limit means that we stop to accept, and nobody is refused. Who was woken runs after what the
 * loop has found, in the same round. After a burst of requests the memory that they had goes back
 * to the system, once.
 */
#include "http/http.h"

#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/within.h"

#define ACCEPTS 16        /* in one round of the loop */
#define MANY    64        /* requests at once: of fewer there is little to give back */
#define CALM_NS SECOND_NS /* giving back 20 MiB takes 2 ms: not between two bursts */

/* --- whose turn it is ----------------------------------------------------------------- */

static void unready(struct peer *peer)
{
	struct http *http = peer->http;
	struct peer **at = &http->first_ready;

	if (!peer->ready)
		return;
	while (*at != peer)
		at = &(*at)->next_ready;
	*at = peer->next_ready;
	if (!*at)
		http->last_ready = at;
	peer->ready = false;
}

void http_turn(struct http *http)
{
	unsigned n = 0;

	if (http->running)
		return;
	http->running = true;
	for (struct peer *peer = http->first_ready; peer; peer = peer->next_ready)
		n++; /* who becomes ready meanwhile is next */
	while (n-- && http->first_ready) {
		struct peer *peer = http->first_ready;

		unready(peer);
		peer_run(peer);
	}
	http->running = false;
}

static int on_again(struct timer *timer)
{
	struct http *http = container_of(timer, struct http, again);

	http_turn(http);
	if (http->first_ready)
		timer_arm(http->loop, timer, 0, on_again);
	return 0;
}

void peer_ready(struct peer *peer)
{
	struct http *http = peer->http;

	if (peer->ready)
		return;
	peer->ready = true;
	peer->next_ready = NULL;
	*http->last_ready = peer;
	http->last_ready = &peer->next_ready;
	if (!http->again.loop)
		timer_arm(http->loop, &http->again, 0, on_again);
}

/* --- memory of many requests ----------------------------------------------------------- */

static bool calm(const struct http *http)
{
	return http->most >= MANY && http->n_requests <= http->most / 4;
}

static int on_calm(struct timer *timer)
{
	struct http *http = container_of(timer, struct http, calm);

	if (!calm(http))
		return 0; /* the next one that is over sees to it */
	malloc_trim(0); /* all of them was freed, and the C library keeps it between what is left */
	http->most = http->n_requests;
	return 0;
}

void request_counted(struct http *http, bool more)
{
	http->n_requests += more ? 1 : -1U;
	if (http->n_requests > http->most)
		http->most = http->n_requests;
	if (!more && !http->calm.loop && calm(http))
		timer_arm(http->loop, &http->calm, now_boot_ns() + CALM_NS, on_calm);
}

/* --- connections ---------------------------------------------------------------------- */

static int on_peer(struct source *source, uint32_t events)
{
	struct peer *peer = container_of(source, struct peer, source);
	struct http *http = peer->http;
	bool before = http->running;

	if (events & (EPOLLHUP | EPOLLERR))
		peer->cut = true;
	if (events & EPOLLRDHUP)
		peer->half = true;
	if (events & (EPOLLIN | EPOLLRDHUP))
		peer->readable = true;
	http->running = true;
	peer_run(peer);
	http->running = before;
	return 0;
}

void peer_free(struct peer *peer)
{
	struct http *http = peer->http;

	if (peer->request)
		request_over(peer->request, false);
	unready(peer);
	source_del(&peer->source);
	close(peer->fd);
	kept_free(&peer->in);
	kept_free(&peer->out);
	*peer->slot = peer->next;
	if (peer->next)
		peer->next->slot = peer->slot;
	http->n_peers--;
	free(peer);
	listeners_check(http);
	if (!http->n_peers && !http->closing && http->use->empty)
		http->use->empty(http->user);
}

int http_add(struct http *http, int fd, void *owner)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	const int yes = 1;
	int r = peer ? 0 : -ENOMEM;

	if (!r)
		r = source_add(http->loop, &peer->source, fd, EPOLLIN | EPOLLRDHUP, on_peer);
	if (r) {
		close(fd);
		free(peer);
		return r;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* or it is no TCP */
	peer->http = http;
	peer->owner = owner;
	peer->fd = fd;
	peer->next = http->peers;
	peer->slot = &http->peers;
	if (peer->next)
		peer->next->slot = &peer->next;
	http->peers = peer;
	http->n_peers++;
	peer_phase(peer, PHASE_HEAD);
	return 0;
}

unsigned http_connections(const struct http *http)
{
	return http->n_peers;
}

/* --- listeners ------------------------------------------------------------------------ */

static bool is_full(const struct http *http, const void *owner)
{
	unsigned n = 0;

	if (http->n_peers >= http->limits.connections)
		return true;
	if (!owner || !http->limits.per_owner)
		return false;
	for (const struct peer *peer = http->peers; peer; peer = peer->next)
		n += peer->owner == owner;
	return n >= http->limits.per_owner;
}

void listeners_check(struct http *http)
{
	for (struct listener *l = http->listeners; l && !http->closing; l = l->next) {
		if (!l->full || is_full(http, l->owner))
			continue;
		l->full = false;
		source_set(&l->source, EPOLLIN);
	}
}

/* A client that went already is no error of ours; without descriptors nobody can come in. */
static bool accept_one(struct listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	http_add(l->http, fd, l->owner);
	return true;
}

static int on_listener(struct source *source, uint32_t events)
{
	struct listener *l = container_of(source, struct listener, source);
	bool short_of =
	    false; /* of descriptors or memory: a connection that ends gives some back */
	int i = 0;

	(void)events;
	while (i++ < ACCEPTS && !is_full(l->http, l->owner) && accept_one(l))
		;
	if (i <= ACCEPTS)
		short_of = l->http->n_peers && (errno == EMFILE || errno == ENFILE ||
						errno == ENOMEM || errno == ENOBUFS);
	if (short_of || is_full(l->http, l->owner)) {
		l->full = true;
		source_set(source, 0);
	}
	return 0;
}

int http_listen(struct http *http, int fd, void *owner)
{
	struct listener *l = calloc(1, sizeof(*l));
	int r;

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	*l = (struct listener){ .http = http, .owner = owner, .fd = fd };
	r = source_add(http->loop, &l->source, fd, EPOLLIN, on_listener);
	if (r) {
		close(fd);
		free(l);
		return r;
	}
	l->next = http->listeners;
	http->listeners = l;
	return 0;
}

static void listener_close(struct listener *l)
{
	source_del(&l->source);
	close(l->fd);
	free(l);
}

void http_close(struct http *http)
{
	for (struct listener *l; (l = http->listeners);) {
		http->listeners = l->next;
		listener_close(l);
	}
}

void http_unlisten(struct http *http, void *owner)
{
	for (struct listener **at = &http->listeners, *l; (l = *at);) {
		if (l->owner != owner) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		listener_close(l);
	}
	for (struct peer *peer = http->peers, *next; peer; peer = next) {
		next = peer->next;
		if (peer->owner == owner)
			peer_shut(peer);
	}
}

/* --- all of it ------------------------------------------------------------------------ */

int http_new(struct loop *loop, const struct http_limits *limits, const struct http_use *use,
	     void *user, struct http **ret)
{
	struct http *http;

	if (!limits->connections || !limits->head || limits->head > HTTP_HEAD_MAX)
		return -EINVAL;
	http = malloc(sizeof(*http));
	if (!http)
		return -ENOMEM;
	memset(http, 0, offsetof(struct http, in));
	http->loop = loop;
	http->limits = *limits;
	http->use = use;
	http->user = user;
	http->last_ready = &http->first_ready;
	*ret = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	http->closing = true;
	http_close(http);
	while (http->peers)
		peer_free(http->peers);
	timer_disarm(&http->again);
	timer_disarm(&http->watch);
	timer_disarm(&http->calm);
	free(http);
}
