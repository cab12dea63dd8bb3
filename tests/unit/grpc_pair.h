/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_pair.h - our server and our client of gRPC, with TLS, over a socket pair and one loop
 *
 * What the server does is in its methods' names; what either side hears is in its struct heard.
 * A test has those as static: calls that are left hear of their end in the teardown.
 */
#ifndef TESTS_GRPC_PAIR_H
#define TESTS_GRPC_PAIR_H

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "grpc/channel.h"
#include "grpc/server.h"
#include "unit/grpc_pki.h"

/* What one side heard of a call. */
struct heard {
	struct grpc_call *call; /* NULL: over */
	unsigned messages, halves, drained, overs;
	size_t bytes;
	enum grpc_code code;
	char text[256];
	char last[64]; /* message, as text */
};

static struct {
	struct loop *loop;
	struct grpc_server *server;
	struct grpc_channel *channel;
	struct issued ca, ours, theirs;
	struct grpc_tls *server_tls, *client_tls;
	struct timer pause;
	struct grpc_limits limits, client_limits;
	struct heard asked; /* the server's last call */
	unsigned ups, downs, empty, admitted, refusals;
	/* calls of each connection, as that keeps their number */
	unsigned kept[4], conns, of_this_conn, gone, last_gone, overs_before_gone;
	char why[256], refused[256];
	bool small; /* little fits into the socket */
	bool admits_later, refuses, frees_when_down;
	size_t flood_left;
} now;

static inline void note_message(struct heard *heard, const uint8_t *bytes, size_t n)
{
	heard->messages++;
	heard->bytes += n;
	snprintf(heard->last, sizeof(heard->last), "%.*s", (int)n, (const char *)bytes);
}

static inline void note_over(struct heard *heard, enum grpc_code code, const char *text)
{
	heard->overs++;
	heard->code = code;
	heard->call = NULL;
	snprintf(heard->text, sizeof(heard->text), "%s", text);
}

/* --- the server ----------------------------------------------------------------------- */

static inline void asked_message(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	note_message(grpc_call_mine(call), bytes, n);
}

static inline void asked_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	note_over(grpc_call_mine(call), code, text);
}

static inline void asked_half(struct grpc_call *call)
{
	struct heard *heard = grpc_call_mine(call);

	heard->halves++;
}

static inline void asked_drained(struct grpc_call *call)
{
	struct heard *heard = grpc_call_mine(call);

	heard->drained++;
}

static inline void echo_message(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	asked_message(call, bytes, n);
	assert_int_equal(grpc_send(call, bytes, n), 0);
}

static inline void echo_half(struct grpc_call *call)
{
	asked_half(call);
	now.asked.call = NULL;
	grpc_end(call, GRPC_OK, NULL);
}

static inline void flood(struct grpc_call *call)
{
	static const uint8_t piece[10000];

	while (now.flood_left) {
		int r = grpc_send(call, piece, sizeof(piece));

		if (r == -ENOBUFS)
			return;
		assert_int_equal(r, 0);
		now.flood_left--;
	}
	now.asked.call = NULL;
	grpc_end(call, GRPC_OK, NULL);
}

static inline void flood_drained(struct grpc_call *call)
{
	asked_drained(call);
	flood(call);
}

static const struct grpc_events silent_events = { asked_message, asked_half, asked_drained,
						  asked_over };
static const struct grpc_events echo_events = { echo_message, echo_half, NULL, asked_over };
static const struct grpc_events flood_events = { asked_message, NULL, flood_drained, asked_over };
static const struct grpc_events admit_events = { .over = asked_over };

static inline void begin(struct grpc_call *call, const struct grpc_events *events)
{
	now.asked = (struct heard){ .call = call };
	grpc_call_events(call, events, &now.asked);
}

static inline void start_echo(struct grpc_call *call, void *user)
{
	assert_ptr_equal(user, &now);
	begin(call, &echo_events);
}

static inline void start_silent(struct grpc_call *call, void *user)
{
	(void)user;
	begin(call, &silent_events);
}

static inline void start_flood(struct grpc_call *call, void *user)
{
	(void)user;
	begin(call, &flood_events);
	flood(call);
}

static inline void start_refuse(struct grpc_call *call, void *user)
{
	(void)user;
	grpc_end(call, GRPC_PERMISSION_DENIED,
		 "not \"you\": 100 %, gr\xc3\xbc\xc3\x9f"
		 "e\n");
}

static inline void start_free(struct grpc_call *call, void *user)
{
	(void)user;
	begin(call, &silent_events);
	grpc_server_free(TAKE_PTR(now.server));
}

static inline size_t memory(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static inline void start_memory(struct grpc_call *call, void *user)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%zu", memory());

	(void)user;
	assert_int_equal(grpc_send(call, text, (size_t)n), 0);
	grpc_end(call, GRPC_OK, NULL);
}

static const struct grpc_method methods[] = {
	{ "/t.T/Memory", start_memory }, { "/t.T/Echo", start_echo },
	{ "/t.T/Silent", start_silent }, { "/t.T/Flood", start_flood },
	{ "/t.T/Refuse", start_refuse }, { "/t.T/FreeAll", start_free },
};

static inline void on_admit(struct grpc_call *call, void *user)
{
	void **kept = grpc_call_kept(call);

	(void)user;
	now.admitted++;
	if (!*kept)
		*kept = &now.kept[now.conns++];
	now.of_this_conn = ++*(unsigned *)*kept;
	if (now.refuses) {
		grpc_end(call, GRPC_UNAUTHENTICATED, "unauthorized");
		return;
	}
	if (now.admits_later)
		begin(call, &admit_events);
	else
		grpc_admit(call);
}

static inline void on_refused(const struct grpc_peer *peer, const char *why, void *user)
{
	(void)peer;
	(void)user;
	now.refusals++;
	snprintf(now.refused, sizeof(now.refused), "%s", why);
}

static inline void on_empty(void *user)
{
	(void)user;
	now.empty++;
}

static inline void on_gone(void *kept, void *user)
{
	(void)user;
	now.gone++;
	now.last_gone = *(unsigned *)kept;
	now.overs_before_gone = now.asked.overs;
}

static const struct grpc_server_use use = { .methods = methods,
					    .n_methods = sizeof(methods) / sizeof(methods[0]),
					    .admit = on_admit,
					    .gone = on_gone,
					    .refused = on_refused,
					    .empty = on_empty,
					    .user = &now };

/* --- the client ----------------------------------------------------------------------- */

static inline void on_up(struct grpc_channel *channel, void *user)
{
	(void)channel;
	(void)user;
	now.ups++;
}

static inline void on_down(struct grpc_channel *channel, const char *why, void *user)
{
	(void)user;
	now.downs++;
	snprintf(now.why, sizeof(now.why), "%s", why);
	if (now.frees_when_down) {
		grpc_channel_free(channel);
		now.channel = NULL;
	}
}

static const struct grpc_channel_events channel_events = { on_up, on_down };

static inline void end_message(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	struct heard *heard = grpc_call_mine(call);

	note_message(heard, bytes, n);
	heard->call = NULL;
	grpc_end(call, GRPC_OK, NULL);
}

static inline void free_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	asked_over(call, code, text);
	grpc_channel_free(TAKE_PTR(now.channel));
}

static const struct grpc_events client_events = { asked_message, asked_half, asked_drained,
						  asked_over };
static const struct grpc_events end_events = { end_message, NULL, NULL, asked_over };
static const struct grpc_events free_events = { asked_message, NULL, NULL, free_over };

/* --- the loop ------------------------------------------------------------------------- */

static inline int on_pause(struct timer *timer)
{
	(void)timer;
	return -ECANCELED; /* a loop that was stopped stays so */
}

static inline void turn_for(uint64_t ns)
{
	timer_arm(now.loop, &now.pause, now_boot_ns() + ns, on_pause);
	assert_int_equal(loop_run(now.loop), -ECANCELED);
}

static inline void turn(void)
{
	turn_for(SECOND_NS / 50);
}

/* As soon as it is so many; a test that waits for what never comes fails. */
static inline void await(const unsigned *what, unsigned n)
{
	for (int i = 0; i < 10000 && *what < n; i++)
		turn_for(SECOND_NS / 1000);
	assert_int_equal(*what, n);
}

static inline void serve(void)
{
	assert_int_equal(
	    grpc_server_new(now.loop, -1, now.server_tls, &use, &now.limits, &now.server), 0);
}

/* TCP, at a port that is free. */
static inline int listener(struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*addr);

	*addr = (struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)addr, sizeof(*addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)addr, &size), 0);
	return fd;
}

static inline int knock(const struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)addr, sizeof(*addr)), 0);
	return fd;
}

static inline void pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
}

static inline void dial(void)
{
	int fd[2];

	pair(fd);
	if (now.small) {
		const int size = 4096;

		setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	assert_int_equal(grpc_server_add(now.server, fd[0]), 0);
	assert_int_equal(grpc_channel_adopt(now.loop, fd[1], now.client_tls, NULL,
					    &now.client_limits, &channel_events, NULL,
					    &now.channel),
			 0);
}

static inline void up(void)
{
	unsigned before = now.ups;

	if (!now.server)
		serve();
	dial();
	await(&now.ups, before + 1);
}

static inline struct grpc_call *call_for(struct heard *heard, const char *path, uint64_t timeout_ns,
					 const struct grpc_events *events)
{
	*heard = (struct heard){};
	assert_int_equal(
	    grpc_call_new(now.channel, path, NULL, 0, timeout_ns, events, heard, &heard->call), 0);
	return heard->call;
}

static inline struct grpc_call *call(struct heard *heard, const char *path)
{
	return call_for(heard, path, 0, &client_events);
}

static inline int setup(void **state)
{
	(void)state;
	memset(&now, 0, sizeof(now));
	now.limits = now.client_limits = GRPC_LIMITS;
	assert_int_equal(loop_new(&now.loop), 0);
	pki_issue(&now.ca, NULL, &(struct wanted){ .cn = "ca", .ca = true });
	pki_issue(&now.ours, &now.ca,
		  &(struct wanted){ .cn = "server", .san = "DNS:server", .eku = "serverAuth" });
	pki_issue(&now.theirs, &now.ca,
		  &(struct wanted){ .cn = "client", .san = "URI:urn:a:b", .eku = "clientAuth" });
	now.server_tls = pki_tls(false, GRPC_VERIFY_CHAIN, &now.ours, &now.ca, NULL);
	now.client_tls = pki_tls(true, GRPC_VERIFY_CHAIN, &now.theirs, &now.ca, "server");
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	grpc_channel_free(now.channel);
	grpc_server_free(now.server);
	grpc_tls_free(now.server_tls);
	grpc_tls_free(now.client_tls);
	pki_done(&now.ca);
	pki_done(&now.ours);
	pki_done(&now.theirs);
	timer_disarm(&now.pause);
	loop_free(now.loop);
	return 0;
}

#endif
