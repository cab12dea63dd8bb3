// SPDX-License-Identifier: Apache-2.0
/*
 * server.c - a name server for tests: it knows a file of names, and misbehaves where told to
 *
 *   server ADDR[,ADDR...] PORT ZONEFILE
 *
 * UDP and TCP, IPv4 and IPv6, authoritative for every name there is. names/zone.h says what a
 * zone file holds. Port 0 is any; the first line on stdout is "ready PORT", each other one a
 * question: "query NAME TYPE udp|tcp FROM", with FROM as 192.0.2.1:4711 or [2001:db8::1]:4711;
 * so what is not there was not asked. On SIGHUP the file is read again: "zone".
 *
 * One thread; ppoll() waits for sockets and for answers that are to be late.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "names/reply.h"

#define LISTENERS 16 /* two for each address */
#define CLIENTS   128
#define FOR_EVER  INT64_MAX

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* An answer that is to be sent: by TCP with its length before it. */
struct late {
	struct late *next;
	int64_t due_ms;
	struct peer *peer;
	union address to; /* by UDP */
	unsigned pace_ms; /* by TCP: a byte at a time, so far apart; 0: all */
	bool endless;     /* by TCP: and again, and again */
	size_t size, sent;
	uint8_t bytes[];
};

/* A socket: a listener for datagrams or connections, or a connection. */
struct peer {
	int fd;
	bool listens, tcp, blocked;
	union address from; /* of a connection */
	struct late *begun; /* of a connection: half of it is sent */
	size_t size;
	uint8_t bytes[2 + REPLY_MAX];
};

static struct peer *peers[LISTENERS + CLIENTS];
static unsigned n_peers;
static struct late *queue; /* by due_ms */
static struct zone *zone;
static volatile sig_atomic_t asked_to_read;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static struct peer *peer_add(int fd, bool listens, bool tcp)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		err(1, "peer");
	peer->fd = fd;
	peer->listens = listens;
	peer->tcp = tcp;
	peers[n_peers++] = peer;
	return peer;
}

static void peer_close(struct peer *peer)
{
	struct late **at = &queue;

	while (*at) {
		struct late *late = *at;

		if (late->peer == peer) {
			*at = late->next;
			free(late);
		} else {
			at = &late->next;
		}
	}
	for (unsigned i = 0; i < n_peers; i++)
		if (peers[i] == peer)
			peers[i--] = peers[--n_peers];
	close(peer->fd);
	free(peer);
}

static void late_put(struct late *late)
{
	struct late **at = &queue;

	while (*at && (*at)->due_ms <= late->due_ms)
		at = &(*at)->next;
	late->next = *at;
	*at = late;
}

static void late_take(struct late *late)
{
	struct late **at = &queue;

	while (*at != late)
		at = &(*at)->next;
	*at = late->next;
}

static void say(struct peer *peer, const union address *to, const struct reply *reply, bool forged)
{
	const struct zone_name *name = reply->name;
	struct late *late = calloc(1, sizeof(*late) + 2 + reply->size);

	if (!late)
		err(1, "answer");
	late->peer = peer;
	late->to = *to;
	late->due_ms = now_ms();
	if (name && name->does[DO_DELAY] && !forged)
		late->due_ms += name->with[DO_DELAY] + 1; /* now is rounded down */
	if (peer->tcp) {
		late->bytes[0] = reply->size >> 8;
		late->bytes[1] = reply->size;
		late->size = 2;
		late->endless = name && name->does[DO_ENDLESS_TCP];
		late->pace_ms = name && name->does[DO_SLOW_TCP] ? name->with[DO_SLOW_TCP] : 0;
	}
	memcpy(late->bytes + late->size, reply->bytes, reply->size);
	if (late->endless)
		late->bytes[3] ^= 0x55;
	late->size += reply->size;
	late_put(late);
}

static void print_query(const struct reply *reply, bool tcp, const union address *from)
{
	bool six = from->sa.sa_family == AF_INET6;
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(from->sa.sa_family, six ? (const void *)&from->in6.sin6_addr : &from->in.sin_addr,
		  addr, sizeof(addr));
	printf("query %s %s %s %s%s%s:%u\n", reply->asked, zone_type_name(reply->type),
	       tcp ? "tcp" : "udp", six ? "[" : "", addr, six ? "]" : "", ntohs(from->in.sin_port));
}

static void answer(struct peer *peer, const union address *from, const uint8_t *query, size_t size)
{
	static struct reply reply, forged;

	if (reply_build(zone, query, size, peer->tcp, &reply))
		return;
	print_query(&reply, peer->tcp, from);
	if (reply.name && reply.name->does[DO_DROP])
		return;
	if (reply.name && reply.name->does[DO_FORGE_FIRST]) {
		reply_forge(&reply, &forged);
		forged.name = reply.name;
		say(peer, from, &forged, true);
	}
	say(peer, from, &reply, false);
}

static void take_datagram(struct peer *peer)
{
	union address from = {};
	socklen_t n = sizeof(from);
	ssize_t size = recvfrom(peer->fd, peer->bytes, sizeof(peer->bytes), 0, &from.sa, &n);

	if (size > 0)
		answer(peer, &from, peer->bytes, size);
}

static void take_connection(struct peer *listener)
{
	union address from = {};
	socklen_t n = sizeof(from);
	int fd;

	if (n_peers == LISTENERS + CLIENTS)
		return;
	fd = accept4(listener->fd, &from.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		peer_add(fd, false, true)->from = from;
}

static void take_stream(struct peer *peer)
{
	ssize_t n = read(peer->fd, peer->bytes + peer->size, sizeof(peer->bytes) - peer->size);
	size_t at = 0;

	if (n <= 0) {
		peer_close(peer);
		return;
	}
	peer->size += n;
	while (peer->size - at >= 2) {
		size_t size = peer->bytes[at] << 8 | peer->bytes[at + 1];

		if (peer->size - at - 2 < size)
			break;
		answer(peer, &peer->from, peer->bytes + at + 2, size);
		at += 2 + size;
	}
	peer->size -= at;
	memmove(peer->bytes, peer->bytes + at, peer->size);
}

/* Send as much as is due; false: its connection is gone, and it with it. */
static bool send_stream(struct late *late)
{
	struct peer *peer = late->peer;
	size_t n = late->pace_ms ? 1 : late->size - late->sent;
	ssize_t sent = send(peer->fd, late->bytes + late->sent, n, MSG_NOSIGNAL);

	peer->blocked = sent < 0 && errno == EAGAIN;
	if (peer->blocked)
		return true;
	if (sent < 0) {
		peer_close(peer);
		return false;
	}
	late->sent += sent;
	peer->begun = late->sent < late->size ? late : NULL;
	late_take(late);
	if (!peer->begun && !late->endless) {
		free(late);
		return true;
	}
	late->due_ms = now_ms() + late->pace_ms;
	if (!peer->begun) {
		late->sent = 0;
		late->due_ms = now_ms() + 1;
	}
	late_put(late);
	return true;
}

/* Send what is due; when the next is, FOR_EVER: nothing waits for a time. */
static int64_t send_due(void)
{
	int64_t now = now_ms(), next = FOR_EVER;
	struct late *late, *after;

	for (late = queue; late; late = after) {
		after = late->next;
		if (late->peer->blocked || (late->peer->begun && late->peer->begun != late))
			continue; /* its turn comes when the socket or the other is done */
		if (late->due_ms > now)
			return next < late->due_ms ? next : late->due_ms;
		if (late->peer->tcp) {
			if (!send_stream(late))
				return now; /* others of it are gone as well: from the start */
			next = now;
			continue;
		}
		late_take(late);
		sendto(late->peer->fd, late->bytes, late->size, 0, &late->to.sa,
		       late->to.sa.sa_family == AF_INET ? sizeof(late->to.in)
							: sizeof(late->to.in6));
		free(late);
	}
	return next;
}

static void take(struct peer *peer)
{
	if (!peer->tcp)
		take_datagram(peer);
	else if (peer->listens)
		take_connection(peer);
	else
		take_stream(peer);
}

/* One round: wait until @next, then read what came. */
static void round_of(int64_t next, const sigset_t *mask)
{
	struct pollfd polls[LISTENERS + CLIENTS];
	struct peer *of[LISTENERS + CLIENTS];
	int64_t wait = next - now_ms();
	struct timespec limit;
	unsigned n = 0;

	for (unsigned i = 0; i < n_peers; i++) {
		short events = peers[i]->blocked ? POLLIN | POLLOUT : POLLIN;

		if (peers[i]->listens && peers[i]->tcp && n_peers == LISTENERS + CLIENTS)
			continue; /* full: they wait in the kernel */
		of[n] = peers[i];
		polls[n++] = (struct pollfd){ .fd = peers[i]->fd, .events = events };
	}
	wait = wait < 0 ? 0 : wait;
	limit = (struct timespec){ .tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000 };
	if (ppoll(polls, n, next == FOR_EVER ? NULL : &limit, mask) < 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (polls[i].revents & POLLOUT)
			of[i]->blocked = false;
		if (polls[i].revents & ~POLLOUT)
			take(of[i]);
	}
}

static unsigned listen_on(const char *text, unsigned port, bool tcp)
{
	union address at = { .in = { .sin_family = AF_INET, .sin_port = htons(port) } };
	socklen_t n = sizeof(at);
	int fd;

	if (inet_pton(AF_INET, text, &at.in.sin_addr) != 1) {
		at.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		if (inet_pton(AF_INET6, text, &at.in6.sin6_addr) != 1)
			errx(2, "%s: not an address", text);
	}
	fd = socket(at.sa.sa_family,
		    (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ tcp }, sizeof(int));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 1 }, sizeof(int));
	if (bind(fd, &at.sa, at.sa.sa_family == AF_INET ? sizeof(at.in) : sizeof(at.in6)))
		err(1, "%s port %u", text, port);
	if (tcp && listen(fd, 64))
		err(1, "%s port %u", text, port);
	if (getsockname(fd, &at.sa, &n))
		err(1, "getsockname");
	peer_add(fd, true, tcp);
	return ntohs(at.in.sin_port);
}

static void on_hangup(int signal)
{
	(void)signal;
	asked_to_read = true;
}

static void read_again(const char *path)
{
	asked_to_read = false;
	zone_free(zone);
	zone = zone_load(path);
	printf("zone\n");
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_hangup };
	unsigned port = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	sigset_t block, before;
	char *addr;

	if (argc != 4) {
		fprintf(stderr, "usage: server ADDR[,ADDR...] PORT ZONEFILE\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&block);
	sigaddset(&block, SIGHUP);
	sigprocmask(SIG_BLOCK, &block, &before);
	sigaction(SIGHUP, &act, NULL);
	zone = zone_load(argv[3]);
	while ((addr = strsep(&argv[1], ","))) {
		if (n_peers + 2 > LISTENERS)
			errx(2, "at most %d addresses", LISTENERS / 2);
		port = listen_on(addr, port, false);
		listen_on(addr, port, true);
	}
	printf("ready %u\n", port);
	for (;;) {
		if (asked_to_read)
			read_again(argv[3]);
		round_of(send_due(), &before);
	}
}
