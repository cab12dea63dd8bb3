// SPDX-License-Identifier: Apache-2.0
#include "name_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define HEADER 12
#define MS     UINT64_C(1000000)

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

/* Where the question of a message ends. */
static size_t question_end(const uint8_t *msg)
{
	size_t at = HEADER;

	while (msg[at])
		at += msg[at] + 1;
	return at + 5;
}

/* The answer to @query: its question, and one address of the fake's if it was for one. */
static size_t reply(const struct fake *server, const uint8_t *query, enum conduct conduct,
		    uint8_t *out)
{
	static const uint8_t record[] = { 0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0 };
	size_t size = question_end(query);
	bool plain = conduct < RCODE && conduct != TRUNCATE;

	memcpy(out, query, size);
	out[2] = 0x81 | (conduct == TRUNCATE ? 2 : 0);
	out[3] = 0x80 | (conduct >= RCODE ? conduct - RCODE : 0);
	memset(out + 6, 0, 6);
	if (conduct == LOWER)
		for (size_t i = HEADER; i < size - 4; i++)
			out[i] += out[i] >= 'A' && out[i] <= 'Z' ? 'a' - 'A' : 0;
	if (!plain)
		return size;
	out[7] = 1;
	memcpy(out + size, record, sizeof(record));
	size += sizeof(record);
	out[size++] = server->number;
	return conduct == BROKEN ? size - 2 : size;
}

static void datagram_send(const struct fake *server, const void *msg, size_t size)
{
	assert_int_equal(
	    sendto(server->udp_fd, msg, size, 0, (void *)&server->peer, sizeof(server->peer)),
	    size);
}

/* From the right address and another port: never seen by who asked. */
static void datagram_from_elsewhere(const struct fake *server, const void *msg, size_t size)
{
	int fd = socket(server->peer.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, msg, size, 0, (void *)&server->peer, sizeof(server->peer)),
			 size);
	close(fd);
}

/* The @n-th way to answer nothing that was asked; each would have been an answer of fake 99. */
static void lie_send(const struct fake *server, const uint8_t *query, unsigned n)
{
	struct fake liar = { .number = 99 };
	uint8_t msg[ROOM];
	size_t size = reply(&liar, query, ANSWER, msg);

	switch (n % 5) {
	case 0: msg[1] ^= 1; break;                     /* id */
	case 1: msg[HEADER + 1] ^= 0x20; break;         /* case */
	case 2: msg[HEADER + 1] ^= 1; break;            /* name */
	case 3: msg[question_end(msg) - 3] ^= 4; break; /* type */
	case 4: msg[2] &= 0x7f; break;                  /* a query */
	}
	datagram_send(server, msg, size);
}

static int fake_datagram(struct source *source, uint32_t events)
{
	struct fake *server = container_of(source, struct fake, udp);
	socklen_t peer_size = sizeof(server->peer);
	uint8_t query[ROOM] = {}, msg[ROOM];
	ssize_t n = recvfrom(server->udp_fd, query, ROOM / 2, 0, (void *)&server->peer, &peer_size);

	(void)events;
	if (n < 0) /* the one before was not wanted any more */
		return 0;
	assert_true(n > HEADER);
	server->datagrams++;
	server->peer_port = ((struct sockaddr_in *)&server->peer)->sin_port;
	server->id = get16(query);
	memcpy(server->question, query + HEADER, sizeof(query) - HEADER);
	if (server->by_udp == SILENT)
		return 0;
	if (server->by_udp == LIE) {
		struct fake liar = { .number = 99 };

		n = reply(&liar, query, ANSWER, msg);
		datagram_from_elsewhere(server, msg, n);
		for (unsigned i = 0; i < server->lies; i++)
			lie_send(server, query, i);
	}
	n = reply(server, query, server->by_udp, msg);
	datagram_send(server, msg, n);
	return 0;
}

static void connection_close(struct connection *connection)
{
	source_del(&connection->source);
	timer_disarm(&connection->timer);
	close(connection->fd);
	connection->fd = -1;
}

/* One byte a millisecond; ENDLESS goes round. */
static int connection_tick(struct timer *timer)
{
	struct connection *connection = container_of(timer, struct connection, timer);
	bool endless = connection->fake->by_tcp == ENDLESS;

	if (send(connection->fd, connection->out + connection->out_done, 1, MSG_NOSIGNAL) != 1) {
		connection_close(connection);
		return 0;
	}
	connection->out_done++;
	if (endless && connection->out_done == connection->out_size)
		connection->out_done = 2;
	if (connection->out_done < connection->out_size)
		timer_arm(connection->fake->loop, timer, now_boot_ns() + MS, connection_tick);
	return 0;
}

static void connection_answer(struct connection *connection)
{
	struct fake *server = connection->fake;
	size_t size = reply(server, connection->in + 2, server->by_tcp, connection->out + 2);
	uint16_t length = server->by_tcp == ENDLESS ? 65535 : server->by_tcp == SHORT ? 11 : size;

	connection->out[0] = length >> 8;
	connection->out[1] = length;
	connection->out_size = 2 + size;
	if (server->by_tcp == SLOW || server->by_tcp == ENDLESS) {
		connection_tick(&connection->timer);
		return;
	}
	if (server->by_tcp == CUT)
		size /= 2;
	assert_int_equal(send(connection->fd, connection->out, 2 + size, MSG_NOSIGNAL), 2 + size);
	if (server->by_tcp == CUT)
		connection_close(connection);
}

static int connection_read(struct source *source, uint32_t events)
{
	struct connection *connection = container_of(source, struct connection, source);
	struct fake *server = connection->fake;
	ssize_t n = recv(connection->fd, connection->in + connection->in_done,
			 ROOM / 2 - connection->in_done, 0);

	(void)events;
	if (n <= 0) {
		connection_close(connection);
		return 0;
	}
	connection->in_done += n;
	if (connection->in_done < 2 || connection->in_done < 2u + get16(connection->in))
		return 0;
	server->streams++;
	memcpy(server->question, connection->in + 2 + HEADER, ROOM / 2);
	if (server->by_tcp != SILENT)
		connection_answer(connection);
	return 0;
}

static int fake_accept(struct source *source, uint32_t events)
{
	struct fake *server = container_of(source, struct fake, tcp);
	struct connection *connection = server->connection;
	int fd = accept4(server->tcp_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	assert_true(fd >= 0);
	while (connection->fd >= 0)
		connection++;
	assert_true(connection < server->connection + CONNECTIONS);
	*connection = (struct connection){ .fake = server, .fd = fd };
	return source_add(server->loop, &connection->source, fd, EPOLLIN, connection_read);
}

/* One port for both, as name servers have it. */
static int fake_bind(struct fake *server, int family)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	struct sockaddr *addr = family == AF_INET ? (void *)&v4 : (void *)&v6;
	socklen_t size = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;

	server->udp_fd = socket(family, SOCK_DGRAM | flags, 0);
	server->tcp_fd = socket(family, SOCK_STREAM | flags, 0);
	if (bind(server->tcp_fd, addr, size) || getsockname(server->tcp_fd, addr, &size) ||
	    bind(server->udp_fd, addr, size) || listen(server->tcp_fd, CONNECTIONS))
		return -1;
	server->where.port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
	if (family == AF_INET)
		memcpy(server->where.addr, (uint8_t[]){ [10] = 0xff, 0xff, 127, 0, 0, 1 }, 16);
	else
		server->where.addr[15] = 1;
	return 0;
}

void fake_start(struct fake *server, struct loop *loop, uint8_t number, int family)
{
	*server =
	    (struct fake){ .loop = loop, .number = number, .by_udp = ANSWER, .by_tcp = ANSWER };
	for (unsigned i = 0; i < CONNECTIONS; i++)
		server->connection[i].fd = -1;
	for (int i = 0; fake_bind(server, family); i++) {
		assert_true(i < 10);
		close(server->udp_fd);
		close(server->tcp_fd);
	}
	source_add(loop, &server->udp, server->udp_fd, EPOLLIN, fake_datagram);
	source_add(loop, &server->tcp, server->tcp_fd, EPOLLIN, fake_accept);
}

void fake_stop_tcp(struct fake *server)
{
	source_del(&server->tcp);
	closep(&server->tcp_fd);
}

void fake_stop(struct fake *server)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (server->connection[i].fd >= 0)
			connection_close(&server->connection[i]);
	fake_stop_tcp(server);
	source_del(&server->udp);
	closep(&server->udp_fd);
}
