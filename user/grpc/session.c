// SPDX-License-Identifier: Apache-2.0
/*
 * session.c - HTTP/2 by nghttp2, and what a peer may cost
 *
 * nghttp2 answers SETTINGS and PING, keeps windows and refuses what breaks the protocol; here is
 * what else a peer can do for little that costs us much: to reset streams (its own, or by mistakes
 * that make us do it), to ask for more of them than it may have, to promise some, to send SETTINGS,
 * PINGs, priorities and empty DATA, to renew keys of TLS. Each has a budget.
 *
 * The window of the connection is given back at once and only that of a stream when its message
 * was told: one call that is held stops no other.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grpc/within.h"

#define ACKS_WAITING     100 /* answers to SETTINGS and PING that the peer does not read */
#define SETTINGS_ENTRIES 32  /* of one frame */
#define PINGS            3   /* that a client may send too soon: what stock servers let pass */

static bool per_second(struct meter *meter, unsigned max, unsigned per_s)
{
	return meter_take(meter, SECOND_NS / (per_s ? per_s : 1), max, now_boot_ns());
}

static struct grpc_call *call_of(struct conn *conn, int32_t id)
{
	return nghttp2_session_get_stream_user_data(conn->http, id);
}

/* The peer is told in the words of @why, and is not listened to any more. */
static int calm(struct conn *conn, const char *why)
{
	session_leave(conn, NGHTTP2_ENHANCE_YOUR_CALM, why);
	return 0;
}

/* One of what costs a peer little; @why: if that is more than it may. */
static int control(struct conn *conn, const char *why)
{
	const struct grpc_limits *l = &conn->limits;

	return per_second(&conn->controls, l->controls, l->controls_per_s) ? 0 : calm(conn, why);
}

void session_key_update(struct conn *conn)
{
	control(conn, "too_many_key_updates");
}

/* --- what comes ----------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
	struct conn *conn = user;
	struct grpc_call *call;

	if (conn->dead)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	if (conn->client) {
		call = call_of(conn, frame->hd.stream_id);
		if (call)
			call_block(call);
		return 0;
	}
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	if (conn->state == CONN_LAST)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	call = call_new(conn, frame->hd.stream_id);
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_session_set_stream_user_data(http, call->id, call);
	return 0;
}

static int on_header(nghttp2_session *http, const nghttp2_frame *frame, const uint8_t *name,
		     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *user)
{
	struct conn *conn = user;
	struct grpc_call *call = call_of(conn, frame->hd.stream_id);

	(void)http;
	(void)flags;
	if (!call || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	/* what a client says after its messages could contradict what it was admitted by */
	if (!conn->client && frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	return call_header(call, name, n_name, value, n_value)
		   ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
		   : 0;
}

static void on_headers_frame(struct conn *conn, const nghttp2_frame *frame)
{
	struct grpc_call *call = call_of(conn, frame->hd.stream_id);
	bool last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (!call)
		return;
	if (conn->client) {
		call_replied(call, last);
		return;
	}
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		call_asked(call);
	if (last && call->conn)
		call_peer_half(call);
}

static int on_data_frame(struct conn *conn, const nghttp2_frame *frame)
{
	struct grpc_call *call = call_of(conn, frame->hd.stream_id);

	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
		if (call)
			call_peer_half(call);
		return 0;
	}
	if (frame->hd.length > frame->data.padlen)
		return 0;
	return control(conn, "too_many_empty_frames");
}

static int on_ping(struct conn *conn, const nghttp2_frame *frame)
{
	const struct grpc_limits *l = &conn->limits;

	if (frame->hd.flags & NGHTTP2_FLAG_ACK)
		return 0;
	control(conn, "too_many_pings");
	if (conn->client || meter_take(&conn->pings, l->client_ping_ns, PINGS, now_boot_ns()))
		return 0;
	return calm(conn, "too_many_pings");
}

static int on_settings(struct conn *conn, const nghttp2_frame *frame)
{
	if (frame->hd.flags & NGHTTP2_FLAG_ACK)
		return 0;
	control(conn, "too_many_settings");
	if (conn->state == CONN_SETTLES)
		conn_up(conn);
	return 0;
}

static int on_frame(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
	struct conn *conn = user;
	const struct grpc_limits *l = &conn->limits;
	char said[64] = "";

	(void)http;
	if (conn->dead)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS: on_headers_frame(conn, frame); break;
	case NGHTTP2_DATA: return on_data_frame(conn, frame);
	case NGHTTP2_PING: return on_ping(conn, frame);
	case NGHTTP2_SETTINGS: return on_settings(conn, frame);
	case NGHTTP2_PRIORITY: return control(conn, "too_many_priorities");
	case NGHTTP2_RST_STREAM:
		if (!conn->client && !per_second(&conn->resets, l->resets, l->resets_per_s))
			return calm(conn, "too_many_resets");
		break;
	case NGHTTP2_GOAWAY:
		conn->leaving = true;
		if (frame->goaway.opaque_data_len && frame->goaway.opaque_data_len < sizeof(said))
			memcpy(said, frame->goaway.opaque_data, frame->goaway.opaque_data_len);
		snprintf(conn->why, sizeof(conn->why), "the peer goes away (%s)%s%s",
			 nghttp2_http2_strerror(frame->goaway.error_code), *said ? ": " : "", said);
		break;
	default: break;
	}
	return 0;
}

/* A server has nothing to promise us. Each costs an answer, which waits until it reads. */
static int on_begin_frame(nghttp2_session *http, const nghttp2_frame_hd *head, void *user)
{
	struct conn *conn = user;

	(void)http;
	if (conn->dead)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return head->type == NGHTTP2_PUSH_PROMISE ? control(conn, "too_many_promises") : 0;
}

/*
 * More calls than it may have at once, by a client that has not heard how many those are, or does not
 * say so. What it is told waits until it reads: it is counted when it asks, and not when that goes.
 */
static int on_invalid(nghttp2_session *http, const nghttp2_frame *frame, int error, void *user)
{
	struct conn *conn = user;
	const struct grpc_limits *l = &conn->limits;

	(void)http;
	(void)frame;
	if (conn->dead)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (error == NGHTTP2_ERR_REFUSED_STREAM &&
	    !per_second(&conn->resets, l->resets, l->resets_per_s))
		return calm(conn, "too_many_calls");
	return 0;
}

static int on_data(nghttp2_session *http, uint8_t flags, int32_t id, const uint8_t *bytes, size_t n,
		   void *user)
{
	struct conn *conn = user;
	struct grpc_call *call = call_of(conn, id);

	(void)flags;
	if (conn->dead)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	nghttp2_session_consume_connection(http, n);
	if (call)
		call_data(call, bytes, n);
	return 0;
}

static int on_stream_close(nghttp2_session *http, int32_t id, uint32_t error, void *user)
{
	struct grpc_call *call = call_of(user, id);

	(void)http;
	if (call)
		call_closed(call, error);
	return 0;
}

/* --- what goes ------------------------------------------------------------------------ */

static int on_sent(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
	struct conn *conn = user;
	const struct grpc_limits *l = &conn->limits;
	uint32_t error;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		/* a client may ask how far away we are whenever we say something */
		conn->pings.full_ns = 0;
		if (!conn->client && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
		    !nghttp2_session_get_stream_remote_close(http, frame->hd.stream_id))
			nghttp2_submit_rst_stream(http, 0, frame->hd.stream_id, NGHTTP2_NO_ERROR);
		break;
	case NGHTTP2_RST_STREAM:
		error = frame->rst_stream.error_code;
		if (conn->client || error == NGHTTP2_NO_ERROR || error == NGHTTP2_CANCEL ||
		    error == NGHTTP2_REFUSED_STREAM) /* on_invalid() has counted it */
			break;
		if (!per_second(&conn->resets, l->resets, l->resets_per_s))
			return calm(conn, "too_many_errors");
		break;
	default: break;
	}
	return 0;
}

/* --- all of it ------------------------------------------------------------------------ */

static int settings(struct conn *conn)
{
	nghttp2_settings_entry entry[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, conn->limits.window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)conn->limits.headers },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, conn->limits.streams },
	};

	if (conn->client)
		entry[2] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
	return nghttp2_submit_settings(conn->http, 0, entry, sizeof(entry) / sizeof(entry[0]));
}

static void set_callbacks(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_sent);
}

int session_new(struct conn *conn)
{
	nghttp2_session_callbacks *cb = NULL;
	nghttp2_option *option = NULL;
	int r;

	r = nghttp2_session_callbacks_new(&cb);
	if (!r)
		r = nghttp2_option_new(&option);
	if (!r) {
		set_callbacks(cb);
		nghttp2_option_set_no_auto_window_update(option, 1);
		nghttp2_option_set_no_closed_streams(option, 1);
		nghttp2_option_set_max_outbound_ack(option, ACKS_WAITING);
		nghttp2_option_set_max_settings(option, SETTINGS_ENTRIES);
		r = conn->client
			? nghttp2_session_client_new3(&conn->http, cb, conn, option, pieces())
			: nghttp2_session_server_new3(&conn->http, cb, conn, option, pieces());
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	if (!r)
		r = settings(conn);
	return r ? -ENOMEM : 0;
}

static int broken(struct conn *conn, ssize_t error)
{
	if (error != NGHTTP2_ERR_CALLBACK_FAILURE || !*conn->why)
		snprintf(conn->why, sizeof(conn->why), "HTTP/2: %s", nghttp2_strerror((int)error));
	return error == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
}

int session_feed(struct conn *conn, const uint8_t *bytes, size_t n)
{
	ssize_t took = nghttp2_session_mem_recv(conn->http, bytes, n);

	return took < 0 ? broken(conn, took) : 0;
}

ssize_t session_pull(struct conn *conn, uint8_t *bytes, size_t size)
{
	size_t n = 0;

	while (n < PIECE && !conn->dead) {
		const uint8_t *some;
		ssize_t had = nghttp2_session_mem_send(conn->http, &some);

		if (had < 0)
			return broken(conn, had);
		if (!had)
			break;
		if ((size_t)had > size - n) /* nghttp2 has frames in chunks of PIECE and a head */
			return -EPROTO;
		memcpy(bytes + n, some, (size_t)had);
		n += (size_t)had;
	}
	return (ssize_t)n;
}

void session_leave(struct conn *conn, uint32_t error, const char *why)
{
	if (!conn->http || conn->state == CONN_LAST)
		return;
	conn->leaving = true;
	nghttp2_submit_goaway(conn->http, 0, nghttp2_session_get_last_proc_stream_id(conn->http),
			      error, (const uint8_t *)why, strlen(why));
	if (error != NGHTTP2_NO_ERROR) {
		conn->state = CONN_LAST;
		snprintf(conn->why, sizeof(conn->why), "the peer was told to calm down: %s", why);
	}
	conn_wake(conn);
}

bool session_done(const struct conn *conn)
{
	return !nghttp2_session_want_read(conn->http) && !nghttp2_session_want_write(conn->http);
}
