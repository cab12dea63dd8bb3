// SPDX-License-Identifier: Apache-2.0
/*
 * conn.c - a connection: its socket, TLS, and who is late
 *
 * conn_run() is all that is done for it, in one round of the loop: read some, tell what waits,
 * write what can be written. Nothing is pulled out of nghttp2 before TLS has taken what was, so
 * that a peer that does not read costs one piece, and the queues of its calls.
 *
 * One timer has the soonest of the times at which a connection is late. Those that move only move
 * away, so it may fire for nothing and is set again then. Any byte of the peer is a sign of life.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "grpc/within.h"

#define READS     4               /* pieces, in one round */
#define WRITES    8               /* the same */
#define LINGER_NS (2 * SECOND_NS) /* for what a peer still sends that was told to go */
#define PING_GRID 8               /* times within .ping_ns at which peers are asked */

static int on_late(struct timer *timer);
static void conn_run(struct conn *conn, uint32_t events);

/* --- its life ------------------------------------------------------------------------- */

void conn_enter(struct conn *conn)
{
	conn->busy++;
}

void conn_leave(struct conn *conn)
{
	if (--conn->busy)
		return;
	calls_free(conn);
	if (!conn->dead)
		return;
	nghttp2_session_del(conn->http);
	SSL_free(conn->ssl);
	grpc_tls_free(conn->tls);
	free(conn->out);
	grpc_peer_done(&conn->peer);
	free(conn);
}

static void cut_calls(struct conn *conn, enum grpc_code code, const char *why)
{
	while (conn->calls)
		call_cut(conn->calls, code, why);
}

int conn_kill(struct conn *conn, enum grpc_code code, const char *why)
{
	const struct conn_use *use;
	int r;

	if (conn->dead)
		return 0;
	conn_enter(conn);
	conn->dead = true;
	timer_disarm(&conn->late);
	timer_disarm(&conn->again);
	source_del(&conn->source);
	if (conn->fd >= 0 && close(conn->fd))
		conn->close_ret = -errno;
	conn->fd = -1;
	cut_calls(conn, code, why);
	use = conn->use;
	conn->use = NULL;
	if (use)
		use->down(conn, why);
	r = conn->close_ret;
	conn_leave(conn);
	return r;
}

static void broke(struct conn *conn, const char *why)
{
	conn_kill(conn, GRPC_UNAVAILABLE, why);
}

static int on_again(struct timer *timer)
{
	conn_run(container_of(timer, struct conn, again), 0);
	return 0;
}

void conn_wake(struct conn *conn)
{
	if (!conn->dead && !conn->again.loop)
		timer_arm(conn->loop, &conn->again, 0, on_again);
}

static int on_source(struct source *source, uint32_t events)
{
	conn_run(container_of(source, struct conn, source), events);
	return 0;
}

/* --- who is late ---------------------------------------------------------------------- */

/*
 * When a peer that says nothing is asked. A client asks at the times of a grid, before it must: what a
 * thousand connections have to say is said in few wake-ups. A server asks later: what the client
 * asked is a sign of life, and one question is enough for both.
 */
static uint64_t ask_at(const struct conn *conn)
{
	uint64_t at = conn->heard_ns + conn->limits.ping_ns,
		 grid = conn->limits.ping_ns / PING_GRID;

	if (!grid)
		return at;
	return conn->client ? at - at % grid : at + grid;
}

static uint64_t deadline(const struct conn *conn)
{
	const struct grpc_limits *l = &conn->limits;
	uint64_t at = UINT64_MAX;

	if (conn->state < CONN_UP)
		return conn->since_ns + l->handshake_ns;
	if (conn->state == CONN_LAST)
		return conn->since_ns + LINGER_NS;
	if (conn->pinged_ns)
		at = conn->pinged_ns + l->ack_ns;
	else if (l->ping_ns)
		at = ask_at(conn);
	if (conn->out_n && conn->moved_ns + l->stuck_ns < at)
		at = conn->moved_ns + l->stuck_ns;
	return at;
}

static void watch(struct conn *conn)
{
	uint64_t at = conn->dead ? UINT64_MAX : deadline(conn);

	if (at != UINT64_MAX && (!conn->late.loop || conn->late.at_ns > at))
		timer_arm(conn->loop, &conn->late, at, on_late);
}

static void is_late(struct conn *conn)
{
	static const char *const why[] = {
		[CONN_CONNECTS] = "no connection within the time for it",
		[CONN_SHAKES] = "no TLS handshake within the time for it",
		[CONN_SETTLES] = "no HTTP/2 within the time for it",
	};

	if (conn->state < CONN_UP)
		broke(conn, why[conn->state]);
	else if (conn->state == CONN_LAST)
		broke(conn, *conn->why ? conn->why : "all was said");
	else if (conn->out_n && conn->moved_ns + conn->limits.stuck_ns <= now_boot_ns())
		broke(conn, "the peer does not read");
	else if (conn->pinged_ns)
		broke(conn, "the peer does not answer to a ping");
	else
		conn->pinged_ns = now_boot_ns();
	if (conn->pinged_ns && !conn->dead) {
		nghttp2_submit_ping(conn->http, 0, NULL);
		conn_wake(conn);
	}
}

static int on_late(struct timer *timer)
{
	struct conn *conn = container_of(timer, struct conn, late);

	conn_enter(conn);
	if (deadline(conn) <= now_boot_ns())
		is_late(conn);
	watch(conn);
	conn_leave(conn);
	return 0;
}

/* --- TLS ------------------------------------------------------------------------------ */

/* What SSL_*() returned: true: it waits for the socket, and that is no error. */
static bool tls_waits(struct conn *conn, int ret, int *error)
{
	*error = SSL_get_error(conn->ssl, ret);
	conn->wants_write = *error == SSL_ERROR_WANT_WRITE;
	return *error == SSL_ERROR_WANT_READ || *error == SSL_ERROR_WANT_WRITE;
}

static int tls_error(struct conn *conn, int ret)
{
	char why[sizeof(conn->why)];
	int error;

	if (tls_waits(conn, ret, &error))
		return 0;
	tls_why(conn->ssl, error, why, sizeof(why));
	/* after a GOAWAY the reason is what that said */
	broke(conn, conn->leaving && *conn->why ? conn->why : why);
	ERR_clear_error();
	return -EPIPE;
}

/* After the handshake: new keys, or what a server has for another connection. */
static void on_tls_message(int sent, int version, int type, const void *bytes, size_t n, SSL *ssl,
			   void *user)
{
	struct conn *conn = user;

	(void)version;
	(void)bytes;
	(void)n;
	(void)ssl;
	if (!sent && type == SSL3_RT_HANDSHAKE && conn->http)
		session_key_update(conn);
}

static void begin_tls(struct conn *conn)
{
	const int yes = 1;

	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* or it is no TCP */
	peer_addr(conn->fd, &conn->peer);
	conn->state = CONN_SHAKES;
}

static void connected(struct conn *conn, uint32_t events)
{
	socklen_t size = sizeof(int);
	int error = 0;
	char why[sizeof(conn->why)];

	if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return;
	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		error = errno;
	if (error) {
		snprintf(why, sizeof(why), "cannot connect: %s", strerror(error));
		broke(conn, why);
		return;
	}
	begin_tls(conn);
}

static void shake(struct conn *conn)
{
	const unsigned char *alpn = NULL;
	char why[sizeof(conn->why)] = "no memory";
	unsigned n = 0;
	int ret, error;

	ERR_clear_error();
	errno = 0;
	ret = SSL_do_handshake(conn->ssl);
	if (ret != 1) {
		if (tls_waits(conn, ret, &error))
			return;
		tls_why(conn->ssl, error, why, sizeof(why));
	}
	if (peer_of(conn->ssl, &conn->peer) || ret != 1) { /* who it was is told in any case */
		broke(conn, why);
		ERR_clear_error();
		return;
	}
	conn->wants_write = false;
	SSL_get0_alpn_selected(conn->ssl, &alpn, &n);
	if (n != 2 || memcmp(alpn, "h2", 2)) {
		broke(conn, "TLS: the peer does not speak HTTP/2 (ALPN)");
		return;
	}
	if (session_new(conn)) {
		broke(conn, "no memory");
		return;
	}
	conn->state = CONN_SETTLES;
	conn->heard_ns = now_boot_ns();
}

void conn_up(struct conn *conn)
{
	conn->state = CONN_UP;
	conn->was_up = true;
	conn->heard_ns = now_boot_ns();
	timer_disarm(&conn->late); /* the time for hands to be shaken, which is far sooner */
	if (conn->use && conn->use->up)
		conn->use->up(conn);
}

/* --- bytes ---------------------------------------------------------------------------- */

static void read_some(struct conn *conn)
{
	uint8_t piece[PIECE];

	for (int i = 0; i < READS && !conn->dead && conn->state != CONN_LAST; i++) {
		int n;

		ERR_clear_error();
		errno = 0;
		n = SSL_read(conn->ssl, piece, sizeof(piece));
		if (n <= 0) {
			tls_error(conn, n);
			return;
		}
		conn->heard_ns = now_boot_ns();
		if (conn->pinged_ns) { /* it is not late any more, and nothing is done for that */
			conn->pinged_ns = 0;
			timer_disarm(&conn->late);
		}
		if (session_feed(conn, piece, (size_t)n)) {
			broke(conn, conn->why);
			return;
		}
	}
	if (!conn->dead && SSL_has_pending(conn->ssl)) /* which no socket would tell of */
		conn_wake(conn);
}

/* What of a piece TLS does not take waits; at most one piece does. */
static int put(struct conn *conn, const uint8_t *bytes, size_t n)
{
	size_t at = 0;
	uint8_t *rest;

	while (at < n) {
		int ret;

		ERR_clear_error();
		errno = 0;
		ret = SSL_write(conn->ssl, bytes + at, (int)(n - at));
		if (ret <= 0) {
			ret = tls_error(conn, ret);
			if (ret)
				return ret;
			break;
		}
		at += (size_t)ret;
		conn->moved_ns = now_boot_ns();
	}
	if (at == n) {
		free(conn->out);
		conn->out = NULL;
		conn->out_n = conn->out_at = 0;
		return 0;
	}
	if (conn->out) {
		conn->out_at += at;
		return 0;
	}
	rest = malloc(n - at);
	if (!rest) {
		broke(conn, "no memory");
		return -ENOMEM;
	}
	memcpy(rest, bytes + at, n - at);
	conn->out = rest;
	conn->out_at = 0;
	conn->out_n = n - at;
	conn->moved_ns = now_boot_ns();
	return 0;
}

static void write_some(struct conn *conn)
{
	uint8_t pulled[PULL];

	for (int i = 0; i < WRITES && !conn->dead; i++) {
		ssize_t n;

		if (conn->out_n) {
			if (put(conn, conn->out + conn->out_at, conn->out_n - conn->out_at))
				return;
			if (conn->out_n)
				return;
		}
		n = session_pull(conn, pulled, sizeof(pulled));
		if (n < 0) {
			broke(conn, conn->why);
			return;
		}
		if (!n || put(conn, pulled, (size_t)n))
			return;
	}
	conn_wake(conn);
}

/* A peer that was told to go has to read that, which a reset would take from it. */
static void last_words(struct conn *conn)
{
	char forgotten[4096];
	ssize_t n;

	cut_calls(conn, GRPC_UNAVAILABLE, *conn->why ? conn->why : "the connection ends");
	if (conn->dead || conn->out_n || nghttp2_session_want_write(conn->http))
		return;
	if (!conn->shut) {
		conn->shut = true;
		conn->since_ns = now_boot_ns();
		ERR_clear_error();
		SSL_shutdown(conn->ssl);
		shutdown(conn->fd, SHUT_WR);
	}
	n = recv(conn->fd, forgotten, sizeof(forgotten), MSG_DONTWAIT);
	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		broke(conn, *conn->why ? conn->why : "all was said");
}

static void stir(struct conn *conn)
{
	struct grpc_call *next;

	conn->stirred = false;
	for (struct grpc_call *call = conn->calls; call && !conn->dead; call = next) {
		next = call->next;
		call_stir(call);
		if (next && !next->conn) /* it went by what that one told: begin again */
			next = conn->calls;
	}
}

static void conn_run(struct conn *conn, uint32_t events)
{
	uint32_t wants = EPOLLIN;

	conn_enter(conn);
	timer_disarm(&conn->again);
	if (conn->fd < 0) { /* bytes are somebody else's */
		stir(conn);
		conn_leave(conn);
		return;
	}
	if (conn->state == CONN_CONNECTS)
		connected(conn, events);
	if (!conn->dead && conn->state == CONN_SHAKES)
		shake(conn);
	if (!conn->dead && conn->state >= CONN_SETTLES) {
		/* that we were woken by ourselves says nothing of the socket */
		if (conn->state != CONN_LAST && (events || SSL_has_pending(conn->ssl)))
			read_some(conn);
		for (int i = 0; i < READS && !conn->dead && conn->stirred; i++)
			stir(conn);
		if (!conn->dead)
			write_some(conn);
		if (!conn->dead && conn->stirred)
			conn_wake(conn);
		if (!conn->dead && conn->state != CONN_LAST && session_done(conn) && !conn->out_n)
			conn->state = CONN_LAST;
		if (!conn->dead && conn->state == CONN_LAST)
			last_words(conn);
	}
	if (!conn->dead) {
		if (conn->state == CONN_CONNECTS || conn->wants_write || conn->out_n)
			wants |= EPOLLOUT;
		source_set(&conn->source, wants);
		watch(conn);
	}
	conn_leave(conn);
}

/* --- new ones ------------------------------------------------------------------------- */

int conn_bare(struct loop *loop, bool client, const struct grpc_limits *limits,
	      const struct conn_use *use, void *owner, struct conn **ret)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return -ENOMEM;
	conn->loop = loop;
	conn->client = client;
	conn->limits = *limits;
	conn->use = use;
	conn->owner = owner;
	conn->fd = -1;
	conn->state = CONN_SETTLES;
	conn->since_ns = now_boot_ns();
	*ret = conn;
	return 0;
}

int conn_new(struct loop *loop, int fd, const struct grpc_tls *tls, bool is_connected,
	     const struct grpc_limits *limits, const struct conn_use *use, void *owner,
	     struct conn **ret)
{
	struct conn *conn = NULL;
	int r = conn_bare(loop, tls_is_client(tls), limits, NULL, owner, &conn);

	if (r) {
		close(fd);
		return r;
	}
	conn->fd = fd;
	conn->state = CONN_CONNECTS;
	conn->tls = tls_ref(tls);
	conn->ssl = tls_open(conn->tls, fd);
	if (conn->ssl) {
		SSL_set_msg_callback(conn->ssl, on_tls_message);
		SSL_set_msg_callback_arg(conn->ssl, conn);
	}
	if (is_connected)
		begin_tls(conn);
	r = conn->ssl ? source_add(loop, &conn->source, fd, EPOLLIN | (is_connected ? 0 : EPOLLOUT),
				   on_source)
		      : -ENOMEM;
	if (r) {
		conn_kill(conn, GRPC_UNAVAILABLE, "");
		return r;
	}
	conn->use = use;
	if (is_connected)
		conn_wake(conn);
	watch(conn);
	*ret = conn;
	return 0;
}

bool limits_fit(const struct grpc_limits *l)
{
	return l->connections && l->streams && l->headers && l->headers <= INT32_MAX && l->window &&
	       l->window <= INT32_MAX && l->message <= INT32_MAX && l->handshake_ns &&
	       l->stuck_ns && l->ack_ns && l->client_ping_ns;
}
