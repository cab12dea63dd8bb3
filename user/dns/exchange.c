// SPDX-License-Identifier: Apache-2.0
#include "dns/exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#define HEAD          2    /* the length before a message on a stream */
#define HEADER        12   /* no message is shorter */
#define DATAGRAM_SIZE 4096 /* more than we offer to take: some servers do not ask */

void exchange_init(struct exchange *exchange)
{
	*exchange = (struct exchange){ .fd = -1 };
}

void exchange_stop(struct exchange *exchange)
{
	source_del(&exchange->source);
	closep(&exchange->fd);
	freep(&exchange->in);
}

static socklen_t server_address(const struct upstream_server *server, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){};
	if (addr_is_v4(server->addr)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(server->port);
		memcpy(&v4->sin_addr, server->addr + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(server->port);
	memcpy(&v6->sin6_addr, server->addr, 16);
	return sizeof(*v6);
}

static int is_not_yet(int err)
{
	return err == EAGAIN || err == EINTR;
}

static int datagram_event(struct source *source, uint32_t events)
{
	struct exchange *exchange = container_of(source, struct exchange, source);
	uint8_t msg[DATAGRAM_SIZE];
	ssize_t n = recv(exchange->fd, msg, sizeof(msg), 0);

	(void)events;
	if (n >= 0)
		exchange->fn(exchange, msg, n, 0);
	else if (!is_not_yet(errno))
		exchange->fn(exchange, NULL, 0, -errno); /* by ICMP */
	return 0;
}

/* Bytes taken, 0: none yet; the end is an error, because it comes too early. */
static ssize_t stream_take(const struct exchange *exchange, void *to, size_t room)
{
	ssize_t n = recv(exchange->fd, to, room, 0);

	if (n > 0)
		return n;
	if (!n)
		return -ECONNRESET;
	return is_not_yet(errno) ? 0 : -errno;
}

static int stream_read_head(struct exchange *exchange)
{
	ssize_t n =
	    stream_take(exchange, exchange->head + exchange->in_done, HEAD - exchange->in_done);

	if (n < 0)
		return n;
	exchange->in_done += n;
	if (exchange->in_done < HEAD)
		return 0;
	exchange->in_size = HEAD + (exchange->head[0] << 8 | exchange->head[1]);
	if (exchange->in_size < HEAD + HEADER)
		return -EBADMSG;
	/* DNS_TCP_SIZE at most, and pages that nothing was written to are not there */
	exchange->in = malloc(exchange->in_size - HEAD);
	return exchange->in ? 0 : -ENOMEM;
}

static int stream_read(struct exchange *exchange)
{
	ssize_t n;

	if (exchange->in_done < HEAD)
		return stream_read_head(exchange);
	n = stream_take(exchange, exchange->in + exchange->in_done - HEAD,
			exchange->in_size - exchange->in_done);
	if (n < 0)
		return n;
	exchange->in_done += n;
	return 0;
}

/* The first to be sent finds out how the connect went. */
static int stream_write(struct exchange *exchange)
{
	ssize_t n = send(exchange->fd, exchange->out + exchange->out_done,
			 exchange->out_size - exchange->out_done, MSG_NOSIGNAL);

	if (n < 0)
		return is_not_yet(errno) ? 0 : -errno;
	exchange->out_done += n;
	if (exchange->out_done < exchange->out_size)
		return 0;
	return source_set(&exchange->source, EPOLLIN);
}

static int stream_event(struct source *source, uint32_t events)
{
	struct exchange *exchange = container_of(source, struct exchange, source);
	int r = exchange->out_done < exchange->out_size ? stream_write(exchange)
							: stream_read(exchange);

	(void)events;
	if (r)
		exchange->fn(exchange, NULL, 0, r);
	else if (exchange->in && exchange->in_done == exchange->in_size)
		exchange->fn(exchange, exchange->in, exchange->in_size - HEAD, 0);
	return 0;
}

static int datagram_start(struct exchange *exchange, const uint8_t *query, size_t size)
{
	return send(exchange->fd, query, size, 0) < 0 ? -errno : 0;
}

static void stream_prepare(struct exchange *exchange, const uint8_t *query, size_t size)
{
	exchange->out[0] = size >> 8;
	exchange->out[1] = size;
	memcpy(exchange->out + HEAD, query, size);
	exchange->out_size = HEAD + size;
	exchange->out_done = 0;
	exchange->in_size = exchange->in_done = 0;
}

int exchange_start(struct exchange *exchange, struct loop *loop,
		   const struct upstream_server *server, bool tcp, const uint8_t *query,
		   size_t size, exchange_fn fn)
{
	struct sockaddr_storage addr;
	socklen_t addr_size = server_address(server, &addr);
	int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, r = 0;

	exchange_stop(exchange);
	exchange->fn = fn;
	exchange->fd = socket(addr.ss_family, type, 0);
	if (exchange->fd < 0)
		return -errno;
	/* The kernel picks a free port at random; connected, the socket takes this server's only. */
	if (connect(exchange->fd, (struct sockaddr *)&addr, addr_size) && errno != EINPROGRESS)
		r = -errno;
	else if (tcp)
		stream_prepare(exchange, query, size);
	else
		r = datagram_start(exchange, query, size);
	if (!r)
		r = source_add(loop, &exchange->source, exchange->fd, tcp ? EPOLLOUT : EPOLLIN,
			       tcp ? stream_event : datagram_event);
	if (r)
		exchange_stop(exchange);
	return r;
}
