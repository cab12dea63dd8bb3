// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_grpc_h2.c - HTTP/2 and gRPC of a peer that says whatever it likes, after TLS
 *
 * The first byte says which side we are, and how those who have calls behave: whether they echo,
 * hold, end in the middle, or end the connection. The rest comes in pieces whose lengths are its
 * own. Each call that began has ended once when all is over.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/within.h"

enum { CLIENT = 1, HOLDS = 2, ENDS = 4, KILLS = 8, LATE = 16 };

static struct {
	struct loop *loop;
	struct conn *conn;
	unsigned how, begun, ended;
} now;

static void on_message(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	if (n > now.conn->limits.message)
		abort();
	if (now.how & HOLDS)
		grpc_hold(call, true);
	if (now.how & KILLS) {
		conn_kill(now.conn, GRPC_UNAVAILABLE, "on purpose");
	} else if (now.how & ENDS) {
		now.ended++;
		grpc_end(call, GRPC_ABORTED, "100 %");
	} else {
		grpc_send(call, bytes, n);
	}
}

static void on_half(struct grpc_call *call)
{
	now.ended++;
	grpc_end(call, GRPC_OK, NULL);
}

static void on_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	(void)call;
	if ((unsigned)code >= GRPC_CODE_MAX_ || !text)
		abort();
	now.ended++;
}

static const struct grpc_events events = { on_message, on_half, NULL, on_over };

static void on_asked(struct conn *conn, struct grpc_call *call)
{
	(void)conn;
	now.begun++;
	if (*grpc_path(call) == '/' || !(now.how & LATE))
		grpc_call_events(call, &events, NULL);
	else {
		now.ended++;
		grpc_end(call, GRPC_UNIMPLEMENTED, NULL);
	}
}

static void on_up(struct conn *conn)
{
	struct grpc_call *call;

	for (int i = 0; i < 2 && conn->client; i++) {
		call = call_new(conn, 0);
		if (!call)
			return;
		call->events = &events;
		now.begun++;
		if (call_request(call, "a", "/a/b", NULL, 0, 0)) {
			now.ended++;
			call_gone(call);
			continue;
		}
		grpc_send(call, "hello", 5);
		if (i)
			grpc_half_close(call);
	}
}

static void on_down(struct conn *conn, const char *why)
{
	(void)conn;
	if (!why)
		abort();
}

static const struct conn_use use = { on_up, on_asked, on_down };

/* What is pending in calls, as the loop would come round to it. */
static void stir_all(struct conn *conn)
{
	struct grpc_call *calls[64];
	unsigned n = 0;

	for (struct grpc_call *call = conn->calls; call && n < 64; call = call->next)
		calls[n++] = call;
	while (n--)
		if (calls[n]->conn) {
			if (now.how & LATE)
				grpc_hold(calls[n], false);
			call_stir(calls[n]);
		}
}

static void feed(struct conn *conn, const uint8_t *data, size_t size)
{
	static uint8_t out[PULL];

	while (size && !conn->dead && conn->state != CONN_LAST) {
		size_t n = 1 + data[0] % 64U * 8U;
		ssize_t said;

		data++;
		size--;
		n = n < size ? n : size;
		if (session_feed(conn, data, n))
			return;
		data += n;
		size -= n;
		if (!conn->dead)
			stir_all(conn);
		do {
			said = conn->dead ? 0 : session_pull(conn, out, sizeof(out));
		} while (said > 0);
		if (said < 0)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grpc_limits limits = GRPC_LIMITS;
	struct conn *conn;

	if (!size || (!now.loop && loop_new(&now.loop)))
		return 0;
	limits.message = 1000;
	limits.headers = 1000;
	now.how = *data;
	now.begun = now.ended = 0;
	if (conn_bare(now.loop, now.how & CLIENT, &limits, &use, NULL, &conn))
		return 0;
	now.conn = conn;
	conn_enter(conn);
	if (!session_new(conn))
		feed(conn, data + 1, size - 1);
	if (!conn->dead)
		conn_kill(conn, GRPC_UNAVAILABLE, "the end");
	if (now.begun != now.ended)
		abort();
	conn_leave(conn);
	return 0;
}
