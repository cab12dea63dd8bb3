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

/* A line of @n parts one behind the other. */
static int add_line(struct forward *forward, const char *const *part, unsigned n)
{
	char *line = forward->lines + forward->n_lines, *at = line;
	struct curl_slist *node = &forward->node[forward->n_nodes];
	size_t size = 1;

	for (unsigned i = 0; i < n; i++)
		size += strlen(part[i]);
	if (size > LINES_MAX - forward->n_lines || forward->n_nodes == LINE_COUNT)
		return -E2BIG;
	for (unsigned i = 0; i < n; i++)
		at = stpcpy(at, part[i]);
	forward->n_lines += size;
	*node = (struct curl_slist){ .data = line };
	if (forward->n_nodes++)
		node[-1].next = node;
	return 0;
}

/* libcurl takes "Name:" for one that is left out. */
static int add_header(struct forward *forward, const char *name, const char *value,
		      const char *more)
{
	const char *const plain[] = { name, ": ", value, *value && *more ? ", " : "", more };
	const char *const empty[] = { name, ";" };

	return *value || *more ? add_line(forward, plain, 5) : add_line(forward, empty, 2);
}

struct adding {
	struct forward *forward;
	const struct forward_secret *secret;
	unsigned seen[ROUTE_EXTRA_MAX]; /* occurrences so far of each extra header */
	bool accept;
};

bool forward_leaves_out(struct http_request *request, const struct forward_want *want,
			const char *secret_header, const char *name)
{
	static const char *const ours[] = { "authorization", "x-api-key", "private-token",
					    "host",          "expect",    NULL };

	return forward_is_hop(name) || is_one_of(name, ours) ||
	       http_lists(request, "Connection", name) || !strcasecmp(name, secret_header) ||
	       (want->drop && !strcasecmp(name, want->drop));
}

static bool is_left_out(const struct adding *adding, const char *name)
{
	static const char *const followed[] = { "accept", "accept-encoding", "user-agent", NULL };
	struct forward *forward = adding->forward;

	if (forward->redirect)
		return !is_one_of(name, followed);
	if (forward->upload && !strcasecmp(name, "content-length"))
		return true; /* libcurl says it */
	return forward_leaves_out(forward->request, &forward->want, adding->secret->header, name);
}

/* Goes behind the last of the client's, if it is not in any of them. */
static const char *extra_for(struct adding *adding, const char *name)
{
	const struct forward_want *want = &adding->forward->want;
	struct http_request *request = adding->forward->request;

	for (unsigned i = 0; i < want->n_extra && !adding->forward->redirect; i++) {
		const struct route_header *extra = &want->extra[i];

		if (!strcasecmp(extra->name, name) && !http_lists(request, name, extra->value) &&
		    !http_header(request, name, ++adding->seen[i]))
			return extra->value;
	}
	return "";
}

static int on_header(const char *name, const char *value, void *user)
{
	struct adding *adding = user;

	if (is_left_out(adding, name))
		return 0;
	adding->accept |= !strcasecmp(name, "accept");
	return add_header(adding->forward, name, value, extra_for(adding, name));
}

static int add_secret(struct forward *forward, const struct forward_secret *secret)
{
	const char *const head[] = { secret->header, ": ", secret->prefix };
	int r = add_line(forward, head, 3);

	if (r || secret->n >= FORWARD_SECRET || secret->n > LINES_MAX - forward->n_lines)
		return r ?: -E2BIG;
	memcpy(forward->lines + forward->n_lines - 1, secret->value, secret->n);
	forward->n_lines += secret->n;
	forward->lines[forward->n_lines - 1] = '\0';
	return 0;
}

static int add_ours(struct adding *adding)
{
	struct forward *forward = adding->forward;
	const struct forward_want *want = &forward->want;
	static const char *const accept[] = { "Accept:" }, *const expect[] = { "Expect:" };
	static const char *const waits[] = { "Expect: 100-continue" };
	int r = 0;

	for (unsigned i = 0; !r && i < want->n_extra && !forward->redirect; i++)
		if (!http_header(forward->request, want->extra[i].name, 0))
			r = add_header(forward, want->extra[i].name, want->extra[i].value, "");
	if (!r && !forward->redirect)
		r = add_secret(forward, adding->secret);
	if (!r && !adding->accept) /* libcurl has one of its own */
		r = add_line(forward, accept, 1);
	if (!r && forward->upload)
		r = add_line(
		    forward,
		    http_lists(forward->request, "Expect", "100-continue") ? waits : expect, 1);
	return r;
}

int forward_lines(struct forward *forward, const struct forward_secret *secret)
{
	struct adding adding = { .forward = forward, .secret = secret };
	const char *target = forward->redirect ?: http_target(forward->request);
	bool whole = forward->redirect || *target != '/';
	size_t n = strlen(target) + (whole ? 0 : strlen(forward->base)) + 1;
	int r;

	forward_lines_wipe(forward);
	if (n > LINES_MAX)
		return -E2BIG;
	forward->target = forward->lines;
	stpcpy(stpcpy(forward->lines, whole ? "" : forward->base), target);
	forward->n_lines = n;
	r = http_headers(forward->request, on_header, &adding);
	return r ?: add_ours(&adding);
}

void forward_lines_wipe(struct forward *forward)
{
	explicit_bzero(forward->lines, forward->n_lines);
	forward->n_lines = forward->n_nodes = 0;
}

/* --- replies -------------------------------------------------------------------------- */

/* A line that goes on the one before is part of that. */
static void unfold(struct forward *forward)
{
	if (forward->head_n - forward->head_at >= 2)
		memset(forward->head + forward->head_n - 2, ' ', 2);
}

/* HTTP/2 has no version in its lines; what libcurl makes of it is read as any other. */
static size_t first_line(char *to, const char *line, size_t n)
{
	static const char two[] = "HTTP/2", one[] = "HTTP/1.1";

	if (n < sizeof(two) || strncmp(line, two, sizeof(two) - 1) != 0) {
		memcpy(to, line, n);
		return n;
	}
	memcpy(to, one, sizeof(one) - 1);
	memcpy(to + sizeof(one) - 1, line + sizeof(two) - 1, n - (sizeof(two) - 1));
	return n + sizeof(one) - sizeof(two);
}

int forward_line(struct forward *forward, const char *line, size_t n)
{
	char *to = forward->head + forward->head_n;
	int r;

	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	if (n + 16 > HEAD_MAX - forward->head_n)
		return -EBADMSG;
	if (n && (*line == ' ' || *line == '\t'))
		unfold(forward);
	if (forward->head_n == forward->head_at && !forward->head_over)
		to += first_line(to, line, n);
	else
		to = mempcpy(to, line, n);
	to = mempcpy(to, "\r\n", 2);
	forward->head_n = (size_t)(to - forward->head);
	if (n || forward->head_over)
		return 0;
	r = http_head_reply(forward->head, forward->head_n, &forward->reply);
	return r ? -EBADMSG : 1;
}

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
	size_t n = strlen(forward->origin);

	switch (forward->reply.status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308: break;
	default: return NULL;
	}
	if (!to || forward->hops == HOPS_MAX || forward->upload ||
	    !forward_is_safe(http_method(forward->request)))
		return NULL;
	if (!strncasecmp(to, forward->origin, n) && to[n] == '/')
		to += n;
	if (*to != '/' || to[1] == '/' || strpbrk(to, " \t"))
		return NULL; /* elsewhere: whoever asked may go there from where they are */
	return strndup(to, strcspn(to, "#"));
}
