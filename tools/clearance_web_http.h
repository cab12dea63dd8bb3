/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_web_http.h - what the HTTP half of the web page shares among its files
 *
 *   clearance_web_http.c    the library on our loop, connections and their deadlines, checks
 *   clearance_web_run.c     what a request that passed does; responses
 *   clearance_web_stream.c  responses without an end
 *
 * Nobody else includes it. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_WEB_HTTP_H
#define TOOLS_CLEARANCE_WEB_HTTP_H

#include <microhttpd.h>

#include "clearance_web.h"

#define WEB_STREAMS  12               /* pages that are open at once; each is a client of the hub */
#define WEB_HEAD_NS  (10 * SECOND_NS) /* from the first byte of a request to its last */
#define WEB_DRAIN_NS (30 * SECOND_NS) /* for what was sent, to be read */
#define WEB_IDLE_NS  (60 * SECOND_NS) /* from one request to all of the next */
#define WEB_BEAT_NS  (20 * SECOND_NS) /* a stream that is idle says that it is there */

struct request;
struct stream;

/* A connection. */
struct peer {
	struct peer *next, **slot;
	struct MHD_Connection *connection;
	struct request *request; /* the one that it waits for; NULL: none */
	uint64_t until_ns;       /* CLOCK_BOOTTIME; then it is shut; 0: it owes us nothing */
};

/* The headers that decide; each may come once. */
enum head {
	HEAD_HOST,
	HEAD_ORIGIN,
	HEAD_SITE,
	HEAD_COOKIE,
	HEAD_PAGE,
	HEAD_TYPE,
	HEAD_LENGTH,
	HEAD_MAX_
};

struct request {
	struct web *web;
	struct peer *peer;
	struct MHD_Connection *connection;
	enum web_route route;
	const struct web_asset *asset;
	const char *head[HEAD_MAX_];
	bool twice; /* one of them came more than once */
	uint64_t session;
	char body[WEB_BODY_MAX];
	size_t n;
	struct ask *ask;
	struct stream *stream;
	bool suspended;
	unsigned status;  /* of the ask, when it is done */
	const char *text; /* NULL: it is not */
};

struct web {
	struct loop *loop;
	struct door *door;
	const char *hub;
	struct MHD_Daemon *daemon;
	struct source source;
	struct timer again; /* when the library wants to run */
	struct timer watch; /* when a connection is late */
	struct timer beat;
	struct peer *peers;
	struct stream *streams;
	unsigned n_streams, wrong;
	bool closing, running, woken;
};

/** web_resume() - a suspended connection goes on, in the next round of the loop */
void web_resume(struct web *web, struct MHD_Connection *connection);

/** peer_owes() - so many nanoseconds for what comes next, or it is shut; 0: as long as it likes */
void peer_owes(struct web *web, struct peer *peer, uint64_t ns);

/** request_run() - a request that is complete and passed, or is awake again */
enum MHD_Result request_run(struct request *request);

/** request_wake() - its response is there */
void request_wake(struct request *request);

/** respond() - with our headers; takes @response, NULL: no memory */
enum MHD_Result respond(struct request *request, unsigned status, const char *type,
			struct MHD_Response *response);

/** respond_json() - @text is copied; @header, NULL for none: one more, with @value */
enum MHD_Result respond_json(struct request *request, unsigned status, const char *text,
			     const char *header, const char *value);

/** refuse() - {"error": ..., "problem": ...} */
enum MHD_Result refuse(struct request *request, unsigned status, const char *error,
		       const char *text);

/** stream_new() - respond with a stream, or refuse */
enum MHD_Result stream_new(struct request *request);
void stream_free(struct stream *stream);

/** streams_check() - end those of sessions that are over, all when closing; the others beat */
void streams_check(struct web *web);

#endif
