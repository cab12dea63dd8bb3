// SPDX-License-Identifier: Apache-2.0
#include "forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "forward_within.h"

#define FREE_MAX 64 /* that wait to be used again */

/* --- the reply ------------------------------------------------------------------------ */

static void fail(struct forward *forward, const char *text, const char *outcome)
{
	static const struct http_header plain[] = { { "Content-Type",
						      "text/plain; charset=utf-8" } };

	forward->replied = forward->down_failed = true;
	forward->want.known(forward->want.user, 502, outcome);
	http_reply(forward->request, 502, plain, 1, text, strlen(text));
}

void forward_fail(struct forward *forward)
{
	if (!forward->replied && !forward->held)
		return fail(forward, "Upstream request failed", "upstream_error");
	forward->down_failed = true;
	if (forward->replied)
		http_wake(forward->request);
}

static void reply(struct forward *forward)
{
	struct http_header headers[HTTP_HEADERS_MAX];
	unsigned n = forward_headers(forward, headers), status = forward->reply.status;

	forward->replied = true;
	forward->want.known(forward->want.user, status, NULL);
	if (*forward->reply.reason)
		http_reason(forward->request, forward->reply.reason);
	if (forward->whole)
		http_reply(forward->request, status, headers, n, forward->whole, forward->whole_n);
	else
		http_stream(forward->request, status, headers, n, forward_length(forward));
}

void forward_interim(struct forward *forward)
{
	struct http_header headers[HTTP_HEADERS_MAX];

	if (forward->reply.status == 100)
		forward_more(forward);
	else
		http_interim(forward->request, forward->reply.status, headers,
			     forward_headers(forward, headers));
}

void forward_settle(struct forward *forward)
{
	if (forward->reply.status < 200)
		return forward_fail(forward); /* an upgrade that nobody has asked for */
	free(forward->redirect);
	forward->redirect = forward_redirect(forward);
	if (forward->redirect) {
		forward->following = true;
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

/* --- where it goes -------------------------------------------------------------------- */

static int begin(struct forward *forward, bool fresh)
{
	const struct forward_want *want = &forward->want;

	forward->way = lines_speak(forward->forwards->lines, want->place) ? &forward_by_line
									  : &forward_by_curl;
	forward->up_at = 0;
	forward->down_end = forward->down_failed = false;
	return forward->way->start(forward, fresh);
}

static int start(struct forward *forward, const struct forward_secret *secret)
{
	int r = forward_write(forward, secret);

	forward->following = forward->held = false;
	forward->sent = 0;
	return r ?: begin(forward, false);
}

void forward_follow(struct forward *forward)
{
	forward->hops++;
	if (start(forward, &(struct forward_secret){ .header = "" }))
		forward_fail(forward);
}

void forward_gone(struct forward *forward, enum forward_end end)
{
	bool again = end == FORWARD_UNSENT || (end == FORWARD_SILENT && forward->may_repeat);

	if (end == FORWARD_FAILED)
		return forward_fail(forward);
	if (again && forward->sent < 2 && !forward->up_lost && !begin(forward, true))
		return;
	fail(forward, "Upstream disconnected", "upstream_disconnected");
}

/* --- a request ------------------------------------------------------------------------ */

/* One that was used shortly before is faster than what malloc() has of that size. */
static struct forward *take(struct forwards *forwards)
{
	struct forward *forward = forwards->free;

	if (forward) {
		forwards->free = forward->next;
		forwards->n_free--;
	} else
		forward = malloc(sizeof(*forward));
	if (forward)
		memset(forward, 0, offsetof(struct forward, reply));
	return forward;
}

static void give_back(struct forward *forward, struct forwards *forwards)
{
	if (forwards->n_free == FREE_MAX) {
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
	int r;

	if (!forward)
		return -ENOMEM;
	forward->forwards = forwards;
	forward->request = request;
	forward->want = *want;
	forward->upload = http_length(request) != 0;
	forward->up_end = !forward->upload;
	forward->chunked = forward->up_lost = http_length(request) == HTTP_CHUNKED;
	forward->may_repeat = !forward->chunked && (forward_is_safe(http_method(request)) ||
						    http_header(request, "Idempotency-Key", 0));
	http_duplex(request);
	if (http_lists(request, "Expect", "100-continue"))
		http_hold(request);
	r = start(forward, &want->secret);
	memset(&forward->want.secret, 0, sizeof(forward->want.secret)); /* the caller's */
	if (r) {
		forward_free(forward);
		return r;
	}
	*ret = forward;
	return 0;
}

int forward_again(struct forward *forward, const struct forward_secret *secret)
{
	if (forward->up_lost)
		return -ESTALE; /* the beginning of its body is not there any more */
	forward->way->stop(forward);
	if (start(forward, secret))
		forward_fail(forward); /* the reply that it had was its way's */
	return 0;
}

void forward_go_on(struct forward *forward)
{
	forward->held = false;
	reply(forward);
	http_wake(forward->request);
}

/* --- its body ------------------------------------------------------------------------- */

void forward_more(struct forward *forward)
{
	if (forward->up_end)
		return;
	forward->up_full = false;
	http_wake(forward->request);
}

/* All of a body that is known to be short is kept, to be sent again. */
static bool up_begin(struct forward *forward)
{
	int64_t length = http_length(forward->request);

	forward->up_size = length > 0 && length < FORWARD_BUFFER ? (size_t)length : FORWARD_BUFFER;
	forward->up = malloc(forward->up_size);
	return forward->up;
}

size_t forward_room(struct forward *forward, size_t n)
{
	if (!forward->up && !up_begin(forward)) {
		http_abort(forward->request);
		return 0;
	}
	/* not while it may have to be sent again */
	if (!forward->held && n > forward->up_size - forward->up_n && forward->up_at &&
	    (forward->up_at == forward->up_n || forward->up_at > forward->up_size / 2)) {
		memmove(forward->up, forward->up + forward->up_at, forward->up_n - forward->up_at);
		forward->up_n -= forward->up_at;
		forward->up_at = 0;
		forward->up_lost = true;
	}
	return n < forward->up_size - forward->up_n ? n : forward->up_size - forward->up_n;
}

/* What goes by a line is as it will be on the wire. */
static size_t keep(struct forward *forward, const char *bytes, size_t n)
{
	bool framed = forward->chunked && forward->way == &forward_by_line;
	size_t room = forward_room(forward, n + (framed ? FRAME : 0));
	char *to;

	if (framed && room <= FRAME)
		return 0;
	n = framed ? room - FRAME : room;
	if (!n)
		return 0;
	to = forward->up + forward->up_n;
	if (framed)
		to += sprintf(to, "%zx\r\n", n);
	to = mempcpy(to, bytes, n);
	if (framed)
		to = mempcpy(to, "\r\n", 2);
	forward->up_n = (size_t)(to - forward->up);
	return n;
}

size_t forward_body(struct forward *forward, const char *bytes, size_t n)
{
	size_t took = 0, some;

	forward->up_full = false;
	if (!n) {
		forward->up_end = true;
		forward->way->more(forward);
		return 0;
	}
	if (!forward->held && !forward->way->runs(forward))
		return n; /* nobody is there to take it */
	do {
		some = keep(forward, bytes + took, n - took);
		took += some;
		if (some)
			forward->way->more(forward);
	} while (some && took < n);
	forward->up_full = took < n; /* now that nobody is woken from within */
	return took;
}

ssize_t forward_fill(struct forward *forward, char *bytes, size_t size)
{
	return forward->way->fill(forward, bytes, size);
}

void forward_free(struct forward *forward)
{
	if (!forward)
		return;
	if (forward->way)
		forward->way->stop(forward);
	forward_wipe(forward);
	free(forward->redirect);
	free(forward->head);
	free(forward->up);
	give_back(forward, forward->forwards);
}

/* --- all of them ---------------------------------------------------------------------- */

static void on_after(void *user)
{
	struct forwards *forwards = user;

	forward_curl_settle(forwards);
	http_turn(forwards->http);
}

int forwards_new(struct upstream *upstream, const char *ca_file, struct http *http,
		 struct forwards **ret)
{
	struct forwards *forwards = malloc(sizeof(*forwards));
	int r;

	if (!forwards)
		return -ENOMEM;
	memset(forwards, 0, offsetof(struct forwards, wire));
	r = lines_new(upstream, ca_file, &forwards->lines);
	if (r) {
		free(forwards);
		return r;
	}
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
		free(forward);
	}
	forward_curl_free(forwards);
	lines_free(forwards->lines);
	free(forwards);
}
