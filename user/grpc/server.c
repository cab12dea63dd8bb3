// SPDX-License-Identifier: Apache-2.0
#include "grpc/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grpc/within.h"

#define ACCEPTS  16               /* in one round of the loop */
#define SHORT_NS (SECOND_NS / 10) /* until it is tried again, without descriptors */
#define REFUSALS 20               /* that are told at once; each comes back after a second */
#define TOLD_NS  (10 * SECOND_NS) /* until it is told how many others there were */

struct grpc_server {
	struct loop *loop;
	struct source source;
	int fd; /* -1: none, or closed */
	struct grpc_tls *tls;
	const struct grpc_server_use *use;
	struct grpc_limits limits;
	struct conn *conns;
	unsigned n_conns;
	struct timer again; /* descriptors may be there again */
	bool full, closing, freed;
	bool is_short; /* and that was said */
	struct meter refusals;
	struct timer untold_timer;
	unsigned long untold;
};

/* --- who is refused ------------------------------------------------------------------- */

static void tell_untold(struct grpc_server *server)
{
	static const struct grpc_peer nobody;
	char text[64];

	snprintf(text, sizeof(text), "so were %lu others", server->untold);
	server->untold = 0;
	server->use->refused(&nobody, text, server->use->user);
}

static int on_untold(struct timer *timer)
{
	tell_untold(container_of(timer, struct grpc_server, untold_timer));
	return 0;
}

/* Strangers are refused for nothing but a connection, and a line of a log costs more. */
static void tell_refused(struct grpc_server *server, const struct grpc_peer *peer, const char *why)
{
	uint64_t now = now_boot_ns();

	if (!server->use->refused)
		return;
	if (meter_take(&server->refusals, SECOND_NS, REFUSALS, now)) {
		server->use->refused(peer, why, server->use->user);
		return;
	}
	server->untold++;
	if (!server->untold_timer.loop && !server->freed)
		timer_arm(server->loop, &server->untold_timer, now + TOLD_NS, on_untold);
}

/* --- calls ---------------------------------------------------------------------------- */

static const struct grpc_method *method_of(const struct grpc_server *server, const char *path)
{
	for (unsigned i = 0; i < server->use->n_methods; i++) {
		if (!strcmp(server->use->methods[i].path, path))
			return &server->use->methods[i];
	}
	return NULL;
}

static void on_asked(struct conn *conn, struct grpc_call *call)
{
	const struct grpc_server *server = conn->owner;
	const struct grpc_method *method = method_of(server, grpc_path(call));

	if (!method) {
		grpc_end(call, GRPC_UNIMPLEMENTED, "no such method");
		return;
	}
	call->start = method->start;
	if (server->use->admit)
		server->use->admit(call, server->use->user);
	else
		grpc_admit(call);
}

void grpc_admit(struct grpc_call *call)
{
	void (*start)(struct grpc_call * call, void *user) = call->start;
	const struct grpc_server *server;

	if (!call->conn || call->ended || !start)
		return;
	server = call->conn->owner;
	call->start = NULL;
	call->events = NULL;
	call->mine = NULL;
	start(call, server->use->user);
}

/* --- connections ---------------------------------------------------------------------- */

static bool is_full(const struct grpc_server *server)
{
	return server->n_conns >= server->limits.connections;
}

static void on_down(struct conn *conn, const char *why)
{
	struct grpc_server *server = conn->owner;
	const struct grpc_server_use *use = server->use;

	*conn->slot = conn->next;
	if (conn->next)
		conn->next->slot = conn->slot;
	server->n_conns--;
	if (server->full && !is_full(server)) {
		server->full = false;
		source_set(&server->source, EPOLLIN);
	}
	if (conn->kept && use->gone)
		use->gone(conn->kept, use->user);
	conn->kept = NULL;
	if (!conn->was_up)
		tell_refused(server, &conn->peer, why);
	if (!server->n_conns && !server->freed && use->empty)
		use->empty(use->user);
}

static const struct conn_use conn_use = { .asked = on_asked, .down = on_down };

/* More of one address than it may have. A unix socket has none. */
static bool is_crowd(const struct grpc_server *server, const struct grpc_peer *peer)
{
	static const uint8_t none[16];
	unsigned n = 0;

	if (!server->limits.per_address || !memcmp(peer->addr, none, sizeof(none)))
		return false;
	for (const struct conn *conn = server->conns; conn; conn = conn->next)
		n += !memcmp(conn->peer.addr, peer->addr, sizeof(none));
	return n >= server->limits.per_address;
}

int grpc_server_add(struct grpc_server *server, int fd)
{
	struct grpc_peer peer = {};
	struct conn *conn;
	int r;

	peer_addr(fd, &peer);
	if (server->closing || is_full(server) || is_crowd(server, &peer)) {
		close(fd);
		if (!server->closing)
			tell_refused(server, &peer, "too many connections");
		return -EUSERS;
	}
	r = conn_new(server->loop, fd, server->tls, true, &server->limits, &conn_use, server,
		     &conn);
	if (r)
		return r;
	conn->next = server->conns;
	conn->slot = &server->conns;
	if (conn->next)
		conn->next->slot = &conn->next;
	server->conns = conn;
	server->n_conns++;
	return 0;
}

/* A client that went already is no error of ours; without descriptors nobody can come in. */
static bool accept_one(struct grpc_server *server)
{
	int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	server->is_short = false;
	grpc_server_add(server, fd);
	return true;
}

static bool is_short(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static int on_again(struct timer *timer)
{
	struct grpc_server *server = container_of(timer, struct grpc_server, again);

	if (!server->full)
		source_set(&server->source, EPOLLIN);
	return 0;
}

/* Whoever has the descriptors, which need not be connections of ours: who waits is always ready. */
static void wait_for_some(struct grpc_server *server)
{
	static const struct grpc_peer nobody;

	source_set(&server->source, 0);
	timer_arm(server->loop, &server->again, now_boot_ns() + SHORT_NS, on_again);
	if (!server->is_short)
		tell_refused(server, &nobody, "no descriptor is left for who comes");
	server->is_short = true;
}

static int on_listener(struct source *source, uint32_t events)
{
	struct grpc_server *server = container_of(source, struct grpc_server, source);
	bool more = true;

	(void)events;
	errno = 0;
	for (int i = 0; i < ACCEPTS && more && !is_full(server); i++)
		more = accept_one(server);
	if (is_full(server)) { /* a connection that ends gives room back */
		server->full = true;
		source_set(source, 0);
	} else if (!more && is_short(errno)) {
		wait_for_some(server);
	}
	return 0;
}

/* --- all of it ------------------------------------------------------------------------ */

static void stop_listening(struct grpc_server *server)
{
	if (server->fd < 0)
		return;
	timer_disarm(&server->again);
	source_del(&server->source);
	close(server->fd);
	server->fd = -1;
}

int grpc_server_new(struct loop *loop, int fd, const struct grpc_tls *tls,
		    const struct grpc_server_use *use, const struct grpc_limits *limits,
		    struct grpc_server **ret)
{
	_cleanup_(grpc_server_freep) struct grpc_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	server->fd = fd;
	server->loop = loop;
	server->use = use;
	server->limits = *limits;
	if (!limits_fit(limits) || tls_is_client(tls) || !use->methods || !use->n_methods)
		return -EINVAL;
	server->tls = tls_ref(tls);
	if (fd >= 0) {
		r = source_add(loop, &server->source, fd, EPOLLIN, on_listener);
		if (r)
			return r;
	}
	*ret = TAKE_PTR(server);
	return 0;
}

void grpc_server_cut(struct grpc_server *server, const char *why)
{
	while (server->conns)
		conn_kill(server->conns, GRPC_UNAVAILABLE, why);
}

void grpc_server_free(struct grpc_server *server)
{
	if (!server || server->freed)
		return;
	server->freed = server->closing = true;
	server->full = false;
	stop_listening(server);
	grpc_server_cut(server, "the server ends");
	timer_disarm(&server->untold_timer);
	if (server->untold)
		tell_untold(server);
	grpc_tls_free(server->tls);
	free(server);
}

void grpc_server_tls(struct grpc_server *server, const struct grpc_tls *tls)
{
	struct grpc_tls *mine = tls_ref(tls);

	grpc_tls_free(server->tls);
	server->tls = mine;
}

void grpc_server_close(struct grpc_server *server)
{
	struct conn *next;

	if (server->closing)
		return;
	server->closing = true;
	server->full = false;
	stop_listening(server);
	for (struct conn *conn = server->conns; conn; conn = next) {
		next = conn->next;
		if (conn->state < CONN_UP)
			conn_kill(conn, GRPC_UNAVAILABLE, "the server ends");
		else
			session_leave(conn, NGHTTP2_NO_ERROR, "");
	}
}

unsigned grpc_server_connections(const struct grpc_server *server)
{
	return server->n_conns;
}
