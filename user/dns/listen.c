// SPDX-License-Identifier: Apache-2.0
/* listen.c - sockets in containers' namespaces: datagrams, connections, replies */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "dns/resolver.h"
#include "dns/why.h"

#define BITE       16     /* datagrams a round: other guards get their turn between */
#define OUT_MAX    131072 /* bytes that a connection has not taken: no more is read from it */
#define CONN_NS    (10 * UINT64_C(1000000000)) /* for one whole query, and of silence */
#define QUERY_SIZE 4096 /* of a datagram: more is cut off, and malformed then */

/* One connection. Queries are answered as their answers come, in any order (RFC 7766 6.2.1.1). */
struct conn {
	struct conn *next;
	struct served *served;
	struct listener *listener;
	uint64_t number;
	int fd;
	struct source source;
	struct timer idle;
	size_t n_in, n_out;
	bool full; /* it takes nothing: nothing is read */
	bool http; /* it says no DNS messages; of its one request .in has the bytes */
	bool
	    last; /* the reply was written: what it says still is nothing to us, till it hangs up */
	uint16_t port;   /* of its other end */
	struct why *why; /* the request waits for the core; NULL: not */
	uint8_t in[2 + RESOLVER_MESSAGE];
	uint8_t *out; /* n_out bytes that wait */
};

static void conn_close(struct conn *conn)
{
	struct conn **slot = &conn->served->conns;

	while (*slot != conn)
		slot = &(*slot)->next;
	*slot = conn->next;
	conn->served->n_conns--;
	source_del(&conn->source);
	timer_disarm(&conn->idle);
	close(conn->fd);
	why_free(conn->why);
	free(conn->out);
	free(conn);
}

static int conn_idle(struct timer *timer)
{
	conn_close(container_of(timer, struct conn, idle));
	return 0;
}

static int conn_ready(struct source *source, uint32_t events);

static void conn_again(struct conn *conn)
{
	timer_arm(conn->served->resolver->loop, &conn->idle, now_boot_ns() + CONN_NS, conn_idle);
}

static void conn_interest(struct conn *conn)
{
	conn->full = conn->n_out > OUT_MAX / 2 || conn->why;
	source_set(&conn->source, (conn->full ? 0 : EPOLLIN) | (conn->n_out ? EPOLLOUT : 0));
}

/* What the socket does not take now is kept; false: it is closed, or keeps us too long. */
static bool conn_write(struct conn *conn, const uint8_t *bytes, size_t size)
{
	ssize_t n = conn->n_out ? 0 : send(conn->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	uint8_t *out;

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	n = n < 0 ? 0 : n;
	if ((size_t)n == size)
		return true;
	if (conn->n_out + size - n > OUT_MAX)
		return false;
	out = realloc(conn->out, conn->n_out + size - n);
	if (!out)
		return false;
	memcpy(out + conn->n_out, bytes + n, size - n);
	conn->out = out;
	conn->n_out += size - n;
	conn_interest(conn);
	return true;
}

/* The other end reads to the end of it, and hangs up; who does not is hung up on. */
static void conn_end(struct conn *conn)
{
	if (conn->last && !conn->n_out)
		shutdown(conn->fd, SHUT_WR);
}

/* The one reply of HTTP. False: there is nobody to read it. */
static bool conn_reply(struct conn *conn, struct json *reply)
{
	why_free(conn->why);
	conn->why = NULL;
	conn->last = true;
	conn->n_in = 0;
	conn_interest(conn);
	if (!json_done(reply) || !conn_write(conn, (const uint8_t *)reply->text, reply->n))
		return false;
	conn_end(conn);
	return true;
}

static struct conn *conn_find(struct served *served, uint64_t number)
{
	for (struct conn *conn = served->conns; conn; conn = conn->next)
		if (conn->number == number)
			return conn;
	return NULL;
}

void listen_reply(struct served *served, const struct client *client, const uint8_t *bytes,
		  size_t size)
{
	const uint8_t head[2] = { size >> 8, size };
	struct conn *conn;

	if (!client->conn) {
		/* a full socket is the container's own: it asks again */
		if (client->listener->fd >= 0)
			sendto(client->listener->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL,
			       (const struct sockaddr *)&client->addr, client->addr_size);
		return;
	}
	conn = conn_find(served, client->conn);
	if (conn && (!conn_write(conn, head, sizeof(head)) || !conn_write(conn, bytes, size)))
		shutdown(conn->fd, SHUT_RDWR); /* closed by its own event, never under a caller */
}

void listen_because(struct resolver *resolver, const struct msg_packet *packet)
{
	bool ends = packet->type == MSG_BECAUSES;
	struct served *served =
	    served_find(resolver, ends ? packet->BECAUSES.guard : packet->BECAUSE.guard);
	struct conn *conn =
	    served ? conn_find(served, ends ? packet->BECAUSES.token : packet->BECAUSE.token)
		   : NULL;
	_cleanup_json_ struct json reply = {};

	if (!conn || !conn->why)
		return;
	if (!ends) {
		why_add(conn->why, &packet->BECAUSE);
		return;
	}
	why_end(conn->why, &packet->BECAUSES, &reply);
	if (!conn_reply(conn, &reply))
		conn_close(conn);
}

static bool conn_take_http(struct conn *conn)
{
	_cleanup_json_ struct json reply = {};
	int r;

	conn->http = true;
	if (conn->last) {
		conn->n_in = 0;
		return true;
	}
	r = why_ask(conn->served, conn->number, conn->port, conn->listener->v6, conn->in,
		    conn->n_in, &conn->why, &reply);
	if (r == 1)
		conn_interest(conn);
	return r == 2 ? conn_reply(conn, &reply) : true;
}

/* Every whole message in the buffer. False: it says what nobody says. */
static bool conn_take(struct conn *conn)
{
	struct client client = { .listener = conn->listener, .conn = conn->number };
	size_t at = 0;

	if (conn->http || why_request_begins(conn->in, conn->n_in))
		return conn_take_http(conn);
	client.addr.sin6_family = conn->listener->v6 ? AF_INET6 : AF_INET;
	while (conn->n_in - at >= 2) {
		size_t size = conn->in[at] << 8 | conn->in[at + 1];

		if (size > RESOLVER_MESSAGE)
			return false;
		if (conn->n_in - at - 2 < size)
			break;
		if (answer_query(conn->served, &client, conn->in + at + 2, size))
			return false;
		at += 2 + size;
		conn_again(conn);
	}
	memmove(conn->in, conn->in + at, conn->n_in - at);
	conn->n_in -= at;
	return true;
}

static bool conn_read(struct conn *conn)
{
	ssize_t n =
	    recv(conn->fd, conn->in + conn->n_in, sizeof(conn->in) - conn->n_in, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return false;
	conn->n_in += n;
	return conn_take(conn);
}

static bool conn_flush(struct conn *conn)
{
	ssize_t n = send(conn->fd, conn->out, conn->n_out, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	memmove(conn->out, conn->out + n, conn->n_out - n);
	conn->n_out -= n;
	conn_interest(conn);
	conn_end(conn);
	return true;
}

static int conn_ready(struct source *source, uint32_t events)
{
	struct conn *conn = container_of(source, struct conn, source);

	if ((events & EPOLLOUT && conn->n_out && !conn_flush(conn)) ||
	    (events & EPOLLIN && !conn_read(conn)) ||
	    (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN)))
		conn_close(conn);
	return 0;
}

static void conn_open(struct listener *listener, int fd, uint16_t port)
{
	struct served *served = listener->served;
	struct conn *conn = served->n_conns < RESOLVER_CONNS ? calloc(1, sizeof(*conn)) : NULL;

	if (!conn) {
		close(fd);
		return;
	}
	conn->served = served;
	conn->listener = listener;
	conn->fd = fd;
	conn->port = port;
	conn->number = ++served->resolver->last_conn;
	if (source_add(served->resolver->loop, &conn->source, fd, EPOLLIN, conn_ready)) {
		close(fd);
		free(conn);
		return;
	}
	conn->next = served->conns;
	served->conns = conn;
	served->n_conns++;
	conn_again(conn);
}

/*
 * A socket that was destroyed from inside (ss -K) would be ready for ever. The core makes new
 * ones, at most once a second.
 */
static void listener_lost(struct listener *listener)
{
	struct served *served = listener->served;
	struct msg_packet packet = { .type = MSG_DEAF };

	packet.DEAF.guard = served->id;
	listen_stop(served);
	served->resolver->say(&packet, served->resolver->user);
}

static int listener_accept(struct listener *listener)
{
	struct sockaddr_in6 from = {}; /* the port is at the same place in both families */
	socklen_t size = sizeof(from);
	int fd =
	    accept4(listener->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		conn_open(listener, fd, ntohs(from.sin6_port));
	else if (errno == EINVAL) /* it listens no more */
		listener_lost(listener);
	return 0;
}

static int listener_ready(struct source *source, uint32_t events)
{
	struct listener *listener = container_of(source, struct listener, source);
	static uint8_t bytes[QUERY_SIZE];
	struct client client = { .listener = listener };

	if (events & (EPOLLERR | EPOLLHUP)) {
		listener_lost(listener);
		return 0;
	}
	if (listener->tcp)
		return listener_accept(listener);
	for (int i = 0; i < BITE && listener->fd >= 0; i++) {
		ssize_t n;

		client.addr_size = sizeof(client.addr);
		n = recvfrom(listener->fd, bytes, sizeof(bytes), MSG_DONTWAIT,
			     (struct sockaddr *)&client.addr, &client.addr_size);
		if (n < 0)
			break;
		answer_query(listener->served, &client, bytes, n);
	}
	return 0;
}

void listen_start(struct served *served, const int fd[static MSG_SOCKETS])
{
	listen_stop(served);
	for (unsigned i = 0; i < MSG_SOCKETS; i++) {
		struct listener *listener = &served->listener[i];
		int r;

		listener->served = served;
		listener->fd = fd[i];
		listener->tcp = i % 2;
		listener->v6 = i >= 2;
		if (fd[i] < 0)
			continue;
		r = source_add(served->resolver->loop, &listener->source, fd[i], EPOLLIN,
			       listener_ready);
		if (r)
			log_warn(r, "guard %u: a socket is not listened to", served->id);
	}
}

void listen_stop(struct served *served)
{
	while (served->conns)
		conn_close(served->conns);
	for (unsigned i = 0; i < MSG_SOCKETS; i++) {
		struct listener *listener = &served->listener[i];

		if (!listener->served) /* never started */
			continue;
		source_del(&listener->source);
		if (listener->fd >= 0)
			close(listener->fd);
		listener->fd = -1;
	}
}
