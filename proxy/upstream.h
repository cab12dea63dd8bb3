/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream.h - calls to upstreams: libcurl on our loop, with its pool of connections
 *
 * One for the program. A call is an easy handle that its owner keeps and uses again; what is the
 * same for all of them is set once: TLS 1.2 or newer, verified, no redirects, no proxies, nothing
 * read from a home, nothing decoded. Whoever does not move for UPSTREAM_IDLE_NS is ended.
 *
 * Called by: forward.c, websocket.c, refresh.c. Owns: the multi handle, connections. Threads: one
 * (libcurl has others for names).
 */
#ifndef PROXY_UPSTREAM_H
#define PROXY_UPSTREAM_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "base/problem.h"

#define UPSTREAM_CONNECT_MS  10000L
#define UPSTREAM_IDLE_NS     (1200 * SECOND_NS)
#define UPSTREAM_KEEP_S      30L  /* of a connection that nobody uses; upstreams close after 60 */
#define UPSTREAM_CONNECTIONS 256L /* that nobody uses */

struct upstream;

/* Zero before upstream_call_init(). */
struct upstream_call {
	struct upstream *upstream;
	struct upstream_call *next, **slot; /* slot NULL: it does not run */
	CURL *easy;
	uint64_t moved_ns;
	bool stays; /* over() is called, and it goes on: CURLOPT_CONNECT_ONLY */
	/* it has ended; may start again from here */
	void (*over)(struct upstream_call *call, CURLcode result);
};

/** upstream_new() - @ca_file: who is trusted, in place of the system's; NULL: those */
int upstream_new(struct loop *loop, const char *ca_file, struct upstream **ret,
		 struct problem *why);
/** upstream_free() - calls that run are stopped, and not told. NULL: nothing */
void upstream_free(struct upstream *upstream);

/**
 * upstream_alone() - another, for one call: a pool closes what CURLOPT_CONNECT_ONLY left in it as
 * soon as that is older than UPSTREAM_KEEP_S
 */
int upstream_alone(const struct upstream *upstream, struct upstream **ret);

/** upstream_call_init() - an easy handle with what is the same for all. 0; -ENOMEM */
int upstream_call_init(struct upstream *upstream, struct upstream_call *call,
		       void (*over)(struct upstream_call *call, CURLcode result));
void upstream_call_done(struct upstream_call *call);

/** upstream_start() - it runs from now; over() comes later. 0; -EIO */
int upstream_start(struct upstream_call *call);
/** upstream_stop() - it runs no more, if it did; over() does not come. Not from libcurl's callbacks */
void upstream_stop(struct upstream_call *call);

/** upstream_moved() - bytes went or came */
void upstream_moved(struct upstream_call *call);

/** upstream_limit() - whoever does not move for so long is ended, in place of UPSTREAM_IDLE_NS */
void upstream_limit(struct upstream *upstream, uint64_t idle_ns);
/** upstream_idle_ns() - see there */
uint64_t upstream_idle_ns(const struct upstream *upstream);

/** upstream_loop() - that it is on */
struct loop *upstream_loop(const struct upstream *upstream);

/** upstream_after() - @fn is called when libcurl has had its turn */
void upstream_after(struct upstream *upstream, void (*fn)(void *user), void *user);

#endif
