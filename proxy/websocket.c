// SPDX-License-Identifier: Apache-2.0
#include "websocket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/head.h"

#define HEAD_MAX  (HTTP_HEAD_MAX + FORWARD_SECRET + (8 << 10)) /* bytes of ours, and of its answer */
#define CLOSE_NOW 1011 /* RFC 6455: the server came upon what keeps it from going on */

enum state { CONNECTING, ASKED, OPEN, OVER };

/* Where in its frames a side is. */
struct frames {
	unsigned char head[14];
	unsigned n;
	uint64_t left;
	bool closed; /* a close frame has passed */
};

struct websocket {
	struct upstream_call call;
	struct upstream *upstream; /* its own */
	struct http_request *request;
	struct forward_want want;
	struct source source; /* a duplicate of libcurl's descriptor */
	int fd;
	enum state state;
	struct frames frames; /* of what the client hears */
	size_t in_at, in_n, out_at, out_n;
	char in[HEAD_MAX], out[HEAD_MAX];
};

/* --- frames --------------------------------------------------------------------------- */

static unsigned frame_head(const struct frames *frames)
{
	unsigned size = frames->head[1] & 0x7f, n = 2;

	if (frames->n < 2)
		return 2;
	n += size == 126 ? 2 : size == 127 ? 8 : 0;
	return n + (frames->head[1] & 0x80 ? 4 : 0);
}

static uint64_t frame_size(const struct frames *frames)
{
	unsigned size = frames->head[1] & 0x7f, n = size == 126 ? 2 : size == 127 ? 8 : 0;
	uint64_t ret = n ? 0 : size;

	for (unsigned i = 0; i < n; i++)
		ret = ret << 8 | frames->head[2 + i];
	return ret;
}

static void frames_pass(struct frames *frames, const char *bytes, size_t n)
{
	size_t skip;

	while (n) {
		skip = frames->left < n ? frames->left : n;
		frames->left -= skip;
		bytes += skip;
		n -= skip;
		if (!n)
			break;
		frames->head[frames->n++] = (unsigned char)*bytes++;
		n--;
		if (frames->n < frame_head(frames))
			continue;
		frames->left = frame_size(frames);
		frames->closed |= (frames->head[0] & 0xf) == 8;
		frames->n = 0;
	}
}

/* --- the request ---------------------------------------------------------------------- */

bool websocket_wanted(struct http_request *request)
{
	const char *upgrade = http_header(request, "Upgrade", 0);

	return upgrade && !strcasecmp(upgrade, "websocket") &&
	       http_lists(request, "Connection", "upgrade") &&
	       !strcmp(http_method(request), "GET") && !http_length(request);
}

static bool add(struct websocket *socket, const char *bytes, size_t n)
{
	if (n > sizeof(socket->out) - socket->out_n)
		return false;
	memcpy(socket->out + socket->out_n, bytes, n);
	socket->out_n += n;
	return true;
}

static bool add_text(struct websocket *socket, const char *text)
{
	return add(socket, text, strlen(text));
}

static int on_header(const char *name, const char *value, void *user)
{
	struct websocket *socket = user;

	if (forward_leaves_out(socket->request, &socket->want, socket->want.secret.header, name) ||
	    !strcasecmp(name, "Sec-WebSocket-Extensions"))
		return 0;
	return add_text(socket, name) && add_text(socket, ": ") && add_text(socket, value) &&
		       add_text(socket, "\r\n")
		   ? 0
		   : -E2BIG;
}

static int request_write(struct websocket *socket)
{
	const struct forward_want *want = &socket->want;
	const struct forward_secret *secret = &want->secret;
	bool room = add_text(socket, "GET ") && add_text(socket, want->place->path) &&
		    add_text(socket, http_target(socket->request)) &&
		    add_text(socket, " HTTP/1.1\r\nHost: ") &&
		    add_text(socket, want->place->host) && add_text(socket, "\r\n");
	int r = room ? http_headers(socket->request, on_header, socket) : -E2BIG;

	room = !r && add_text(socket, "Connection: Upgrade\r\nUpgrade: websocket\r\n") &&
	       add_text(socket, secret->header) && add_text(socket, ": ") &&
	       add_text(socket, secret->prefix) && add(socket, secret->value, secret->n);
	return room && add_text(socket, "\r\n\r\n") ? 0 : -E2BIG;
}

/* --- bytes both ways ------------------------------------------------------------------ */

static void fail(struct websocket *socket)
{
	static const struct http_header plain[] = { { "Content-Type",
						      "text/plain; charset=utf-8" } };
	static const char text[] = "Upstream websocket failed";

	socket->state = OVER;
	socket->want.known(socket->want.user, 502, "upstream_error");
	http_reply(socket->request, 502, plain, 1, text, sizeof(text) - 1);
}

static void answer(struct websocket *socket)
{
	struct http_header headers[HTTP_HEADERS_MAX + 2] = { { "Connection", "Upgrade" },
							     { "Upgrade", "websocket" } };
	_cleanup_free_ struct http_head *head = malloc(sizeof(*head));
	ssize_t end = http_head_end(socket->in, socket->in_n);
	unsigned n = 2;

	if (!end && socket->in_n < sizeof(socket->in))
		return;
	if (end <= 0 || !head || http_head_reply(socket->in, (size_t)end, head) ||
	    head->status != 101)
		return fail(socket);
	for (unsigned i = 0; i < head->n; i++)
		if (!forward_is_hop(head->header[i].name) &&
		    strcasecmp(head->header[i].name, "Sec-WebSocket-Extensions") != 0)
			headers[n++] = head->header[i];
	socket->state = OPEN;
	socket->want.known(socket->want.user, 101, NULL);
	http_tunnel(socket->request, headers, n);
	socket->in_at = (size_t)end;
}

static void push(struct websocket *socket)
{
	size_t n = 0;
	CURLcode r = CURLE_OK;

	while (socket->out_at < socket->out_n && !r) {
		r = curl_easy_send(socket->call.easy, socket->out + socket->out_at,
				   socket->out_n - socket->out_at, &n);
		if (!r) {
			upstream_moved(&socket->call);
			explicit_bzero(socket->out + socket->out_at, n);
			socket->out_at += n;
		}
	}
	if (socket->out_at == socket->out_n) {
		socket->out_at = socket->out_n = 0;
		if (socket->state == OPEN)
			http_wake(socket->request);
	}
	if (r && r != CURLE_AGAIN && socket->state == OPEN) {
		socket->state = OVER;
		http_wake(socket->request); /* its client is told */
	}
}

static void pull(struct websocket *socket)
{
	CURLcode r = CURLE_OK;
	size_t n = 1;

	if (socket->in_at == socket->in_n)
		socket->in_at = socket->in_n = 0;
	while (socket->in_n < sizeof(socket->in) && !r && n && socket->state != OVER) {
		r = curl_easy_recv(socket->call.easy, socket->in + socket->in_n,
				   sizeof(socket->in) - socket->in_n, &n);
		if (r == CURLE_AGAIN)
			break;
		if (r || !n) { /* it has gone */
			if (socket->state == ASKED)
				return fail(socket);
			socket->state = OVER;
			break;
		}
		upstream_moved(&socket->call);
		socket->in_n += n;
		if (socket->state == ASKED)
			answer(socket);
	}
	if (socket->in_n > socket->in_at || socket->state == OVER)
		http_wake(socket->request);
}

static int on_ready(struct source *source, uint32_t events);

static void watch(struct websocket *socket)
{
	uint32_t events = 0;

	if (socket->state == OVER) {
		source_del(&socket->source);
		return;
	}
	if (socket->fd < 0)
		return;
	if (socket->in_n < sizeof(socket->in))
		events |= EPOLLIN;
	if (socket->out_at < socket->out_n)
		events |= EPOLLOUT;
	if (!events) /* nothing is wanted; a connection that was reset would be told of for ever */
		source_del(&socket->source);
	else if (socket->source.loop)
		source_set(&socket->source, events);
	else if (source_add(upstream_loop(socket->call.upstream), &socket->source, socket->fd,
			    events, on_ready)) {
		socket->state = OVER;
		http_wake(socket->request);
	}
}

static int on_ready(struct source *source, uint32_t events)
{
	struct websocket *socket = container_of(source, struct websocket, source);

	(void)events;
	push(socket);
	if (socket->state != OVER)
		pull(socket);
	watch(socket);
	return 0;
}

/* It is connected, or is not; or nothing has moved for so long. */
static void on_over(struct upstream_call *call, CURLcode result)
{
	struct websocket *socket = container_of(call, struct websocket, call);
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (socket->state != CONNECTING) {
		enum state was = socket->state;

		if (was == ASKED)
			fail(socket);
		socket->state = OVER;
		watch(socket);
		if (was == OPEN)
			http_wake(socket->request);
		return;
	}
	if (!result)
		curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd);
	socket->fd = fd == CURL_SOCKET_BAD ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (socket->fd < 0 || source_add(upstream_loop(call->upstream), &socket->source, socket->fd,
					 EPOLLIN | EPOLLOUT, on_ready)) {
		log_debug(0, "an upstream's websocket: %s", curl_easy_strerror(result));
		return fail(socket);
	}
	socket->state = ASKED;
}

size_t websocket_body(struct websocket *socket, const char *bytes, size_t n)
{
	size_t room = sizeof(socket->out) - socket->out_n;

	if (socket->state == OVER)
		return n;
	n = n < room ? n : room;
	if (n)
		add(socket, bytes, n);
	push(socket);
	watch(socket);
	return n;
}

ssize_t websocket_fill(struct websocket *socket, char *bytes, size_t size)
{
	size_t n = socket->in_n - socket->in_at;

	n = n < size ? n : size;
	memcpy(bytes, socket->in + socket->in_at, n);
	frames_pass(&socket->frames, bytes, n);
	socket->in_at += n;
	if (n && socket->state == OPEN) { /* there may be more that libcurl has read */
		pull(socket);
		watch(socket);
	}
	if (n || socket->state != OVER)
		return (ssize_t)n;
	if (socket->frames.closed || socket->frames.n || socket->frames.left)
		return HTTP_END;
	socket->frames.closed = true;
	memcpy(bytes, (const char[]){ (char)0x88, 2, CLOSE_NOW >> 8, (char)(CLOSE_NOW & 0xff) }, 4);
	return 4;
}

/* --- its life ------------------------------------------------------------------------- */

int websocket_start(struct upstream *upstream, struct http_request *request,
		    const struct forward_want *want, struct websocket **ret)
{
	struct websocket *socket = malloc(sizeof(*socket));
	CURL *easy;
	int r;

	if (!socket)
		return -ENOMEM;
	memset(socket, 0, offsetof(struct websocket, in));
	socket->request = request;
	socket->want = *want;
	socket->fd = -1;
	r = request_write(socket);
	memset(&socket->want.secret, 0, sizeof(socket->want.secret)); /* the caller's */
	r = r ?: upstream_alone(upstream, &socket->upstream);
	r = r ?: upstream_call_init(socket->upstream, &socket->call, on_over);
	easy = socket->call.easy;
	if (!r && (curl_easy_setopt(easy, CURLOPT_URL, want->place->origin) ||
		   curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) ||
		   curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1)))
		r = -ENOMEM;
	socket->call.stays = true;
	r = r ?: upstream_start(&socket->call);
	if (r)
		return websocket_free(socket), r;
	*ret = socket;
	return 0;
}

void websocket_free(struct websocket *socket)
{
	if (!socket)
		return;
	source_del(&socket->source);
	closep(&socket->fd);
	upstream_call_done(&socket->call);
	upstream_free(socket->upstream);
	explicit_bzero(socket->out, socket->out_n);
	free(socket);
}
