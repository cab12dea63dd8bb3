/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward_within.h - what the files of forward share; nobody else includes it
 *
 * forward.c knows what becomes of a request and of its reply; a way knows how bytes get there:
 * forward_line.c by connections of ours, for HTTP/1.1; forward_curl.c by libcurl, for HTTP/2 and
 * for who was not asked yet. A way calls forward_interim(), forward_settle() and forward_gone();
 * from the other side it is told of more to send, and asked for what has come. Threads: none.
 */
#ifndef PROXY_FORWARD_WITHIN_H
#define PROXY_FORWARD_WITHIN_H

#include "forward.h"
#include "http/head.h"
#include "line.h"
#include "reply.h"

#define HOPS_MAX 5 /* redirects of one request */
#define INTERIMS_MAX                                                                               \
	256 /* replies before a reply: one that works for long says so each few seconds */
#define HEAD_MAX  (64 << 10) /* bytes of a reply's head; of all those before it */
#define WIRE_MAX  (HTTP_HEAD_MAX + FORWARD_SECRET + (8 << 10)) /* bytes of a request's head */
#define FRAME     24                                           /* bytes around a chunk */
#define EXPECT_NS SECOND_NS /* then a body is sent without that it was asked for */

struct by_curl;

struct forward_way {
	/** start() - send what wire and up have; @fresh: over a new connection. 0; -ENOMEM, -EIO */
	int (*start)(struct forward *forward, bool fresh);
	/** stop() - nothing more is sent or called; what it had for this is given back */
	void (*stop)(struct forward *forward);
	/** more() - there is more in up, or its end */
	void (*more)(struct forward *forward);
	/** fill() - as forward_fill() */
	ssize_t (*fill)(struct forward *forward, char *bytes, size_t size);
	/** runs() - is somebody there to take more of the body? */
	bool (*runs)(const struct forward *forward);
};

extern const struct forward_way forward_by_line, forward_by_curl;

/* A request by a line. */
struct by_line {
	struct line *line; /* NULL: none, or none any more */
	struct timer later;
	size_t wire_at;         /* bytes of it that were sent */
	char *tail;             /* after the last chunk; NULL: none */
	size_t tail_at, tail_n; /* bytes */
	char *rest;             /* came with the head, or after it, and is not used yet */
	size_t rest_at, rest_n; /* bytes */
	unsigned interims;
	size_t interims_n;         /* bytes, which wait together for a client that does not read */
	struct reply reply;        /* where in its body it is */
	bool waits, expects, deaf; /* for more to send at once; for 100; it is sent no more */
	bool began, spoke, woken;  /* bytes went; bytes came; the client's side was told */
	bool excess;               /* more came than the reply */
};

struct forwards {
	struct upstream *upstream;
	struct lines *lines;
	struct http *http;
	struct forward *free;                /* that wait to be used again */
	struct by_curl *curl_free, *pending; /* the same; whose heads are there */
	unsigned n_free, n_curl_free;
	char wire[WIRE_MAX];            /* a request's head, while it is written */
	char in[HEAD_MAX + (16 << 10)]; /* what was just read */
};

struct forward {
	struct forwards *forwards;
	struct forward *next;          /* of those that are free */
	const struct forward_way *way; /* NULL: it was never started */
	struct http_request *request;
	struct forward_want want;

	/* what is sent */
	char *wire; /* its head, which has a secret: wiped */
	size_t wire_n;
	char *redirect; /* where to instead; NULL */
	bool upload, chunked, may_repeat;
	unsigned sent, hops;
	char *up; /* NULL: nothing yet */
	size_t up_size, up_at, up_n;
	bool up_end, up_full,
	    up_lost; /* all has come; some was not taken; what was first has gone */

	/* what is received */
	char *head;        /* bytes of the reply's */
	const char *whole; /* all of its body, while it is settled; NULL: that comes */
	size_t whole_n;
	bool following, asked, held, replied, down_end, down_failed;

	struct by_line by_line;
	struct by_curl *by_curl;
	struct http_head reply; /* not cleared at first */
};

/* forward.c */
/** forward_interim() - a head of status 1xx was read into reply */
void forward_interim(struct forward *forward);
/** forward_settle() - the head was: it is followed, held or passed on */
void forward_settle(struct forward *forward);
/** forward_follow() - its redirect, which is its way's when the call is over */
void forward_follow(struct forward *forward);

enum forward_end {
	FORWARD_FAILED, /* it cannot be done, or what came is no reply */
	FORWARD_LOST,   /* the connection went */
	FORWARD_SILENT, /* ... before a byte of a reply, and what was sent may be sent again */
	FORWARD_UNSENT, /* ... and nothing was */
};

/** forward_gone() - the call has ended before its head was settled. It may start again within */
void forward_gone(struct forward *forward, enum forward_end end);
/** forward_fail() - one that does not go on: 502, or a reply that was cut */
void forward_fail(struct forward *forward);
/** forward_more() - there is room for more of its body */
void forward_more(struct forward *forward);
/** forward_room() - for @n bytes more in up, of its size at most; how many fit */
size_t forward_room(struct forward *forward, size_t n);

/* forward_head.c */
/** forward_write() - the head of a request, into wire. 0; -E2BIG, -ENOMEM */
int forward_write(struct forward *forward, const struct forward_secret *secret);
/** forward_wipe() - nothing is left of it */
void forward_wipe(struct forward *forward);
/** forward_headers() - what of a reply's headers is passed on; how many */
unsigned forward_headers(const struct forward *forward, struct http_header *ret);
/** forward_length() - bytes of its body, or HTTP_UNKNOWN */
uint64_t forward_length(const struct forward *forward);
/** forward_redirect() - is this reply to be followed? The target, a copy; NULL: no */
char *forward_redirect(const struct forward *forward);
/** forward_trailers() - pass on what followed the last chunk */
void forward_trailers(struct forward *forward, const struct http_head *after);
/** forward_each_trailer() - of the request: what of them is passed on, as http_trailers() */
int forward_each_trailer(struct forward *forward,
			 int (*fn)(const char *name, const char *value, void *user), void *user);
/** forward_is_safe() - GET, HEAD, OPTIONS */
bool forward_is_safe(const char *method);

/* forward_curl.c */
/** forward_curl_settle() - whose heads are there, now that libcurl has had its turn */
void forward_curl_settle(struct forwards *forwards);
/** forward_curl_free() - those that wait are no more */
void forward_curl_free(struct forwards *forwards);

#endif
