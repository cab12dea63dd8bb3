/* SPDX-License-Identifier: Apache-2.0 */
/*
 * within.h - what the files of the server share; nobody else includes it
 *
 * A peer is a connection; it has one request at most. The library suspends a connection that we
 * have nothing for, and then does not look at it: that its client goes away meanwhile is seen by
 * a source of ours on the same descriptor. Threads: none.
 */
#ifndef HTTP_WITHIN_H
#define HTTP_WITHIN_H

#include <microhttpd.h>

#include "http/http.h"

struct listener {
	struct listener *next;
	struct source source;
	struct http *http;
	void *owner;
	int fd;
	bool full; /* it does not accept: its owner has enough connections */
};

/* Whom a connection waits for. */
enum phase {
	PHASE_HEAD, /* for the head of its first request, or the rest of a later one's */
	PHASE_KEEP, /* for the next request */
	PHASE_BUSY, /* a request is being read or replied to */
};

struct peer {
	struct peer *next, **slot;
	struct http *http;
	struct MHD_Connection *connection; /* NULL: the library has not taken it yet */
	struct http_request *request;      /* NULL: none */
	struct source gone;
	void *owner;
	int fd; /* borrowed of the library */
	enum phase phase;
	uint64_t since_ns, moved_ns; /* CLOCK_BOOTTIME: phase began, bytes went */
	int unsent;                  /* bytes that the kernel had when it was last asked */
	bool half;                   /* its client says no more, or is gone */
};

struct http_request {
	struct http *http;
	struct peer *peer;
	struct MHD_Connection *connection;
	const char *method, *version;
	char *target;
	void *mine;
	struct MHD_Response *reply; /* not handed over yet; NULL: none, or it is */
	unsigned status;
	uint64_t swallowed; /* bytes of the body that nobody wanted */
	bool deaf;          /* its reply is known, and is none that depends on the body */
	bool told;          /* head() has seen it: over() does */
	bool begun, head_over, body_over, replied, suspended, abort, whole;
};

struct http {
	struct loop *loop;
	struct http_limits limits;
	const struct http_use *use;
	void *user;
	struct MHD_Daemon *daemon;
	struct source source;
	struct timer again; /* when the library wants to run */
	struct timer watch; /* when somebody is late */
	struct listener *listeners;
	struct peer *peers;
	unsigned n_peers;
	bool running, woken, closing;
};

/** http_suspend() - nothing for it now; http_resume() - in the next round of the loop */
void http_suspend(struct http_request *request);
/** http_resume() - see there */
void http_resume(struct http_request *request);

/* request.c: what the library calls */
/** on_target() - a request's first line is there: what goes along with it, or NULL */
void *on_target(void *cls, const char *target, struct MHD_Connection *connection);
/** on_request() - its head, then its body in bites, then its end */
enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
			   const char *method, const char *version, const char *upload,
			   size_t *upload_size, void **context);
/** on_completed() - it was replied to, or its connection is no more */
void on_completed(void *cls, struct MHD_Connection *connection, void **context,
		  enum MHD_RequestTerminationCode how);

/* late.c */
/** peer_phase() - it is in this phase from now on */
void peer_phase(struct peer *peer, enum phase phase);
/** peer_moved() - bytes went to or came from it */
void peer_moved(struct peer *peer);
/** peer_shut() - it has no more to say, and nothing more is said to it */
void peer_shut(struct peer *peer);

/** peer_of() - ours of the library's */
struct peer *peer_of(struct MHD_Connection *connection);

#endif
