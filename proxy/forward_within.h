/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward_within.h - what forward.c and forward_head.c share; nobody else includes it
 *
 * Threads: none.
 */
#ifndef PROXY_FORWARD_WITHIN_H
#define PROXY_FORWARD_WITHIN_H

#include "forward.h"
#include "http/head.h"

#define HOPS_MAX   5          /* redirects of one request */
#define HEAD_MAX   (64 << 10) /* bytes of a reply's head, and of its trailers */
#define LINES_MAX  (HTTP_HEAD_MAX + FORWARD_SECRET + (8 << 10))
#define LINE_COUNT (HTTP_HEADERS_MAX + ROUTE_EXTRA_MAX + 8)
#define URL_MAX    2048

struct forward {
	struct upstream_call call;
	struct forwards *forwards;
	struct forward *next; /* of those that are free, or pending */
	struct http_request *request;
	struct forward_want want;
	char origin[URL_MAX], base[URL_MAX];

	/* what is sent: libcurl's list, whose nodes and texts are here */
	struct curl_slist node[LINE_COUNT];
	unsigned n_nodes;
	size_t n_lines;
	char *target, *redirect; /* in lines; a copy, NULL: none */
	bool upload, may_repeat;
	/*
	 * Its handle sends one request and no other: libcurl 7.88 keeps of one whether its trailers
	 * were sent, and would write before its buffer in the next.
	 */
	bool chunked;
	unsigned sent, hops;

	size_t up_at, up_n;
	bool up_end, up_paused, up_lost; /* lost: what was sent first is not there any more */

	/* what is received */
	struct http_head reply;
	size_t head_at, head_n; /* the trailers begin at head_at, once the head is over */
	bool head_over, pending, following, asked, held, replied, trails;
	size_t down_at, down_n;
	bool down_paused, down_end, down_failed;

	char lines[LINES_MAX], head[HEAD_MAX], up[FORWARD_BUFFER], down[FORWARD_BUFFER];
};

/** forward_lines() - the lines of a request, and its target. 0; -E2BIG */
int forward_lines(struct forward *forward, const struct forward_secret *secret);
/** forward_lines_wipe() - nothing is left of them */
void forward_lines_wipe(struct forward *forward);

/** forward_line() - one line of a reply as libcurl has it. -EBADMSG; 1: that was a head's last; 0 */
int forward_line(struct forward *forward, const char *line, size_t n);

/** forward_headers() - what of a reply's headers is passed on; how many */
unsigned forward_headers(const struct forward *forward, struct http_header *ret);
/** forward_length() - bytes of its body, or HTTP_UNKNOWN */
uint64_t forward_length(const struct forward *forward);

/** forward_redirect() - is this reply to be followed? The target, a copy; NULL: no */
char *forward_redirect(const struct forward *forward);

/** forward_is_safe() - GET, HEAD, OPTIONS */
bool forward_is_safe(const char *method);

#endif
