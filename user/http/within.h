/* SPDX-License-Identifier: Apache-2.0 */
/*
 * within.h - what the files of the server share; nobody else includes it
 *
 * A peer is a connection; it has one request at most. What is read goes through one buffer of the
 * server's, and only what nobody could take yet is kept with the connection; in the same way what
 * is written. So one that is idle costs its struct and what the kernel has. Threads: none.
 */
#ifndef HTTP_WITHIN_H
#define HTTP_WITHIN_H

#include "http/head.h"
#include "http/http.h"

#define PIECE   (64 << 10) /* bytes that are read or written at once */
#define ROOM    16         /* before a chunk, for its length */
#define SWALLOW (16 << 20) /* bytes of a body that nobody wants, and that are read */
#define AFTER   4096       /* behind it: its end, and trailers */

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
	PHASE_LAST, /* all was said: what still comes is forgotten, so that it can be read */
};

/* Bytes that wait. */
struct kept {
	char *bytes; /* NULL: none */
	size_t at, n;
};

struct peer {
	struct peer *next, **slot;
	struct peer *next_ready;
	struct http *http;
	struct http_request *request; /* NULL: none */
	struct source source;
	void *owner;
	struct kept in, out;
	int fd;
	enum phase phase;
	uint64_t since_ns, moved_ns; /* CLOCK_BOOTTIME: phase began, bytes went */
	uint64_t forgotten;          /* bytes, of PHASE_LAST */
	int unsent;                  /* bytes that the kernel had when it was last asked */
	bool ready;                  /* it is in the list of those that run next */
	bool readable;               /* there may be more to read */
	bool half;                   /* its client says no more */
	bool ended;                  /* ... and all that it said was read */
	bool cut;                    /* nothing more is said to it */
};

enum body {
	BODY_OVER,
	BODY_LENGTH,   /* left bytes are to come */
	BODY_SIZE,     /* the line before a chunk */
	BODY_CHUNK,    /* left bytes of one */
	BODY_GAP,      /* the end of its line */
	BODY_TRAILERS, /* what follows the last */
	BODY_RAW,      /* all that comes: a tunnel */
};

enum reply {
	REPLY_NONE,
	REPLY_WAITS, /* known, and for the body's end */
	REPLY_STREAM,
	REPLY_OVER,
};

struct http_request {
	struct http *http;
	struct peer *peer;
	void *mine;
	enum body body;
	enum reply reply;
	int64_t length;
	uint64_t left;      /* of the body, or of a chunk */
	uint64_t to_send;   /* of a reply; HTTP_UNKNOWN */
	uint64_t swallowed; /* bytes of the body that nobody wanted */
	struct kept answer; /* the head of its reply, and all of a short one */
	const char *reason;
	char *trailers; /* of the body, as they came */
	char *more;     /* trailers of the reply, lines */
	struct http_head *after;
	bool deaf;    /* its reply is known, and is none that depends on the body */
	bool told;    /* head() has seen it: over() does */
	bool duplex;  /* its reply does not wait for the body */
	bool held;    /* its body is not asked for yet */
	bool asks;    /* Expect: nobody has told it to go on */
	bool blocked; /* body() did not take all */
	bool bodyless, chunked, last, abort, waits, suspended;
	size_t size; /* of the text */
	struct http_head head;
	char text[];
};

struct http {
	struct loop *loop;
	struct http_limits limits;
	const struct http_use *use;
	void *user;
	struct timer again; /* when somebody is ready */
	struct timer watch; /* when somebody is late */
	struct timer calm;  /* when memory of many requests may be given back */
	struct listener *listeners;
	struct peer *peers, *first_ready, **last_ready;
	unsigned n_peers;
	unsigned n_requests, most; /* now; since memory was given back */
	bool running, closing;
	char in[2 * PIECE + 1];
	char out[ROOM + PIECE + AFTER];
};

/* peer.c */
/** peer_run() - all that can be done for it now; it may be no more after that */
void peer_run(struct peer *peer);
/** peer_ready() - it runs in the next round of the loop, or at http_turn() */
void peer_ready(struct peer *peer);

/* http.c */
/** peer_free() - close it; its request is over before */
void peer_free(struct peer *peer);
/** request_counted() - there is one more, or one less */
void request_counted(struct http *http, bool more);
/** listeners_check() - is there room for who waits? */
void listeners_check(struct http *http);

/* request.c */
/** request_new() - of a head that is whole; 0, -ENOMEM, or what http_head_request() says */
int request_new(struct peer *peer, const char *bytes, size_t n, struct http_request **ret);
/** request_over() - tell who saw it, free it; @whole: its reply was sent to its end */
void request_over(struct http_request *request, bool whole);
/** request_refuse() - reply to a head that cannot be read, and to nothing after it */
void request_refuse(struct peer *peer, unsigned status, const char *text);

/* kept.c */
/** kept_add() - keep some more. 0; -ENOMEM */
int kept_add(struct kept *kept, const char *bytes, size_t n);
/** kept_free() - none are kept */
void kept_free(struct kept *kept);

/* late.c */
/** peer_phase() - it is in this phase from now on */
void peer_phase(struct peer *peer, enum phase phase);
/** peer_moved() - bytes went to or came from it */
void peer_moved(struct peer *peer);
/** peer_shut() - it has no more to say, and nothing more is said to it */
void peer_shut(struct peer *peer);

#endif
