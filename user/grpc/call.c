// SPDX-License-Identifier: Apache-2.0
/* What of a call is pending is decided in call_stir(), from the loop: callbacks of nghttp2 note it. */
#include "grpc/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/within.h"

#define HEADERS_FIRST 256
#define WAIT_FIRST    512
#define DECODED       (STATUS_TEXT + 1)

#define NV(name_, value_)                                                                          \
	((nghttp2_nv){ .name = (uint8_t *)(name_),                                                 \
		       .value = (uint8_t *)(value_),                                               \
		       .namelen = strlen(name_),                                                   \
		       .valuelen = strlen(value_) })

/* --- from its first header to its last ------------------------------------------------ */

struct grpc_call *call_new(struct conn *conn, int32_t id)
{
	struct grpc_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->conn = conn;
	call->id = id;
	call->last = &call->first;
	call->next = conn->calls;
	call->slot = &conn->calls;
	if (call->next)
		call->next->slot = &call->next;
	conn->calls = call;
	conn->n_calls++;
	return call;
}

static void queue_free(struct grpc_call *call)
{
	for (struct queued *q; (q = call->first);) {
		call->first = q->next;
		free(q);
	}
	call->last = &call->first;
	call->queued = 0;
}

static void wait_free(struct grpc_call *call)
{
	free(call->wait);
	call->wait = NULL;
	call->wait_at = call->n_wait = call->room_wait = 0;
}

static void call_free(struct grpc_call *call)
{
	free(call->headers);
	free(call->text);
	free(call);
}

void calls_free(struct conn *conn)
{
	for (struct grpc_call *call; (call = conn->gone);) {
		conn->gone = call->next;
		call_free(call);
	}
}

void call_gone(struct grpc_call *call)
{
	struct conn *conn = call->conn;

	if (!conn)
		return;
	timer_disarm(&call->deadline);
	if (conn->http && call->id)
		nghttp2_session_set_stream_user_data(conn->http, call->id, NULL);
	*call->slot = call->next;
	if (call->next)
		call->next->slot = call->slot;
	conn->n_calls--;
	queue_free(call);
	frame_next(&call->frame);
	wait_free(call);
	call->conn = NULL;
	call->events = NULL;
	call->ended = true;
	if (!conn->busy) {
		call_free(call);
		return;
	}
	call->next = conn->gone;
	conn->gone = call;
}

/* Whoever has it hears that it is over, and nothing more. */
static void tell_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	const struct grpc_events *events = call->events;

	call->ended = true;
	if (events)
		events->over(call, code, text);
	call->events = NULL;
}

/* --- headers -------------------------------------------------------------------------- */

int call_header(struct grpc_call *call, const uint8_t *name, size_t n_name, const uint8_t *value,
		size_t n_value)
{
	size_t n = n_name + n_value + 2, room = call->room_headers ?: HEADERS_FIRST;
	char *to;

	call->listed += n_name + n_value + 32; /* as HTTP/2 counts */
	if (call->listed > call->conn->limits.headers)
		call->large = true;
	if (call->large || call->ended)
		return 0;
	while (room < call->n_headers + n)
		room *= 2;
	if (room != call->room_headers) {
		to = realloc(call->headers, room);
		if (!to)
			return -ENOMEM;
		call->headers = to;
		call->room_headers = room;
	}
	to = call->headers + call->n_headers;
	memcpy(to, name, n_name);
	to[n_name] = '\0';
	memcpy(to + n_name + 1, value, n_value);
	to[n - 1] = '\0';
	call->n_headers += n;
	return 0;
}

void call_block(struct grpc_call *call)
{
	call->block = call->n_headers;
}

static const char *header_from(const struct grpc_call *call, size_t at, const char *name,
			       unsigned nth)
{
	while (at < call->n_headers) {
		const char *this = call->headers + at, *value = this + strlen(this) + 1;

		if (!strcmp(this, name) && !nth--)
			return value;
		at = (size_t)(value - call->headers) + strlen(value) + 1;
	}
	return NULL;
}

const char *grpc_header(const struct grpc_call *call, const char *name, unsigned nth)
{
	return header_from(call, 0, name, nth);
}

const char *grpc_path(const struct grpc_call *call)
{
	return grpc_header(call, ":path", 0) ?: "";
}

/* --- what goes ------------------------------------------------------------------------ */

static void trailers(struct grpc_call *call)
{
	char code[8], encoded[STATUS_ENCODED];
	nghttp2_nv nv[2];
	size_t n = 0;

	snprintf(code, sizeof(code), "%d", (int)call->code);
	nv[n++] = NV("grpc-status", code);
	if (call->text)
		nv[n++] = NV("grpc-message", status_encode(encoded, call->text));
	nghttp2_submit_trailer(call->conn->http, call->id, nv, n);
}

static ssize_t on_read(nghttp2_session *http, int32_t id, uint8_t *bytes, size_t size,
		       uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct conn *conn = user;
	struct grpc_call *call = nghttp2_session_get_stream_user_data(http, id);
	size_t n = 0;

	(void)source;
	if (!call)
		return NGHTTP2_ERR_DEFERRED;
	while (n < size && call->first) {
		struct queued *q = call->first;
		size_t some = q->n - q->at < size - n ? q->n - q->at : size - n;

		memcpy(bytes + n, q->bytes + q->at, some);
		n += some;
		q->at += some;
		if (q->at < q->n)
			break;
		call->first = q->next;
		if (!call->first)
			call->last = &call->first;
		free(q);
	}
	call->queued -= n;
	if (call->choked && call->queued <= conn->limits.queue / 2)
		conn->stirred = true;
	if (call->first || (conn->client ? !call->half : !call->ended))
		return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (!conn->client) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		trailers(call);
	}
	return (ssize_t)n;
}

static const nghttp2_data_provider provider = { .read_callback = on_read };

/* Server: the first headers; without a provider they are the last as well. */
static void reply(struct grpc_call *call, const char *status, bool follows)
{
	char code[8], encoded[STATUS_ENCODED];
	nghttp2_nv nv[4] = { NV(":status", status) };
	size_t n = 1;

	call->replied = true;
	if (!strcmp(status, "200"))
		nv[n++] = NV("content-type", "application/grpc");
	if (!follows) {
		snprintf(code, sizeof(code), "%d", (int)call->code);
		nv[n++] = NV("grpc-status", code);
		if (call->text)
			nv[n++] = NV("grpc-message", status_encode(encoded, call->text));
	}
	nghttp2_submit_response(call->conn->http, call->id, nv, n, follows ? &provider : NULL);
}

int grpc_send(struct grpc_call *call, const void *bytes, size_t n)
{
	struct conn *conn = call->conn;
	struct queued *q;

	if (!conn || call->half || call->ended || call->over)
		return -EPIPE;
	if (n > conn->limits.message)
		return -EMSGSIZE;
	if (call->queued >= conn->limits.queue) {
		call->choked = true;
		return -ENOBUFS;
	}
	q = malloc(sizeof(*q) + FRAME_HEAD + n);
	if (!q)
		return -ENOMEM;
	*q = (struct queued){ .n = FRAME_HEAD + n };
	frame_head(q->bytes, n);
	if (n)
		memcpy(q->bytes + FRAME_HEAD, bytes, n);
	*call->last = q;
	call->last = &q->next;
	call->queued += q->n;
	if (!conn->client && !call->replied)
		reply(call, "200", true);
	else
		nghttp2_session_resume_data(conn->http, call->id);
	conn_wake(conn);
	return 0;
}

size_t grpc_queued(const struct grpc_call *call)
{
	return call->queued;
}

void grpc_half_close(struct grpc_call *call)
{
	if (!call->conn || !call->conn->client || call->half || call->over)
		return;
	call->half = true;
	nghttp2_session_resume_data(call->conn->http, call->id);
	conn_wake(call->conn);
}

/* It was ended, and the peer takes neither the rest nor the status. */
static int on_linger(struct timer *timer)
{
	struct grpc_call *call = container_of(timer, struct grpc_call, deadline);

	nghttp2_submit_rst_stream(call->conn->http, 0, call->id, NGHTTP2_CANCEL);
	conn_wake(call->conn);
	return 0;
}

/* What the peer hears of the end; whoever had the call has heard of it, or does it. */
static void say_end(struct grpc_call *call, enum grpc_code code, const char *text,
		    const char *status)
{
	struct conn *conn = call->conn;

	if (!conn)
		return;
	call->events = NULL;
	conn_wake(conn);
	if (call->over) {
		call_gone(call);
		return;
	}
	if (conn->client) {
		nghttp2_submit_rst_stream(conn->http, 0, call->id, NGHTTP2_CANCEL);
		call_gone(call);
		return;
	}
	call->ended = true;
	call->code = code;
	free(call->text);
	call->text = text ? strdup(text) : NULL; /* no memory: the code says enough */
	wait_free(call);
	if (!call->replied) {
		reply(call, status, false);
		return;
	}
	nghttp2_session_resume_data(conn->http, call->id);
	timer_arm(conn->loop, &call->deadline, now_boot_ns() + conn->limits.stuck_ns, on_linger);
}

void grpc_end(struct grpc_call *call, enum grpc_code code, const char *text)
{
	say_end(call, code, text, "200");
}

/* The peer did what it must not, or took too long: both sides hear of it. */
static void fail(struct grpc_call *call, enum grpc_code code, const char *text)
{
	struct conn *conn = call->conn;
	bool torn = call->first && call->first->at; /* a status after half a message is no status */

	queue_free(call);
	conn_enter(conn);
	tell_over(call, code, text);
	if (torn && call->conn)
		nghttp2_submit_rst_stream(conn->http, 0, call->id, NGHTTP2_CANCEL);
	say_end(call, code, text, "200");
	conn_leave(conn);
}

static int on_deadline(struct timer *timer)
{
	fail(container_of(timer, struct grpc_call, deadline), GRPC_DEADLINE_EXCEEDED,
	     "deadline exceeded");
	return 0;
}

static void set_deadline(struct grpc_call *call, uint64_t ns)
{
	uint64_t now = now_boot_ns();

	if (__builtin_add_overflow(now, ns, &call->deadline_ns))
		return; /* after the end of all time: 0, none */
	timer_arm(call->conn->loop, &call->deadline, call->deadline_ns, on_deadline);
}

/* --- what comes ----------------------------------------------------------------------- */

void call_asked(struct grpc_call *call)
{
	struct conn *conn = call->conn;
	const char *type = grpc_header(call, "content-type", 0), *text;
	const char *method = grpc_header(call, ":method", 0);
	uint64_t ns;

	if (call->large) {
		say_end(call, GRPC_RESOURCE_EXHAUSTED, "too many bytes of headers", "200");
		return;
	}
	if (!method || strcmp(method, "POST")) {
		say_end(call, GRPC_INTERNAL, "gRPC is POST", "405");
		return;
	}
	if (!type || !status_is_grpc(type)) {
		say_end(call, GRPC_INTERNAL, "content-type is not application/grpc", "415");
		return;
	}
	text = grpc_header(call, "grpc-timeout", 0);
	if (text && !status_timeout_read(text, &ns)) {
		say_end(call, GRPC_INTERNAL, "malformed grpc-timeout", "200");
		return;
	}
	if (text)
		set_deadline(call, ns);
	if (conn->use && conn->use->asked)
		conn->use->asked(conn, call);
	else
		say_end(call, GRPC_UNIMPLEMENTED, NULL, "200");
}

static bool may_tell(const struct grpc_call *call)
{
	return call->conn && !call->held && !call->ended && call->events && call->events->message;
}

static void refuse_frame(struct grpc_call *call, ssize_t r)
{
	char text[96];

	switch (r) {
	case -EMSGSIZE:
		snprintf(text, sizeof(text), "a message of %zu bytes is longer than %zu",
			 call->frame.size, call->conn->limits.message);
		fail(call, GRPC_RESOURCE_EXHAUSTED, text);
		break;
	case -EOPNOTSUPP: fail(call, GRPC_UNIMPLEMENTED, "messages may not be compressed"); break;
	case -ENOMEM: fail(call, GRPC_RESOURCE_EXHAUSTED, "no memory for a message"); break;
	default: fail(call, GRPC_INTERNAL, "what came is no message"); break;
	}
}

/* Tell messages of @bytes as far as they may be told now; how many bytes that was. */
static size_t feed(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	struct conn *conn = call->conn;
	size_t took = 0;

	call->feeding = true;
	while (took < n && may_tell(call)) {
		ssize_t some =
		    frame_take(&call->frame, bytes + took, n - took, conn->limits.message);

		if (some < 0) {
			refuse_frame(call, some);
			break;
		}
		took += (size_t)some;
		nghttp2_session_consume_stream(conn->http, call->id, (size_t)some);
		if (!call->frame.message)
			continue;
		call->events->message(call, call->frame.message, call->frame.size);
		frame_next(&call->frame);
	}
	call->feeding = false;
	return took;
}

#define TORN "the call ends within a message"

/* A client: all seemed well, but for that. */
static bool torn_end(const struct grpc_call *call)
{
	return call->code == GRPC_OK && !frame_between(&call->frame);
}

/* Once all bytes that are there were told: what comes after them. */
static void tell_rest(struct grpc_call *call)
{
	if (call->n_wait || !may_tell(call))
		return;
	if (call->over) {
		tell_over(call, torn_end(call) ? GRPC_INTERNAL : call->code,
			  torn_end(call) ? TORN : call->text ?: "");
		call_gone(call);
	} else if (call->peer_half && !frame_between(&call->frame)) {
		fail(call, GRPC_INTERNAL, TORN);
	} else if (call->peer_half && !call->half_told) {
		call->half_told = true;
		if (call->events->half_closed)
			call->events->half_closed(call);
	}
}

/* Also of a peer that says it byte by byte each is copied a few times, and no more. */
static int keep(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	size_t room = call->room_wait ?: WAIT_FIRST;
	uint8_t *grown;

	if (call->wait_at && call->wait_at >= call->n_wait - call->wait_at) {
		call->n_wait -= call->wait_at;
		memmove(call->wait, call->wait + call->wait_at, call->n_wait);
		call->wait_at = 0;
	}
	while (room < call->n_wait + n)
		room *= 2;
	if (room != call->room_wait) {
		grown = realloc(call->wait, room);
		if (!grown)
			return -ENOMEM;
		call->wait = grown;
		call->room_wait = room;
	}
	memcpy(call->wait + call->n_wait, bytes, n);
	call->n_wait += n;
	return 0;
}

void call_data(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	size_t took = 0;

	if (call->ended || call->over || call->foreign) /* its window is not given back */
		return;
	if (!call->n_wait)
		took = feed(call, bytes, n);
	if (took < n && call->conn && !call->ended && keep(call, bytes + took, n - took))
		fail(call, GRPC_RESOURCE_EXHAUSTED, "no memory for a message");
}

void call_stir(struct grpc_call *call)
{
	const struct grpc_limits *l = &call->conn->limits;

	if (call->n_wait && may_tell(call) && !call->feeding) {
		uint8_t *wait = call->wait;
		size_t at = call->wait_at, n = call->n_wait, room = call->room_wait, took;

		/* nothing comes while it is told: nghttp2 is not at work */
		call->wait = NULL;
		call->n_wait = call->wait_at = call->room_wait = 0;
		took = feed(call, wait + at, n - at);
		if (took < n - at && call->conn && !call->ended) {
			call->wait = wait;
			call->wait_at = at + took;
			call->n_wait = n;
			call->room_wait = room;
		} else {
			free(wait);
		}
	}
	if (call->conn && call->choked && !call->ended && call->queued <= l->queue / 2) {
		call->choked = false;
		if (call->events && call->events->drained)
			call->events->drained(call);
	}
	if (call->conn)
		tell_rest(call);
}

void call_peer_half(struct grpc_call *call)
{
	call->peer_half = true;
	if (call->conn->client)
		call_closed(call, NGHTTP2_NO_ERROR);
	else
		tell_rest(call);
}

/* --- the end, as a client hears it ---------------------------------------------------- */

void call_replied(struct grpc_call *call, bool last)
{
	const char *status = header_from(call, call->block, ":status", 0);
	const char *type = header_from(call, call->block, "content-type", 0);

	if (call->large) {
		fail(call, GRPC_RESOURCE_EXHAUSTED, "too many bytes of headers in the reply");
		return;
	}
	if (status && *status == '1') { /* there will be another */
		call->n_headers = call->block;
		return;
	}
	if (status && (strcmp(status, "200") || !type || !status_is_grpc(type)))
		call->foreign = true;
	if (last)
		call_peer_half(call);
}

/* What its last headers say, or whatever else was the reason. */
static enum grpc_code outcome(struct grpc_call *call, uint32_t error, char text[static DECODED])
{
	const char *code = header_from(call, call->block, "grpc-status", 0);
	const char *said = header_from(call, call->block, "grpc-message", 0);
	const char *http = grpc_header(call, ":status", 0);

	*text = '\0';
	if (call->peer_half && code) {
		if (said)
			status_decode(text, said);
		return status_code(code);
	}
	if (error != NGHTTP2_NO_ERROR || !call->peer_half) {
		if (error == NGHTTP2_REFUSED_STREAM && *call->conn->why)
			snprintf(text, DECODED, "%s", call->conn->why);
		else
			snprintf(text, DECODED, "the server reset the call: %s",
				 nghttp2_http2_strerror(error));
		return status_of_reset(error);
	}
	if (http && strcmp(http, "200")) {
		snprintf(text, DECODED, "the server replied with HTTP status %s", http);
		return status_of_http((unsigned)strtoul(http, NULL, 10));
	}
	snprintf(text, DECODED, "%s",
		 call->foreign ? "the reply is not application/grpc" : "the reply has no status");
	return GRPC_UNKNOWN;
}

static void closed_for_client(struct grpc_call *call, uint32_t error)
{
	struct conn *conn = call->conn;
	char text[DECODED];
	enum grpc_code code = outcome(call, error, text);

	if (call->peer_half && !nghttp2_session_get_stream_local_close(conn->http, call->id))
		nghttp2_submit_rst_stream(conn->http, 0, call->id, NGHTTP2_NO_ERROR);
	if (call->peer_half && call->n_wait) { /* messages first */
		call->over = true;
		call->code = code;
		call->text = *text ? strdup(text) : NULL;
		nghttp2_session_set_stream_user_data(conn->http, call->id, NULL);
		call->id = 0;
		return;
	}
	call->code = code;
	tell_over(call, torn_end(call) ? GRPC_INTERNAL : code, torn_end(call) ? TORN : text);
	call_gone(call);
}

void call_closed(struct grpc_call *call, uint32_t error)
{
	struct conn *conn = call->conn;
	char text[96];

	if (!call->ended && conn->client) {
		closed_for_client(call, error);
		return;
	}
	if (!call->ended) {
		snprintf(text, sizeof(text), "the client reset the call: %s",
			 nghttp2_http2_strerror(error));
		tell_over(call, GRPC_CANCELLED, text);
	}
	call_gone(call);
}

void call_cut(struct grpc_call *call, enum grpc_code code, const char *why)
{
	if (!call->ended)
		tell_over(call, code, why);
	call_gone(call);
}

/* --- what its holder says ------------------------------------------------------------- */

static void stir_later(struct grpc_call *call)
{
	if (!call->conn)
		return;
	call->conn->stirred = true;
	conn_wake(call->conn);
}

void grpc_call_events(struct grpc_call *call, const struct grpc_events *events, void *mine)
{
	if (call->ended)
		return;
	call->events = events;
	call->mine = mine;
	stir_later(call);
}

void *grpc_call_mine(const struct grpc_call *call)
{
	return call->mine;
}

void grpc_hold(struct grpc_call *call, bool hold)
{
	call->held = hold;
	if (!hold)
		stir_later(call);
}

const struct grpc_peer *grpc_call_peer(const struct grpc_call *call)
{
	static const struct grpc_peer nobody;

	return call->conn ? &call->conn->peer : &nobody;
}

void **grpc_call_kept(const struct grpc_call *call)
{
	return call->conn ? &call->conn->kept : NULL;
}

int grpc_call_fd(const struct grpc_call *call)
{
	return call->conn ? call->conn->fd : -1;
}

uint64_t grpc_deadline_ns(const struct grpc_call *call)
{
	return call->deadline_ns;
}

int call_request(struct grpc_call *call, const char *authority, const char *path,
		 const struct grpc_metadata *md, unsigned n, uint64_t timeout_ns)
{
	char timeout[STATUS_TIMEOUT];
	nghttp2_nv nv[8 + CALL_METADATA];
	size_t at = 0;
	int32_t id;

	if (n > CALL_METADATA)
		return -EINVAL;
	nv[at++] = NV(":method", "POST");
	nv[at++] = NV(":scheme", "https");
	nv[at++] = NV(":path", path);
	nv[at++] = NV(":authority", authority);
	nv[at++] = NV("te", "trailers");
	nv[at++] = NV("content-type", "application/grpc");
	nv[at++] = NV("user-agent", "terok/" TEROK_VERSION);
	if (timeout_ns)
		nv[at++] = NV("grpc-timeout", status_timeout(timeout, timeout_ns));
	for (unsigned i = 0; i < n; i++) {
		if (!nghttp2_check_header_name((const uint8_t *)md[i].name, strlen(md[i].name)) ||
		    *md[i].name == ':' || !strncmp(md[i].name, "grpc-", 5) ||
		    !nghttp2_check_header_value((const uint8_t *)md[i].value, strlen(md[i].value)))
			return -EINVAL;
		nv[at] = NV(md[i].name, md[i].value);
		/* what admits us stays out of the table that both sides keep */
		if (!strcmp(md[i].name, "authorization"))
			nv[at].flags = NGHTTP2_NV_FLAG_NO_INDEX;
		at++;
	}
	id = nghttp2_submit_request(call->conn->http, NULL, nv, at, &provider, call);
	if (id < 0)
		return id == NGHTTP2_ERR_NOMEM ? -ENOMEM : -ESHUTDOWN;
	call->id = id;
	if (timeout_ns)
		set_deadline(call, timeout_ns);
	conn_wake(call->conn);
	return 0;
}
