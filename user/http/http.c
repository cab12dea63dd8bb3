// SPDX-License-Identifier: Apache-2.0
/*
 * http.c - the library on our loop: listeners, connections, when it runs
 *
 * The library's epoll descriptor is a source of our loop, and its next deadline a timer. It takes
 * connections that we accepted: so there are as many listeners as anybody wants, and a limit means
 * that we stop to accept, and nobody is refused.
 */
#include "http/http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/within.h"

/*
 * Of one connection: its head, then the body as it comes, then the reply as it goes. Pages that
 * were never used cost nothing, so an idle connection has few of them.
 */
#define POOL      (128 << 10)
#define POOL_STEP (16 << 10) /* what is read grows by so much */
#define ACCEPTS   16         /* in one round of the loop */

/* --- the library ---------------------------------------------------------------------- */

static int on_again(struct timer *timer);
static void listeners_check(struct http *http);

/* What it did not take it has closed. */
static void untaken_forget(struct http *http)
{
	for (struct peer *peer = http->peers, *next; peer; peer = next) {
		next = peer->next;
		if (peer->connection)
			continue;
		*peer->slot = next;
		if (next)
			next->slot = peer->slot;
		http->n_peers--;
		free(peer);
	}
}

static void run(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG ms;

	http->running = true;
	http->woken = false;
	MHD_run(http->daemon);
	http->running = false;
	if (http->woken)
		timer_arm(http->loop, &http->again, 0, on_again);
	else if (MHD_get_timeout(http->daemon, &ms) == MHD_YES)
		timer_arm(http->loop, &http->again, now_boot_ns() + ms * 1000000, on_again);
	else
		timer_disarm(&http->again);
}

static int on_again(struct timer *timer)
{
	run(container_of(timer, struct http, again));
	return 0;
}

static int on_ready(struct source *source, uint32_t events)
{
	(void)events;
	run(container_of(source, struct http, source));
	return 0;
}

/* Nothing wakes the library by itself: it runs where we call it. */
static void run_soon(struct http *http)
{
	http->woken = true;
	if (!http->running && (!http->again.loop || http->again.at_ns))
		timer_arm(http->loop, &http->again, 0, on_again);
}

void http_resume(struct http_request *request)
{
	if (!request->suspended)
		return;
	request->suspended = false;
	MHD_resume_connection(request->connection);
	run_soon(request->http);
	peer_moved(request->peer);
}

static int on_gone(struct source *source, uint32_t events)
{
	struct peer *peer = container_of(source, struct peer, gone);

	(void)events;
	source_del(source);
	peer->half = true;
	if (peer->request && peer->request->suspended)
		http_abort(peer->request);
	return 0;
}

void http_suspend(struct http_request *request)
{
	struct peer *peer = request->peer;

	request->suspended = true;
	MHD_suspend_connection(request->connection);
	peer_moved(peer);
	if (peer->half)
		http_abort(request);
	else if (!peer->gone.loop)
		source_add(peer->http->loop, &peer->gone, peer->fd, EPOLLRDHUP, on_gone);
}

static void on_log(void *cls, const char *format, va_list args)
{
	char text[256];

	(void)cls;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug(0, "%s", text);
}

/* --- connections ---------------------------------------------------------------------- */

struct peer *peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *is =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return is ? is->socket_context : NULL;
}

static struct peer *untaken_find(struct http *http, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *is =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	for (struct peer *peer = http->peers; is && peer; peer = peer->next)
		if (!peer->connection && peer->fd == is->connect_fd)
			return peer;
	return NULL;
}

static void peer_over(struct peer *peer)
{
	struct http *http = peer->http;

	source_del(&peer->gone);
	*peer->slot = peer->next;
	if (peer->next)
		peer->next->slot = peer->slot;
	http->n_peers--;
	free(peer);
	listeners_check(http);
	if (!http->n_peers && !http->closing && http->use->empty)
		http->use->empty(http->user);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http *http = cls;
	struct peer *peer = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		peer = untaken_find(http, connection);
		if (peer)
			peer->connection = connection;
		*context = peer;
	} else if (peer) {
		*context = NULL;
		peer_over(peer);
	}
}

static int add(struct http *http, int fd, void *owner, const struct sockaddr *from, socklen_t size)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer) {
		close(fd);
		return -ENOMEM;
	}
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
	if (MHD_add_connection(http->daemon, fd, from, size) != MHD_YES) {
		untaken_forget(http);
		return -ECONNABORTED;
	}
	run_soon(http);
	return 0;
}

int http_add(struct http *http, int fd, void *owner)
{
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	socklen_t size = sizeof(from);

	if (getpeername(fd, (struct sockaddr *)&from, &size)) {
		close(fd);
		return -errno;
	}
	return add(http, fd, owner, (struct sockaddr *)&from, size);
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

static void listeners_check(struct http *http)
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
	struct sockaddr_storage from = {};
	socklen_t size = sizeof(from);
	int fd = accept4(l->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	add(l->http, fd, l->owner, (struct sockaddr *)&from, size);
	return true;
}

static int on_listener(struct source *source, uint32_t events)
{
	struct listener *l = container_of(source, struct listener, source);
	int i = 0;

	(void)events;
	while (i++ < ACCEPTS && !is_full(l->http, l->owner) && accept_one(l))
		;
	if (is_full(l->http, l->owner)) {
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

/* As received: what asks decodes, or does not. */
static size_t unescape_not(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls, (void)connection;
	return strlen(text);
}

static int start(struct http *http)
{
	const unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			       MHD_USE_NO_LISTEN_SOCKET;
	const union MHD_DaemonInfo *is;

	/* ours is the limit that is felt: those that are closing are still the library's */
	http->daemon = MHD_start_daemon(
	    flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, http->limits.connections + ACCEPTS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL,
	    MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)POOL_STEP, MHD_OPTION_STRICT_FOR_CLIENT,
	    1, MHD_OPTION_UNESCAPE_CALLBACK, unescape_not, NULL, MHD_OPTION_URI_LOG_CALLBACK,
	    on_target, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
	if (!http->daemon)
		return -EIO;
	is = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!is)
		return -EIO;
	return source_add(http->loop, &http->source, is->epoll_fd, EPOLLIN, on_ready);
}

int http_new(struct loop *loop, const struct http_limits *limits, const struct http_use *use,
	     void *user, struct http **ret)
{
	struct http *http;
	int r;

	if (!limits->connections || !limits->head || limits->head > HTTP_HEAD_MAX)
		return -EINVAL;
	http = calloc(1, sizeof(*http));
	if (!http)
		return -ENOMEM;
	http->loop = loop;
	http->limits = *limits;
	http->use = use;
	http->user = user;
	r = start(http);
	if (r) {
		http_free(http);
		return r;
	}
	*ret = http;
	return 0;
}

/* The library ends with nobody suspended only. */
void http_free(struct http *http)
{
	if (!http)
		return;
	http->closing = true;
	http_close(http);
	for (struct peer *peer = http->peers; peer; peer = peer->next)
		peer_shut(peer);
	source_del(&http->source); /* before its descriptor is closed */
	if (http->daemon) {
		MHD_run(http->daemon);
		MHD_stop_daemon(http->daemon);
	}
	untaken_forget(http);
	timer_disarm(&http->again);
	timer_disarm(&http->watch);
	free(http);
}
