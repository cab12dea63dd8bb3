// SPDX-License-Identifier: Apache-2.0
/*
 * answers.c - somebody out there begins, and the inside answers
 */
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/time.h>

#include "vector.h"

#define PEERS 8
#define FAR4  "198.51.100.2"
#define FAR6  "2001:db8::2"

static void connect_in(const struct target *target, int peers)
{
	struct pollfd peer[PEERS];

	for (int i = 0; i < peers; i++) {
		peer[i].fd = sock(target, SOCK_STREAM | SOCK_NONBLOCK, 0);
		peer[i].events = POLLOUT;
		connect(peer[i].fd, &target->own.sa, target->len);
	}
	poll(peer, 1, 100);
}

static int listener(struct target *target, int backlog)
{
	int fd = sock(target, SOCK_STREAM, 0);

	need(bind(fd, &target->own.sa, target->len));
	need(listen(fd, backlog));
	return fd;
}

static void answer(struct target *target, int backlog)
{
	int fd = listener(target, backlog), peer;

	need(write(target->talk, "1", 1));
	peer = need(accept(fd, NULL, NULL)); /* in SO_RCVTIMEO */
	need(send(peer, target->marker, MARKER_LEN, MSG_NOSIGNAL));
	await_byte(target->talk);
}

static void one_answer(struct target *target)
{
	answer(target, PEERS);
}

static void one_peer(struct target *target, int talk)
{
	if (await_byte(talk))
		connect_in(target, 1);
}

VECTOR(accepted) = { .name = "accepted",
		     .what = "a far peer connects in, the inside answers",
		     .families = BOTH,
		     .dest4 = FAR4,
		     .dest6 = FAR6,
		     .attempt = one_answer,
		     .helper = one_peer,
		     .helper_is_far = true };

/* A full queue makes the kernel answer with cookies, in packets that no socket owns. */
static void full_queue(struct target *target)
{
	answer(target, 0);
}

static void many_peers(struct target *target, int talk)
{
	if (await_byte(talk))
		connect_in(target, PEERS);
}

VECTOR(accepted_full) = { .name = "accepted_full",
			  .what = "far peers connect in to a full queue: SYN cookies",
			  .families = BOTH,
			  .dest4 = FAR4,
			  .dest6 = FAR6,
			  .attempt = full_queue,
			  .helper = many_peers,
			  .helper_is_far = true };

static int old_peer;

static void accept_before(struct target *target)
{
	int fd = listener(target, PEERS);

	need(write(target->talk, "1", 1));
	old_peer = need(accept(fd, NULL, NULL));
}

static void answer_later(struct target *target)
{
	need(send(old_peer, target->marker, MARKER_LEN, MSG_NOSIGNAL));
}

static void one_patient_peer(struct target *target, int talk)
{
	one_peer(target, talk);
	await_byte(talk); /* the end of the attempt */
}

VECTOR(accepted_old) = { .name = "accepted_old",
			 .what = "a far peer connected in before the guard, the inside answers",
			 .families = BOTH,
			 .dest4 = FAR4,
			 .dest6 = FAR6,
			 .before = accept_before,
			 .attempt = answer_later,
			 .helper = one_patient_peer,
			 .helper_is_far = true };

static void udp_answer(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);
	union address peer;
	socklen_t len = sizeof(peer);
	char byte;

	need(bind(fd, &target->own.sa, target->len));
	need(write(target->talk, "1", 1));
	need(recvfrom(fd, &byte, 1, 0, &peer.sa, &len));
	need(sendto(fd, target->marker, MARKER_LEN, 0, &peer.sa, len));
}

static void udp_peer(struct target *target, int talk)
{
	if (await_byte(talk))
		need(sendto(sock(target, SOCK_DGRAM, 0), "?", 1, 0, &target->own.sa, target->len));
	await_byte(talk);
}

VECTOR(udp_answer) = { .name = "udp_answer",
		       .what = "a far peer sends a datagram, the inside answers",
		       .families = BOTH,
		       .dest4 = FAR4,
		       .dest6 = FAR6,
		       .attempt = udp_answer,
		       .helper = udp_peer,
		       .helper_is_far = true };

/* Both connect at once: no listener anywhere. */
static void simultaneous(struct target *target)
{
	int fd = sock(target, SOCK_STREAM, 0);

	need(bind(fd, &target->own.sa, target->len));
	need(write(target->talk, "1", 1));
	connect_to(fd, target, &target->to);
}

VECTOR(simultaneous) = { .name = "simultaneous",
			 .what = "TCP simultaneous open with a far peer",
			 .families = BOTH,
			 .dest4 = FAR4,
			 .dest6 = FAR6,
			 .attempt = simultaneous,
			 .helper = one_peer,
			 .helper_is_far = true };

/* Closed here and not there: what is left is no socket, and its last word nobody's. */
static void close_before(struct target *target)
{
	accept_before(target);
	need(shutdown(old_peer, SHUT_WR));
	need(close(old_peer));
}

static void let_it_end(struct target *target)
{
	const struct timeval limit = { .tv_sec = 2 };

	need(setsockopt(target->talk, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	need(write(target->talk, "2", 1));
	await_byte(target->talk); /* until the far side has ended it */
}

static void peer_ends(struct target *target, int talk)
{
	int fd, tries = 1000;
	char byte;

	if (!await_byte(talk))
		return;
	fd = sock(target, SOCK_STREAM, 0);
	connect_to(fd, target, &target->own);
	need(read(fd, &byte, 1)); /* 0: the inside has closed */
	if (await_byte(talk))
		need(shutdown(fd, SHUT_WR));
	for (struct tcp_info info = {}; info.tcpi_state != TCP_CLOSE && tries--;) {
		socklen_t len = sizeof(info);

		need(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
		poll(NULL, 0, 1); /* nothing tells that the last ACK came */
	}
	need(write(talk, "3", 1));
}

VECTOR(time_wait) = { .name = "time_wait",
		      .what = "a connection closed before the guard, the far peer ends it",
		      .families = BOTH,
		      .dest4 = FAR4,
		      .dest6 = FAR6,
		      .bare = true,
		      .known = "the kernel's last ACK, without data, of a connection that is over",
		      .before = close_before,
		      .attempt = let_it_end,
		      .helper = peer_ends,
		      .helper_is_far = true };
