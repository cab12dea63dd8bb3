// SPDX-License-Identifier: Apache-2.0
/* request.c - what a request says, and its reply */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "http/within.h"

/* --- what it says --------------------------------------------------------------------- */

const char *http_method(const struct http_request *request)
{
	return request->head.method;
}

const char *http_target(const struct http_request *request)
{
	return request->head.target;
}

const char *http_version(const struct http_request *request)
{
	return request->head.version;
}

void *http_owner(const struct http_request *request)
{
	return request->peer->owner;
}

int http_fd(const struct http_request *request)
{
	return request->peer->fd;
}

void http_set(struct http_request *request, void *mine)
{
	request->mine = mine;
}

void *http_get(const struct http_request *request)
{
	return request->mine;
}

const char *http_header(struct http_request *request, const char *name, unsigned nth)
{
	return http_head_get(&request->head, name, nth);
}

bool http_lists(struct http_request *request, const char *name, const char *element)
{
	return http_list_has(&request->head, name, element);
}

static int each(const struct http_head *head,
		int (*fn)(const char *name, const char *value, void *user), void *user)
{
	int r = 0;

	for (unsigned i = 0; !r && head && i < head->n; i++)
		r = fn(head->header[i].name, head->header[i].value, user);
	return r;
}

int http_headers(struct http_request *request,
		 int (*fn)(const char *name, const char *value, void *user), void *user)
{
	return each(&request->head, fn, user);
}

int http_trailers(struct http_request *request,
		  int (*fn)(const char *name, const char *value, void *user), void *user)
{
	return each(request->after, fn, user);
}

int64_t http_length(struct http_request *request)
{
	return request->length;
}

void http_duplex(struct http_request *request)
{
	request->duplex = true;
}

void http_hold(struct http_request *request)
{
	request->held = request->body != BODY_OVER;
}

/* --- its life ------------------------------------------------------------------------- */

static int check(struct http_request *request)
{
	const struct http_head *head = &request->head;
	bool old = !strcmp(head->version, "HTTP/1.0");

	if (http_head_get(head, "Host", 1) || (!old && !http_head_get(head, "Host", 0)))
		return -EBADMSG;
	request->length = http_head_length(head);
	if (request->length == -EBADMSG)
		return -EDOM;
	request->body = request->length == HTTP_CHUNKED ? BODY_SIZE
			: request->length               ? BODY_LENGTH
							: BODY_OVER;
	if (request->body == BODY_LENGTH)
		request->left = (uint64_t)request->length;
	request->asks = !old && request->body != BODY_OVER &&
			http_list_has(head, "Expect", "100-continue");
	request->last = http_list_has(head, "Connection", "close") ||
			(old && !http_list_has(head, "Connection", "keep-alive"));
	return 0;
}

int request_new(struct peer *peer, const char *bytes, size_t n, struct http_request **ret)
{
	struct http_request *request = malloc(sizeof(*request) + n + 1);
	int r;

	if (!request)
		return -ENOMEM;
	memset(request, 0, offsetof(struct http_request, head));
	request->http = peer->http;
	request->peer = peer;
	request->size = n;
	memcpy(request->text, bytes, n);
	r = http_head_request(request->text, n, &request->head);
	r = r ?: check(request);
	if (r) {
		free(request);
		return r;
	}
	request_counted(request->http, true);
	*ret = request;
	return 0;
}

void request_over(struct http_request *request, bool whole)
{
	struct http *http = request->http;

	request->peer->request = NULL;
	if (request->told && http->use->over)
		http->use->over(request, whole && !request->abort);
	explicit_bzero(request->text, request->size); /* credentials are in it */
	kept_free(&request->answer);
	free(request->after);
	free(request->trailers);
	free(request->more);
	free(request);
	request_counted(http, false);
}

void http_wake(struct http_request *request)
{
	request->held = request->blocked = request->waits = false;
	peer_ready(request->peer);
}

void http_abort(struct http_request *request)
{
	request->abort = true;
	peer_ready(request->peer);
}

/* --- its reply ------------------------------------------------------------------------ */

static const char *words(unsigned status)
{
	static const struct {
		unsigned status;
		const char *words;
	} known[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 103, "Early Hints" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].words;
	return "Unknown";
}

/* A value from elsewhere begins no line of its own. */
static bool is_sound(const char *name, const char *value)
{
	return *name && !strpbrk(name, "\r\n :") && !strpbrk(value, "\r\n");
}

/* "@name: @value" and the line's end, at the end of what is kept there, which has the room. */
static void line(struct kept *to, const char *name, const char *value)
{
	char *at = to->bytes + to->n;

	at = stpcpy(stpcpy(stpcpy(stpcpy(at, name), ": "), value), "\r\n");
	to->n = (size_t)(at - to->bytes);
}

static void date(struct kept *to)
{
	time_t now = time(NULL);
	char text[40];
	struct tm tm;

	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	line(to, "Date", text);
}

static bool has(const struct http_header *headers, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcasecmp(headers[i].name, name))
			return true;
	return false;
}

#define HEAD_ROOM 256 /* the first line's frame, and what we add */

/* The first line and @headers; room for @more bytes is behind them. */
static int head_begin(unsigned status, const char *reason, const struct http_header *headers,
		      unsigned n, size_t more, struct kept *ret)
{
	size_t size = HEAD_ROOM + strlen(reason) + more;

	if (status < 100 || status > 999 || strpbrk(reason, "\r\n"))
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if (!is_sound(headers[i].name, headers[i].value))
			return -EINVAL;
		size += strlen(headers[i].name) + strlen(headers[i].value) + 4;
	}
	*ret = (struct kept){ .bytes = malloc(size) };
	if (!ret->bytes)
		return -ENOMEM;
	ret->n = (size_t)sprintf(ret->bytes, "HTTP/1.1 %u %s\r\n", status, reason);
	if (status >= 200 && !has(headers, n, "Date"))
		date(ret);
	for (unsigned i = 0; i < n; i++)
		line(ret, headers[i].name, headers[i].value);
	return 0;
}

/* How its end is seen, which the client was not told yet. */
static void head_end(struct http_request *request, unsigned status, uint64_t size, struct kept *to)
{
	bool old = !strcmp(request->head.version, "HTTP/1.0");
	char text[24];

	request->bodyless = !strcmp(request->head.method, "HEAD") || status == 204 || status == 304;
	request->to_send = size;
	if (size == HTTP_UNKNOWN && !request->bodyless) {
		request->chunked = !old;
		request->last |= old;
	}
	if (request->last)
		line(to, "Connection", "close");
	else if (old)
		line(to, "Connection", "keep-alive");
	snprintf(text, sizeof(text), "%llu", (unsigned long long)size);
	if (request->chunked)
		line(to, "Transfer-Encoding", "chunked");
	else if (size != HTTP_UNKNOWN && status != 204)
		line(to, "Content-Length", text);
	to->n = (size_t)(stpcpy(to->bytes + to->n, "\r\n") - to->bytes);
}

static int reply(struct http_request *request, unsigned status, const struct http_header *headers,
		 unsigned n, uint64_t size, const char *body)
{
	size_t more = body ? size : 0;
	int r;

	if (request->reply != REPLY_NONE)
		return -EALREADY;
	request->reply = REPLY_WAITS;
	/* at once, to who waits for it and would send too much; it is the connection's last then */
	if (request->body != BODY_OVER &&
	    (((body || request->duplex) && request->asks) || (body && request->length > SWALLOW)))
		request->last = true;
	r = head_begin(status, request->reason ?: words(status), headers, n, more,
		       &request->answer);
	if (r) {
		http_abort(request);
		return r;
	}
	head_end(request, status, size, &request->answer);
	if (body && !request->bodyless) {
		memcpy(request->answer.bytes + request->answer.n, body, more);
		request->answer.n += more;
	}
	request->deaf = body != NULL;
	http_wake(request);
	return 0;
}

int http_reply(struct http_request *request, unsigned status, const struct http_header *headers,
	       unsigned n, const char *body, size_t size)
{
	return reply(request, status, headers, n, size, body ?: "");
}

int http_stream(struct http_request *request, unsigned status, const struct http_header *headers,
		unsigned n, uint64_t size)
{
	return reply(request, status, headers, n, size, NULL);
}

int http_tunnel(struct http_request *request, const struct http_header *headers, unsigned n)
{
	int r;

	if (request->reply != REPLY_NONE)
		return -EALREADY;
	request->reply = REPLY_WAITS;
	r = request->body == BODY_OVER ? 0 : -EINVAL;
	r = r ?: head_begin(101, words(101), headers, n, 0, &request->answer);
	if (r) {
		http_abort(request);
		return r;
	}
	request->answer.n = (size_t)(stpcpy(request->answer.bytes + request->answer.n, "\r\n") -
				     request->answer.bytes);
	request->to_send = HTTP_UNKNOWN;
	request->last = request->duplex = true;
	request->body = BODY_RAW;
	http_wake(request);
	return 0;
}

int http_interim(struct http_request *request, unsigned status, const struct http_header *headers,
		 unsigned n)
{
	struct kept head;
	int r;

	if (request->reply != REPLY_NONE || status < 102 || status > 199)
		return -EINVAL;
	if (!strcmp(request->head.version, "HTTP/1.0")) /* which knows none */
		return 0;
	r = head_begin(status, words(status), headers, n, 0, &head);
	if (r)
		return r;
	head.n = (size_t)(stpcpy(head.bytes + head.n, "\r\n") - head.bytes);
	r = kept_add(&request->peer->out, head.bytes, head.n);
	kept_free(&head);
	peer_ready(request->peer);
	return r;
}

void http_reason(struct http_request *request, const char *reason)
{
	request->reason = reason;
}

int http_trailer(struct http_request *request, const char *name, const char *value)
{
	size_t had = request->more ? strlen(request->more) : 0;
	size_t size = had + strlen(name) + strlen(value) + 4;
	char *grown;

	if (!is_sound(name, value))
		return -EINVAL;
	if (size > AFTER - ROOM)
		return -E2BIG;
	grown = realloc(request->more, size + 1);
	if (!grown)
		return -ENOMEM;
	request->more = grown;
	stpcpy(stpcpy(stpcpy(stpcpy(grown + had, name), ": "), value), "\r\n");
	return 0;
}

/* There is no request yet to which this is the reply. */
void request_refuse(struct peer *peer, unsigned status, const char *text)
{
	static const struct http_header plain[] = { { "Content-Type", "text/plain" } };
	struct http_request *request = calloc(1, sizeof(*request) + 1);

	kept_free(&peer->in);
	if (!request) {
		peer->cut = true;
		return;
	}
	request->http = peer->http;
	request->peer = peer;
	request_counted(request->http, true);
	request->head.method = request->head.target = "";
	request->head.version = "HTTP/1.1";
	request->body = BODY_RAW; /* whatever still comes */
	request->deaf = request->last = true;
	peer->request = request;
	peer_phase(peer, PHASE_BUSY);
	http_reply(request, status, plain, 1, text, strlen(text));
}
