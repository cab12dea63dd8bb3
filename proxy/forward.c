// SPDX-License-Identifier: Apache-2.0
#include "forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "forward_within.h"

#define FREE_MAX 32 /* forwards that wait to be used again */

struct forwards {
	struct upstream *upstream;
	struct http *http;
	struct forward *free, *pending;
	unsigned n_free;
};

static int start(struct forward *forward, const struct forward_secret *secret);

/* --- the reply ------------------------------------------------------------------------ */

static void fail(struct forward *forward, const char *text, const char *outcome)
{
	static const struct http_header plain[] = { { "Content-Type",
						      "text/plain; charset=utf-8" } };

	forward->replied = forward->down_failed = true;
	forward->want.known(forward->want.user, 502, outcome);
	http_reply(forward->request, 502, plain, 1, text, strlen(text));
}

static void fail_request(struct forward *forward)
{
	fail(forward, "Upstream request failed", "upstream_error");
}

static void reply(struct forward *forward)
{
	struct http_header headers[HTTP_HEADERS_MAX];
	unsigned n = forward_headers(forward, headers), status = forward->reply.status;

	forward->replied = true;
	forward->want.known(forward->want.user, status, NULL);
	if (*forward->reply.reason)
		http_reason(forward->request, forward->reply.reason);
	if (status == 417 && http_lists(forward->request, "Expect", "100-continue"))
		/* libcurl drops its body, to ask again without */
		http_reply(forward->request, status, headers, n, "", 0);
	else
		http_stream(forward->request, status, headers, n, forward_length(forward));
}

/* The head is there: whose is it? Not within libcurl. */
static void settle(struct forward *forward)
{
	struct forward **at = &forward->forwards->pending;

	if (!forward->pending)
		return;
	while (*at != forward)
		at = &(*at)->next;
	*at = forward->next;
	forward->pending = false;
	if (forward->reply.status < 200)
		return fail_request(forward); /* an upgrade that nobody has asked for */
	free(forward->redirect);
	forward->redirect = forward_redirect(forward);
	if (forward->redirect) {
		forward->following = true;
		forward->down_n = forward->down_at = 0;
		return;
	}
	if (forward->reply.status == 401 && !forward->asked && !forward->up_lost &&
	    !forward->hops && forward->want.refused) {
		forward->asked = forward->held = true;
		if (forward->want.refused(forward->want.user) == 1)
			return;
		forward->held = false;
	}
	reply(forward);
}

static void on_after(void *user)
{
	struct forwards *forwards = user;

	while (forwards->pending)
		settle(forwards->pending);
	http_turn(forwards->http);
}

/* --- libcurl's callbacks --------------------------------------------------------------- */

static void go_on(struct forward *forward)
{
	if (!forward->up_end)
		http_wake(forward->request);
}

static size_t on_line(char *line, size_t one, size_t n, void *user)
{
	struct forward *forward = user;
	struct http_header headers[HTTP_HEADERS_MAX];
	int r = forward_line(forward, line, n);

	(void)one;
	upstream_moved(&forward->call);
	if (r < 0)
		return 0;
	if (!r)
		return n;
	if (forward->reply.status >= 200 || forward->reply.status == 101) {
		forward->head_over = true;
		forward->head_at = forward->head_n;
		forward->pending = true;
		forward->next = forward->forwards->pending;
		forward->forwards->pending = forward;
		return n;
	}
	if (forward->reply.status == 100)
		go_on(forward);
	else
		http_interim(forward->request, forward->reply.status, headers,
			     forward_headers(forward, headers));
	forward->head_n = 0;
	return n;
}

static size_t on_write(char *bytes, size_t one, size_t n, void *user)
{
	struct forward *forward = user;

	(void)one;
	upstream_moved(&forward->call);
	if (forward->following)
		return n;
	if (n > FORWARD_BUFFER - forward->down_n && forward->down_at) {
		memmove(forward->down, forward->down + forward->down_at,
			forward->down_n - forward->down_at);
		forward->down_n -= forward->down_at;
		forward->down_at = 0;
	}
	if (n > FORWARD_BUFFER - forward->down_n) {
		forward->down_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(forward->down + forward->down_n, bytes, n);
	forward->down_n += n;
	if (forward->replied)
		http_wake(forward->request);
	return n;
}

static size_t on_read(char *bytes, size_t one, size_t n, void *user)
{
	struct forward *forward = user;
	size_t there = forward->up_n - forward->up_at;

	n *= one;
	upstream_moved(&forward->call);
	if (!there && forward->up_end)
		return 0;
	if (!there) {
		forward->up_paused = true;
		go_on(forward);
		return CURL_READFUNC_PAUSE;
	}
	n = n < there ? n : there;
	memcpy(bytes, forward->up + forward->up_at, n);
	forward->up_at += n;
	if (forward->up_n == FORWARD_BUFFER)
		go_on(forward); /* there is room again, if nothing has to be kept */
	return n;
}

/* To the beginning only, while it is still here. */
static int on_seek(void *user, curl_off_t to, int whence)
{
	struct forward *forward = user;

	if (to || whence != SEEK_SET || forward->up_lost)
		return CURL_SEEKFUNC_FAIL;
	forward->up_at = 0;
	return CURL_SEEKFUNC_OK;
}

/* Before each time that it is sent: libcurl repeats one that found a dead connection. */
static int on_send(void *user, char *to, char *from, int to_port, int from_port)
{
	struct forward *forward = user;

	(void)to, (void)from, (void)to_port, (void)from_port;
	return forward->sent++ && (forward->sent > 2 || !forward->may_repeat || forward->head_over)
		   ? CURL_PREREQFUNC_ABORT
		   : CURL_PREREQFUNC_OK;
}

struct trailing {
	struct forward *forward;
	struct curl_slist **list;
};

static int on_trailer(const char *name, const char *value, void *user)
{
	struct trailing *trailing = user;
	struct forward *forward = trailing->forward;
	struct curl_slist **list = trailing->list, *longer;
	char line[1024];

	/* some upstreams take them for headers */
	if (forward_leaves_out(forward->request, &forward->want, "", name) ||
	    !strcasecmp(name, "content-length"))
		return 0;
	if (snprintf(line, sizeof(line), "%s: %s", name, value) >= (int)sizeof(line))
		return 0;
	longer = curl_slist_append(*list, line);
	*list = longer ?: *list;
	return 0;
}

static int on_trailers(struct curl_slist **list, void *user)
{
	struct trailing trailing = { user, list };

	http_trailers(trailing.forward->request, on_trailer, &trailing);
	return CURL_TRAILERFUNC_OK;
}

/* What followed the last chunk. */
static void pass_trailers(struct forward *forward)
{
	struct http_head *after = &forward->reply; /* its head was passed on */
	char *bytes = forward->head + forward->head_at;
	size_t n = forward->head_n - forward->head_at;

	if (!n || n + 2 > HEAD_MAX - forward->head_at)
		return;
	if (n < 2 || memcmp(bytes + n - 2, "\r\n", 2) || n < 4 || memcmp(bytes + n - 4, "\r\n", 2))
		n = (size_t)(stpcpy(bytes + n, "\r\n") - bytes);
	after->n = 0;
	if (http_head_fields(bytes, n, after))
		return;
	for (unsigned i = 0; i < after->n; i++)
		if (!forward_is_hop(after->header[i].name))
			http_trailer(forward->request, after->header[i].name,
				     after->header[i].value);
}

static bool is_lost(CURLcode result)
{
	switch (result) {
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_ABORTED_BY_CALLBACK:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM: return true;
	default: return false;
	}
}

static void lost(struct forward *forward, CURLcode result)
{
	log_debug(0, "an upstream: %s", curl_easy_strerror(result));
	if (!is_lost(result))
		return fail_request(forward);
	if (result != CURLE_ABORTED_BY_CALLBACK && forward->sent == 1 && forward->may_repeat &&
	    !forward->up_lost && !forward->head_n) {
		forward->up_at = 0;
		curl_easy_setopt(forward->call.easy, CURLOPT_FRESH_CONNECT, 1L);
		if (!upstream_start(&forward->call))
			return;
	}
	fail(forward, "Upstream disconnected", "upstream_disconnected");
}

static void on_over(struct upstream_call *call, CURLcode result)
{
	struct forward *forward = container_of(call, struct forward, call);

	settle(forward);
	if (forward->following && !result) {
		forward->hops++;
		forward->sent = 0;
		if (start(forward, &(struct forward_secret){ .header = "" }))
			fail_request(forward);
		return;
	}
	if (!forward->replied && (!forward->held || forward->following))
		return lost(forward, result);
	if (result)
		forward->down_failed = true;
	else if (!forward->held)
		pass_trailers(forward);
	forward->down_end = !result;
	if (forward->replied)
		http_wake(forward->request);
}

/* --- a request ------------------------------------------------------------------------ */

static int set_request(struct forward *forward)
{
	CURL *easy = forward->call.easy;
	const char *method = http_method(forward->request);
	bool plain = !forward->upload; /* CURLOPT_UPLOAD undoes CURLOPT_NOBODY, and is a PUT then */
	bool head = plain && !strcmp(method, "HEAD"), get = plain && !strcmp(method, "GET");
	int64_t length = http_length(forward->request);
	CURLcode r = curl_easy_setopt(easy, CURLOPT_URL, forward->origin);

	r = r ?: curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, forward->target);
	r = r ?: curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
	r = r ?: curl_easy_setopt(easy, CURLOPT_UPLOAD, 0L);
	r = r ?: curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	if (head)
		r = r ?: curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (forward->upload) {
		r = r ?: curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		r = r
			?: curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
					    (curl_off_t)(length == HTTP_CHUNKED ? -1 : length));
	}
	r = r ?: curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, head || get ? NULL : method);
	return (r ?: curl_easy_setopt(easy, CURLOPT_HTTPHEADER, forward->node)) ? -ENOMEM : 0;
}

static int start(struct forward *forward, const struct forward_secret *secret)
{
	int r;

	forward->up_at = forward->head_n = forward->head_at = 0;
	forward->down_n = forward->down_at = 0;
	forward->head_over = forward->following = forward->held = false;
	forward->up_paused = forward->down_paused = forward->down_end = false;
	r = forward_lines(forward, secret);
	r = r ?: set_request(forward);
	return r ?: upstream_start(&forward->call);
}

static struct forward *take(struct forwards *forwards)
{
	struct forward *forward = forwards->free;
	CURL *easy;

	if (forward) {
		forwards->free = forward->next;
		forwards->n_free--;
		return forward;
	}
	forward = malloc(sizeof(*forward));
	if (!forward)
		return NULL;
	memset(forward, 0, offsetof(struct forward, lines));
	if (upstream_call_init(forwards->upstream, &forward->call, on_over)) {
		free(forward);
		return NULL;
	}
	forward->forwards = forwards;
	easy = forward->call.easy;
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, forward);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, forward);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, forward);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, forward);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, forward);
	return forward;
}

static void give_back(struct forward *forward)
{
	struct forwards *forwards = forward->forwards;

	forward_lines_wipe(forward);
	curl_easy_setopt(forward->call.easy, CURLOPT_HTTPHEADER, NULL);
	if (forwards->n_free == FREE_MAX || forward->chunked) {
		upstream_call_done(&forward->call);
		free(forward);
		return;
	}
	forward->next = forwards->free;
	forwards->free = forward;
	forwards->n_free++;
}

int forward_start(struct forwards *forwards, struct http_request *request,
		  const struct forward_want *want, struct forward **ret)
{
	struct forward *forward = take(forwards);
	int r = 0;

	if (!forward)
		return -ENOMEM;
	memset((char *)forward + offsetof(struct forward, request), 0,
	       offsetof(struct forward, lines) - offsetof(struct forward, request));
	forward->request = request;
	forward->want = *want;
	if (strlen(want->place->origin) >= URL_MAX || strlen(want->place->path) >= URL_MAX)
		r = -E2BIG;
	else {
		strcpy(forward->origin, want->place->origin);
		strcpy(forward->base, want->place->path);
	}
	forward->upload = http_length(request) != 0;
	forward->up_end = !forward->upload;
	forward->chunked = forward->up_lost = http_length(request) == HTTP_CHUNKED;
	forward->may_repeat = !forward->chunked && (forward_is_safe(http_method(request)) ||
						    http_header(request, "Idempotency-Key", 0));
	if (forward->chunked) {
		curl_easy_setopt(forward->call.easy, CURLOPT_TRAILERFUNCTION, on_trailers);
		curl_easy_setopt(forward->call.easy, CURLOPT_TRAILERDATA, forward);
	}
	http_duplex(request);
	if (http_lists(request, "Expect", "100-continue"))
		http_hold(request);
	r = r ?: start(forward, &want->secret);
	memset(&forward->want.secret, 0, sizeof(forward->want.secret)); /* the caller's */
	if (r) {
		give_back(forward);
		return r;
	}
	*ret = forward;
	return 0;
}

int forward_again(struct forward *forward, const struct forward_secret *secret)
{
	int r;

	if (forward->up_lost)
		return -ESTALE; /* the beginning of its body is not there any more */
	upstream_stop(&forward->call);
	forward->sent = 0;
	r = start(forward, secret);
	forward->down_failed |= r != 0; /* of the reply that it had only the head is left */
	return r;
}

void forward_go_on(struct forward *forward)
{
	forward->held = false;
	reply(forward);
	http_wake(forward->request);
}

/* Pauses of libcurl are of both ways at once. */
static void unpause(struct forward *forward)
{
	int pause = (forward->up_paused ? CURLPAUSE_SEND : 0) |
		    (forward->down_paused ? CURLPAUSE_RECV : 0);

	if (forward->call.slot)
		curl_easy_pause(forward->call.easy, pause);
}

size_t forward_body(struct forward *forward, const char *bytes, size_t n)
{
	if (!n)
		forward->up_end = true;
	else if (!forward->call.slot && !forward->held)
		return n; /* nobody is there to take it */
	/* not while it may have to be sent again */
	if (!forward->held && n > FORWARD_BUFFER - forward->up_n && forward->up_at &&
	    (forward->up_at == forward->up_n || forward->up_at > FORWARD_BUFFER / 2)) {
		memmove(forward->up, forward->up + forward->up_at, forward->up_n - forward->up_at);
		forward->up_n -= forward->up_at;
		forward->up_at = 0;
		forward->up_lost = true;
	}
	n = n < FORWARD_BUFFER - forward->up_n ? n : FORWARD_BUFFER - forward->up_n;
	memcpy(forward->up + forward->up_n, bytes ?: "", n);
	forward->up_n += n;
	if (forward->up_paused && (n || forward->up_end)) {
		forward->up_paused = false;
		unpause(forward);
	}
	return n;
}

ssize_t forward_fill(struct forward *forward, char *bytes, size_t size)
{
	size_t n = forward->down_n - forward->down_at;

	n = n < size ? n : size;
	memcpy(bytes, forward->down + forward->down_at, n);
	forward->down_at += n;
	if (forward->down_at == forward->down_n)
		forward->down_at = forward->down_n = 0;
	if (forward->down_paused && forward->down_n - forward->down_at <= FORWARD_BUFFER / 2) {
		forward->down_paused = false;
		unpause(forward);
	}
	if (n)
		return (ssize_t)n;
	if (forward->down_n > forward->down_at)
		return forward_fill(forward, bytes, size);
	return forward->down_end ? HTTP_END : forward->down_failed ? HTTP_ABORT : 0;
}

void forward_free(struct forward *forward)
{
	if (!forward)
		return;
	upstream_stop(&forward->call);
	if (forward->pending) {
		struct forward **at = &forward->forwards->pending;

		while (*at != forward)
			at = &(*at)->next;
		*at = forward->next;
	}
	free(forward->redirect);
	forward->redirect = NULL;
	give_back(forward);
}

/* --- all of them ---------------------------------------------------------------------- */

int forwards_new(struct upstream *upstream, struct http *http, struct forwards **ret)
{
	struct forwards *forwards = calloc(1, sizeof(*forwards));

	if (!forwards)
		return -ENOMEM;
	forwards->upstream = upstream;
	forwards->http = http;
	upstream_after(upstream, on_after, forwards);
	*ret = forwards;
	return 0;
}

void forwards_free(struct forwards *forwards)
{
	if (!forwards)
		return;
	for (struct forward *forward; (forward = forwards->free);) {
		forwards->free = forward->next;
		upstream_call_done(&forward->call);
		free(forward);
	}
	free(forwards);
}
