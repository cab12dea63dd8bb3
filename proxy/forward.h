/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward.h - one request of a container, sent on to an upstream with the real secret, and its reply
 *
 * Path, query, headers and bodies go as they came, in their order and with what comes twice; left
 * out are what is of one connection only, the headers that tokens are shown in, and Host. Bodies
 * stream both ways through FORWARD_BUFFER bytes each. A redirect to the same upstream is followed
 * for GET, HEAD and OPTIONS, without the secret; one to anywhere else is the client's to follow,
 * from where it is, and of other methods its Location is left out.
 *
 * A request is sent a second time, once, if the upstream went before it said anything, and only
 * if that does no harm: GET, HEAD, OPTIONS, or with an Idempotency-Key.
 *
 * It goes by a connection of ours where HTTP/1.1 is spoken (line.h), and else by libcurl, which has
 * the first to each https upstream, to find that out.
 *
 * Called by: server.c. Owns: lines, libcurl's calls, kept for the next ones. Threads: none.
 */
#ifndef PROXY_FORWARD_H
#define PROXY_FORWARD_H

#include "http/http.h"
#include "route.h"
#include "upstream.h"

#define FORWARD_BUFFER (64 << 10)
#define FORWARD_SECRET (20 << 10) /* bytes of a header's value with a secret, and a NUL */

struct forwards;
struct forward;

/* What stands in for what the client showed. The bytes are copied, and wiped. */
struct forward_secret {
	const char *header, *prefix, *value;
	size_t n; /* bytes of value */
};

struct forward_want {
	const struct route_place *place; /* borrowed until forward_free() */
	struct forward_secret secret;
	const char *drop; /* another header of the client's that is left out, or NULL */
	const struct route_header
	    *extra; /* @n_extra: appended to the client's, unless they are there */
	unsigned n_extra;
	bool stays; /* redirects are the client's to follow: not each path is allowed to it */
	/* the upstream said 401: 0: so be it; 1: forward_again() or forward_go_on() follows */
	int (*refused)(void *user);
	/* the reply is known: its status, or the outcome of one that we made */
	void (*known)(void *user, unsigned status, const char *outcome);
	void *user;
};

/** forwards_new() - @ca_file: as upstream_new(), borrowed. 0; -ENOMEM */
int forwards_new(struct upstream *upstream, const char *ca_file, struct http *http,
		 struct forwards **ret);
void forwards_free(struct forwards *forwards);

/** forward_start() - from within http's head(). 0 with @ret, until forward_free(); -ENOMEM, -E2BIG */
int forward_start(struct forwards *forwards, struct http_request *request,
		  const struct forward_want *want, struct forward **ret);

/** forward_again() - with another secret. 0; -ESTALE: it cannot, and goes on with what it had */
int forward_again(struct forward *forward, const struct forward_secret *secret);
/** forward_go_on() - with the reply that it had */
void forward_go_on(struct forward *forward);

/** forward_body() - as http's body(); forward_fill() - as its fill() */
size_t forward_body(struct forward *forward, const char *bytes, size_t n);
/** forward_fill() - see there */
ssize_t forward_fill(struct forward *forward, char *bytes, size_t size);

/** forward_free() - its request is over. NULL: nothing */
void forward_free(struct forward *forward);

/** forward_leaves_out() - is this header of a request not for the upstream? */
bool forward_leaves_out(struct http_request *request, const struct forward_want *want,
			const char *secret_header, const char *name);

/** forward_is_hop() - is this header of one connection only? */
bool forward_is_hop(const char *name);

#endif
