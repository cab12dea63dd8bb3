// SPDX-License-Identifier: Apache-2.0
/* forward_head.c - heads of requests and replies, as one hop hands them to the next */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "forward_within.h"

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (!strcasecmp(name, *list))
			return true;
	return false;
}

bool forward_is_hop(const char *name)
{
	static const char *const hops[] = {
		"connection",
		"keep-alive",
		"proxy-connection",
		"proxy-authenticate",
		"proxy-authorization",
		"te",
		"trailer",
		"transfer-encoding",
		"upgrade",
		NULL,
	};

	return is_one_of(name, hops);
}

bool forward_is_safe(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS");
}

/* --- requests ------------------------------------------------------------------------- */

struct writing {
	struct forward *forward;
	const struct forward_secret *secret;
	char *at;                       /* in forwards' wire; NULL: there was no room */
	unsigned seen[ROUTE_EXTRA_MAX]; /* occurrences so far of each extra header */
};

static void put(struct writing *writing, const char *bytes, size_t n)
{
	const char *end = writing->forward->forwards->wire + WIRE_MAX;

	if (!writing->at || n > (size_t)(end - writing->at))
		writing->at = NULL;
	else
		writing->at = mempcpy(writing->at, bytes, n);
}

static void text(struct writing *writing, const char *text)
{
	put(writing, text, strlen(text));
}

static void header(struct writing *writing, const char *name, const char *value, const char *more)
{
	text(writing, name);
	put(writing, ": ", *value || *more ? 2 : 1);
	text(writing, value);
	put(writing, ", ", *value && *more ? 2 : 0);
	text(writing, more);
	put(writing, "\r\n", 2);
}

bool forward_leaves_out(struct http_request *request, const struct forward_want *want,
			const char *secret_header, const char *name)
{
	static const char *const ours[] = { "authorization", "x-api-key", "private-token",
					    "host",          "expect",    NULL };

	return forward_is_hop(name) || is_one_of(name, ours) ||
	       http_lists(request, "Connection", name) || !strcasecmp(name, secret_header) ||
	       (want->drop && !strcasecmp(name, want->drop));
}

static bool is_left_out(const struct writing *writing, const char *name)
{
	static const char *const followed[] = { "accept", "accept-encoding", "user-agent", NULL };
	struct forward *forward = writing->forward;

	if (forward->redirect)
		return !is_one_of(name, followed);
	if (forward->upload && !strcasecmp(name, "content-length"))
		return true; /* it is said in one place */
	return forward_leaves_out(forward->request, &forward->want, writing->secret->header, name);
}

/* Goes behind the last of the client's, if it is not in any of them. */
static const char *extra_for(struct writing *writing, const char *name)
{
	const struct forward_want *want = &writing->forward->want;
	struct http_request *request = writing->forward->request;

	for (unsigned i = 0; i < want->n_extra && !writing->forward->redirect; i++) {
		const struct route_header *extra = &want->extra[i];

		if (!strcasecmp(extra->name, name) && !http_lists(request, name, extra->value) &&
		    !http_header(request, name, ++writing->seen[i]))
			return extra->value;
	}
	return "";
}

static int on_header(const char *name, const char *value, void *user)
{
	struct writing *writing = user;

	if (!is_left_out(writing, name))
		header(writing, name, value, extra_for(writing, name));
	return 0;
}

static void put_first(struct writing *writing)
{
	struct forward *forward = writing->forward;
	const struct route_place *place = forward->want.place;
	const char *target = forward->redirect ?: http_target(forward->request);

	text(writing, http_method(forward->request));
	put(writing, " ", 1);
	if (!forward->redirect && *target == '/')
		text(writing, place->path);
	text(writing, target);
	text(writing, " HTTP/1.1\r\n");
	header(writing, "Host", place->host, "");
	if (forward->chunked)
		header(writing, "Transfer-Encoding", "chunked", "");
}

/* What is not the client's. forward_curl.c knows where it is: the length is last. */
static void put_ours(struct writing *writing)
{
	struct forward *forward = writing->forward;
	const struct forward_want *want = &forward->want;
	const struct forward_secret *secret = writing->secret;
	char length[24];

	for (unsigned i = 0; i < want->n_extra && !forward->redirect; i++)
		if (!http_header(forward->request, want->extra[i].name, 0))
			header(writing, want->extra[i].name, want->extra[i].value, "");
	if (!forward->redirect) {
		text(writing, secret->header);
		put(writing, ": ", 2);
		text(writing, secret->prefix);
		put(writing, secret->value, secret->n);
		put(writing, "\r\n", 2);
	}
	if (forward->upload && http_lists(forward->request, "Expect", "100-continue"))
		header(writing, "Expect", "100-continue", "");
	snprintf(length, sizeof(length), "%lld", (long long)http_length(forward->request));
	if (forward->upload && !forward->chunked)
		header(writing, "Content-Length", length, "");
	put(writing, "\r\n", 2);
}

int forward_write(struct forward *forward, const struct forward_secret *secret)
{
	char *wire = forward->forwards->wire;
	struct writing writing = { .forward = forward, .secret = secret, .at = wire };
	size_t n;

	if (secret->n >= FORWARD_SECRET)
		return -E2BIG;
	forward_wipe(forward);
	put_first(&writing);
	http_headers(forward->request, on_header, &writing);
	put_ours(&writing);
	if (!writing.at) {
		explicit_bzero(wire, WIRE_MAX);
		return -E2BIG;
	}
	n = (size_t)(writing.at - wire);
	forward->wire = malloc(n + 1);
	if (forward->wire) {
		memcpy(forward->wire, wire, n);
		forward->wire_n = n;
	}
	explicit_bzero(wire, n);
	return forward->wire ? 0 : -ENOMEM;
}

void forward_wipe(struct forward *forward)
{
	if (forward->wire)
		explicit_bzero(forward->wire, forward->wire_n);
	free(forward->wire);
	forward->wire = NULL;
	forward->wire_n = 0;
}

struct trailing {
	struct forward *forward;
	int (*fn)(const char *name, const char *value, void *user);
	void *user;
};

static int on_trailer(const char *name, const char *value, void *user)
{
	struct trailing *trailing = user;
	struct forward *forward = trailing->forward;

	/* some upstreams take them for headers */
	if (forward_leaves_out(forward->request, &forward->want, "", name) ||
	    !strcasecmp(name, "content-length"))
		return 0;
	return trailing->fn(name, value, trailing->user);
}

int forward_each_trailer(struct forward *forward,
			 int (*fn)(const char *name, const char *value, void *user), void *user)
{
	struct trailing trailing = { forward, fn, user };

	return http_trailers(forward->request, on_trailer, &trailing);
}

/* --- replies -------------------------------------------------------------------------- */

unsigned forward_headers(const struct forward *forward, struct http_header *ret)
{
	bool moves = forward->reply.status / 100 == 3 &&
		     !forward_is_safe(http_method(forward->request));
	unsigned n = 0;

	for (unsigned i = 0; i < forward->reply.n; i++) {
		const struct http_header *header = &forward->reply.header[i];

		if (forward_is_hop(header->name) || !strcasecmp(header->name, "content-length") ||
		    (moves && !strcasecmp(header->name, "location")) ||
		    http_list_has(&forward->reply, "Connection", header->name))
			continue;
		ret[n++] = *header;
	}
	return n;
}

uint64_t forward_length(const struct forward *forward)
{
	const char *text = http_head_get(&forward->reply, "Content-Length", 0);
	char *end;
	unsigned long long n;

	if (!text || http_head_get(&forward->reply, "Transfer-Encoding", 0) ||
	    strspn(text, "0123456789") != strlen(text) || !*text)
		return HTTP_UNKNOWN;
	errno = 0;
	n = strtoull(text, &end, 10);
	return errno ? HTTP_UNKNOWN : n;
}

char *forward_redirect(const struct forward *forward)
{
	const char *to = http_head_get(&forward->reply, "Location", 0);
	size_t n = strlen(forward->want.place->origin);

	switch (forward->reply.status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308: break;
	default: return NULL;
	}
	if (!to || forward->want.stays || forward->hops == HOPS_MAX || forward->upload ||
	    !forward_is_safe(http_method(forward->request)))
		return NULL;
	if (!strncasecmp(to, forward->want.place->origin, n) && to[n] == '/')
		to += n;
	if (*to != '/' || to[1] == '/' || strpbrk(to, " \t"))
		return NULL; /* elsewhere: whoever asked may go there from where they are */
	return strndup(to, strcspn(to, "#"));
}

void forward_trailers(struct forward *forward, const struct http_head *after)
{
	for (unsigned i = 0; after && i < after->n; i++)
		if (!forward_is_hop(after->header[i].name))
			http_trailer(forward->request, after->header[i].name,
				     after->header[i].value);
}
