// SPDX-License-Identifier: Apache-2.0
/*
 * peer.c - the way of a request through its connection: head, body, reply, the next one
 *
 * A connection is run when it can be read or written, or was woken; each run takes a few steps,
 * each of which moves something or says that there is nothing to move. A reply that is known
 * before the body is over waits, and what still comes of the body is read and forgotten, up to
 * SWALLOW: a client that is sending does not listen, and would see a connection that broke instead
 * of the reason. One that asks before it sends (Expect) has its reply at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "http/within.h"

#define STEPS 8   /* of one connection, then it is another's turn */
#define BITES 256 /* of a body in one step: chunks may be of one byte */

enum step {
	STEP_ON,
	STEP_WAIT,
	STEP_GONE, /* the connection is no more */
};

static enum step gone(struct peer *peer)
{
	peer_free(peer);
	return STEP_GONE;
}

/* --- bytes in ------------------------------------------------------------------------- */

/* What is kept and what can be read, in the server's buffer; -ENOTCONN at the end. */
static ssize_t pull(struct peer *peer)
{
	char *in = peer->http->in;
	size_t had = peer->in.n - peer->in.at;
	ssize_t n;

	if (had)
		memcpy(in, peer->in.bytes + peer->in.at, had);
	kept_free(&peer->in);
	if (peer->ended)
		return had ? (ssize_t)had : -ENOTCONN;
	if (!peer->readable || had >= PIECE)
		return (ssize_t)had;
	n = recv(peer->fd, in + had, PIECE, MSG_DONTWAIT);
	if (n < PIECE)
		peer->readable = false;
	if (n > 0) {
		peer_moved(peer);
		return (ssize_t)had + n;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return (ssize_t)had;
	peer->half = peer->ended = true;
	return had ? (ssize_t)had : -ENOTCONN;
}

/* What was not taken of it. */
static enum step push_back(struct peer *peer, size_t at, size_t n)
{
	return kept_add(&peer->in, peer->http->in + at, n - at) ? gone(peer) : STEP_WAIT;
}

/* --- bytes out ------------------------------------------------------------------------ */

static bool flush(struct peer *peer)
{
	struct kept *out = &peer->out;
	ssize_t n =
	    send(peer->fd, out->bytes + out->at, out->n - out->at, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		peer->cut |= errno != EAGAIN && errno != EINTR;
		return false;
	}
	peer_moved(peer);
	out->at += (size_t)n;
	if (out->at < out->n)
		return false;
	kept_free(out);
	return true;
}

/* All of it, now or later. */
static void put(struct peer *peer, const struct kept *first, const char *bytes, size_t n)
{
	struct iovec iov[2] = { { first->bytes + first->at, first->n - first->at },
				{ (char *)bytes, n } };
	const struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t sent = sendmsg(peer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	size_t of_first;

	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		peer->cut = true;
		return;
	}
	if (sent > 0)
		peer_moved(peer);
	sent = sent < 0 ? 0 : sent;
	of_first = (size_t)sent < iov[0].iov_len ? (size_t)sent : iov[0].iov_len;
	if (kept_add(&peer->out, (char *)iov[0].iov_base + of_first, iov[0].iov_len - of_first) ||
	    kept_add(&peer->out, bytes + (sent - (ssize_t)of_first), n - ((size_t)sent - of_first)))
		peer->cut = true;
}

/* --- the body ------------------------------------------------------------------------- */

static void body_end(struct http_request *request)
{
	request->body = BODY_OVER;
	if (!request->deaf && request->http->use->body)
		request->http->use->body(request, NULL, 0);
}

/* Bytes taken; -EFBIG: nobody wants so much. */
static ssize_t give(struct http_request *request, const char *bytes, size_t n)
{
	size_t took;

	if (!request->deaf && request->http->use->body) {
		took = request->http->use->body(request, bytes, n);
		request->blocked = !took && !request->deaf;
		return (ssize_t)took;
	}
	request->swallowed += n;
	return request->swallowed > SWALLOW ? -EFBIG : (ssize_t)n;
}

static ssize_t give_left(struct http_request *request, const char *bytes, size_t n, enum body then)
{
	ssize_t took = give(request, bytes, n < request->left ? n : request->left);

	if (took < 0)
		return took;
	request->left -= (uint64_t)took;
	if (!request->left) {
		request->body = then;
		if (then == BODY_OVER)
			body_end(request);
	}
	return took;
}

static ssize_t chunk_line(struct http_request *request, const char *bytes, size_t n)
{
	ssize_t took = http_chunk(bytes, n, &request->left);

	if (took > 0)
		request->body = request->left ? BODY_CHUNK : BODY_TRAILERS;
	return took;
}

static ssize_t chunk_gap(struct http_request *request, const char *bytes, size_t n)
{
	if (*bytes != '\r' || (n > 1 && bytes[1] != '\n'))
		return -EBADMSG;
	if (n == 1)
		return 0;
	request->body = BODY_SIZE;
	return 2;
}

static ssize_t trailers(struct http_request *request, const char *bytes, size_t n)
{
	ssize_t end = http_head_end(bytes, n);

	if (end < 0 || (size_t)(end ?: (ssize_t)n) > request->http->limits.head)
		return -EBADMSG;
	if (!end)
		return 0;
	if (end > 2) {
		request->after = calloc(1, sizeof(*request->after));
		request->trailers = malloc((size_t)end);
		if (!request->after || !request->trailers)
			return -ENOMEM;
		memcpy(request->trailers, bytes, (size_t)end);
		if (http_head_fields(request->trailers, (size_t)end, request->after))
			return -EBADMSG;
	}
	body_end(request);
	return end;
}

/* Bytes taken, 0: more has to come, or nobody takes it; negative errno: that is no body. */
static ssize_t body_step(struct http_request *request, const char *bytes, size_t n)
{
	switch (request->body) {
	case BODY_LENGTH: return give_left(request, bytes, n, BODY_OVER);
	case BODY_CHUNK: return give_left(request, bytes, n, BODY_GAP);
	case BODY_SIZE: return chunk_line(request, bytes, n);
	case BODY_GAP: return chunk_gap(request, bytes, n);
	case BODY_TRAILERS: return trailers(request, bytes, n);
	case BODY_RAW: return give(request, bytes, n);
	case BODY_OVER: break;
	}
	return 0;
}

static enum step body_bad(struct peer *peer, ssize_t r)
{
	bool silent = r != -EBADMSG || peer->request->reply != REPLY_NONE;

	request_over(peer->request, false);
	if (silent)
		return gone(peer);
	request_refuse(peer, 400, "The request's body is not as HTTP has it\n");
	return STEP_ON;
}

/* The client has said all, or has gone. */
static enum step body_cut(struct peer *peer)
{
	if (peer->request->body != BODY_RAW)
		return gone(peer);
	body_end(peer->request);
	return STEP_ON;
}

static enum step body_run(struct peer *peer)
{
	struct http_request *request = peer->request;
	ssize_t n, took = 1;
	size_t at = 0;
	int bites = 0;

	if (request->asks && !request->deaf && request->reply < REPLY_STREAM) {
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

		request->asks = false;
		put(peer, &(struct kept){}, go_on, sizeof(go_on) - 1);
	}
	n = pull(peer);
	if (n < 0)
		return body_cut(peer);
	while (at < (size_t)n && took > 0 && bites++ < BITES && request->body != BODY_OVER &&
	       !request->blocked && !request->abort) {
		took = body_step(request, peer->http->in + at, (size_t)n - at);
		at += took > 0 ? (size_t)took : 0;
	}
	if (took < 0)
		return body_bad(peer, took);
	if (!at && peer->ended && !request->blocked)
		return body_cut(peer);
	if (push_back(peer, at, (size_t)n) == STEP_GONE)
		return STEP_GONE;
	return at || peer->readable ? STEP_ON : STEP_WAIT;
}

/* --- the reply ------------------------------------------------------------------------ */

static bool may_reply(const struct http_request *request)
{
	return request->body == BODY_OVER || request->duplex || (request->deaf && request->last);
}

/* After @n bytes of a reply at http->out + ROOM: those of a chunk with what is around it. */
static char *chunk_frame(struct http_request *request, size_t *n, bool last)
{
	char *bytes = request->http->out + ROOM, line[ROOM + 1], *end = bytes + *n;
	int size = 0;

	if (*n) {
		size = snprintf(line, sizeof(line), "%zx\r\n", *n);
		memcpy(bytes - size, line, (size_t)size);
		end = stpcpy(end, "\r\n");
	}
	if (last) {
		end = stpcpy(end, "0\r\n");
		end = stpcpy(end, request->more ?: "");
		end = stpcpy(end, "\r\n");
	}
	bytes -= size;
	*n = (size_t)(end - bytes);
	return bytes;
}

/* As much as there is; what the last fill() said. */
static ssize_t collect(struct http_request *request, size_t *ret)
{
	char *bytes = request->http->out + ROOM;
	size_t at = 0, room;
	ssize_t n;

	do {
		room = PIECE - at;
		if (request->to_send != HTTP_UNKNOWN && room > request->to_send)
			room = request->to_send;
		n = request->http->use->fill(request, bytes + at, room);
		if (n > 0) {
			at += (size_t)n;
			if (request->to_send != HTTP_UNKNOWN)
				request->to_send -= (uint64_t)n;
		}
	} while (n > 0 && at < PIECE / 2 && request->to_send);
	*ret = at;
	return n;
}

static enum step reply_run(struct peer *peer)
{
	struct http_request *request = peer->request;
	char *bytes = peer->http->out + ROOM;
	bool over;
	ssize_t r;
	size_t n;

	r = request->to_send ? collect(request, &n) : (n = 0, HTTP_END);
	if (r == HTTP_END && request->to_send && request->to_send != HTTP_UNKNOWN)
		r = HTTP_ABORT; /* it had promised more */
	request->abort |= r == HTTP_ABORT;
	over = r == HTTP_END || (!request->to_send && !request->abort);
	request->waits = !r;
	if (request->chunked && (n || over))
		bytes = chunk_frame(request, &n, over);
	put(peer, &request->answer, bytes, n);
	kept_free(&request->answer);
	if (over)
		request->reply = REPLY_OVER;
	return STEP_ON;
}

static enum step reply_begin(struct peer *peer)
{
	struct http_request *request = peer->request;

	if (request->to_send && !request->bodyless && !request->deaf) {
		request->reply = REPLY_STREAM;
		return reply_run(peer);
	}
	put(peer, &request->answer, NULL, 0);
	kept_free(&request->answer);
	request->reply = REPLY_OVER;
	return STEP_ON;
}

/* --- the whole way -------------------------------------------------------------------- */

static enum step done(struct peer *peer)
{
	struct http_request *request = peer->request;
	bool last = request->last, over = request->body == BODY_OVER;

	request_over(request, true);
	if (!last) {
		peer_phase(peer, PHASE_KEEP);
		return STEP_ON;
	}
	if (over)
		return gone(peer);
	shutdown(peer->fd, SHUT_WR);
	peer_phase(peer, PHASE_LAST);
	return STEP_ON;
}

/* What is cut must not end like something whole, as it does whose end is the connection's. */
static enum step cut(struct peer *peer)
{
	struct http_request *request = peer->request;
	struct linger reset = { .l_onoff = 1 };

	if (request->reply == REPLY_STREAM && !request->chunked && request->to_send == HTTP_UNKNOWN)
		setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return gone(peer);
}

static enum step request_run(struct peer *peer)
{
	struct http_request *request = peer->request;
	enum step step = STEP_WAIT;

	if (request->reply == REPLY_WAITS && may_reply(request))
		return reply_begin(peer);
	if (request->body != BODY_OVER && !request->held && !request->blocked &&
	    !(request->reply == REPLY_OVER && request->last)) {
		step = body_run(peer);
		if (step == STEP_GONE || peer->request != request) /* it is another one */
			return step;
	}
	if (request->abort)
		return cut(peer);
	if (request->reply == REPLY_STREAM && !request->waits)
		return reply_run(peer);
	if (request->reply == REPLY_OVER) {
		request->deaf = true;
		if (request->body == BODY_OVER || request->last)
			return done(peer);
	}
	/* nobody is there for what would come */
	if (step == STEP_WAIT && peer->half && request->body == BODY_OVER && !peer->out.n &&
	    (request->reply == REPLY_NONE || request->waits))
		return cut(peer);
	return step;
}

static enum step last_run(struct peer *peer)
{
	ssize_t n = pull(peer);

	if (n < 0 || (peer->forgotten += (uint64_t)n) > SWALLOW)
		return gone(peer);
	return n ? STEP_ON : STEP_WAIT;
}

static enum step head_bad(struct peer *peer, int r)
{
	if (r == -E2BIG)
		request_refuse(peer, 431, "Request header fields too large\n");
	else if (r == -EPROTONOSUPPORT)
		request_refuse(peer, 505, "HTTP/1.1 is spoken here\n");
	else if (r == -EBADMSG)
		request_refuse(peer, 400, "That is no request\n");
	else if (r == -EDOM)
		request_refuse(peer, 400, "Where the request's body ends is not clear\n");
	else
		return gone(peer);
	return STEP_ON;
}

static enum step head_run(struct peer *peer)
{
	struct http *http = peer->http;
	ssize_t n = pull(peer), end;
	size_t at = 0;
	int r;

	if (n <= 0)
		return n ? gone(peer) : STEP_WAIT;
	if (peer->phase == PHASE_KEEP)
		peer_phase(peer, PHASE_HEAD);
	while (n - (ssize_t)at >= 2 && !memcmp(http->in + at, "\r\n", 2)) /* RFC 9112, 2.2 */
		at += 2;
	end = http_head_end(http->in + at, (size_t)n - at);
	if (end < 0)
		return head_bad(peer, (int)end);
	if ((size_t)(end ?: n - (ssize_t)at) > http->limits.head)
		return head_bad(peer, -E2BIG);
	if (!end && peer->ended)
		return gone(peer);
	if (!end)
		return push_back(peer, at, (size_t)n) == STEP_GONE ? STEP_GONE
		       : peer->readable                            ? STEP_ON
								   : STEP_WAIT;
	r = request_new(peer, http->in + at, (size_t)end, &peer->request);
	if (r)
		return head_bad(peer, r);
	if (push_back(peer, at + (size_t)end, (size_t)n) == STEP_GONE)
		return STEP_GONE;
	peer_phase(peer, PHASE_BUSY);
	peer->request->told = true;
	http->use->head(peer->request, http->user);
	return STEP_ON;
}

static enum step run(struct peer *peer)
{
	if (peer->cut)
		return gone(peer);
	if (peer->request && peer->request->abort)
		return cut(peer);
	if (peer->out.n && !flush(peer))
		return peer->cut ? STEP_ON : STEP_WAIT;
	if (peer->request)
		return request_run(peer);
	return peer->phase == PHASE_LAST ? last_run(peer) : head_run(peer);
}

static void watch(struct peer *peer)
{
	struct http_request *request = peer->request;
	bool reads = !request ||
		     (request->body != BODY_OVER && !request->held && !request->blocked);
	uint32_t events = peer->half ? 0 : EPOLLRDHUP;

	if (peer->out.n)
		events |= EPOLLOUT;
	/* that it may be read is found out for nothing, until something is there */
	if ((reads && !peer->out.n) || (!peer->readable && peer->source.events & EPOLLIN))
		events |= EPOLLIN;
	if (peer->half && !reads)
		events &= ~(uint32_t)EPOLLIN;
	source_set(&peer->source, events);
	if (request) {
		bool was = request->suspended;

		request->suspended = !peer->out.n && !reads;
		if (was && !request->suspended) /* from now on it is waited for, and watched */
			peer_moved(peer);
	}
}

void peer_run(struct peer *peer)
{
	enum step step = STEP_ON;

	for (int i = 0; i < STEPS && step == STEP_ON; i++)
		step = run(peer);
	if (step == STEP_GONE)
		return;
	if (step == STEP_ON)
		peer_ready(peer);
	watch(peer);
}
