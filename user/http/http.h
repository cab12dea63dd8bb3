/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - an HTTP/1.1 server on our loop: requests in, replies out, nothing kept in memory
 *
 * A server has any number of listeners, which may come and go; each has an owner, and limits count
 * per owner. A request is as it was received: its target is not decoded, its headers keep their
 * order and may come twice. Its body comes in bites, of which its taker takes what it can; a reply
 * is some bytes, or a stream that is asked for more as the client reads. Whoever waits for nothing
 * of ours and does not move is shut out.
 *
 *   head.c     heads and lines of chunks: bytes to structs
 *   peer.c     the way of a request through its connection
 *   request.c  what a request says, and its reply
 *   http.c     listeners, connections, whose turn it is
 *   late.c     who is late
 *   kept.c     bytes that wait
 *
 * A length that is no number, and whatever else leaves open where a request ends, is answered
 * 400 before anybody is asked: that request has no end at which another reply could be read.
 * Owns: listeners, from http_listen() on. Threads: none; callbacks come from the loop, or from
 * within the call that caused them.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/event.h"

struct http;
struct http_request;

/* What a client may cost. Times in nanoseconds; 0: without an end. */
struct http_limits {
	size_t head;          /* bytes of a request's head: 431; HTTP_HEAD_MAX at most */
	unsigned connections; /* in all; who comes then waits to be accepted */
	unsigned per_owner;   /* of one owner, NULL excepted; 0: as many as in all */
	uint64_t head_ns;     /* for a whole head */
	uint64_t keep_ns;     /* between a reply and the next request */
	uint64_t idle_ns;     /* without a byte to or from a client that we wait for */
	uint64_t total_ns;    /* from a request's first line to the end of its reply */
};

#define HTTP_HEAD_MAX (32 << 10)
#define HTTP_LIMITS                                                                                \
	((struct http_limits){ .head = 16 << 10,                                                   \
			       .connections = 256,                                                 \
			       .head_ns = 20 * SECOND_NS,                                          \
			       .keep_ns = 60 * SECOND_NS,                                          \
			       .idle_ns = 300 * SECOND_NS })

#define HTTP_END   (-1) /* of a reply that is a stream */
#define HTTP_ABORT (-2) /* the same, and the client must see that it was cut */

/* What a server is for. @user is what http_new() was given. */
struct http_use {
	/** head() - a request's head is there. It is replied to now or later. */
	void (*head)(struct http_request *request, void *user);

	/**
	 * body() - some of its body; not after http_reply()
	 * @n: 0: that was all of it; called once, and not for a request without a body
	 *
	 * Return: bytes taken; the rest comes again. 0: not until http_wake(). NULL: no bodies.
	 */
	size_t (*body)(struct http_request *request, const char *bytes, size_t n);

	/**
	 * fill() - up to @size bytes of a reply that is a stream
	 *
	 * Return: how many; 0: none now, http_wake() says when; HTTP_END; HTTP_ABORT.
	 */
	ssize_t (*fill)(struct http_request *request, char *bytes, size_t size);

	/** over() - one that head() saw is no more; @whole: its reply was sent to its end. May be NULL. */
	void (*over)(struct http_request *request, bool whole);

	/** empty() - the last connection has gone. May be NULL. */
	void (*empty)(void *user);
};

/** http_new() - @use and @user must outlive it. 0; -ENOMEM, -EINVAL (limits), -EIO */
int http_new(struct loop *loop, const struct http_limits *limits, const struct http_use *use,
	     void *user, struct http **ret);

/** http_free() - requests that are open are over, and not whole. NULL: nothing */
void http_free(struct http *http);

/**
 * http_listen() - take connections from this listening socket, TCP or unix
 * @fd:    non-blocking; the server's now, also if this fails
 * @owner: whose it is, as http_owner() tells of what comes in there; may be NULL
 */
int http_listen(struct http *http, int fd, void *owner);

/** http_unlisten() - close listeners and connections of that owner */
void http_unlisten(struct http *http, void *owner);

/** http_close() - close all listeners; connections that are there go on */
void http_close(struct http *http);

/** http_add() - a connection that is there already, whose @fd is the server's now */
int http_add(struct http *http, int fd, void *owner);

/** http_turn() - who was woken runs now, and not only when the loop comes round */
void http_turn(struct http *http);

/** http_connections() - how many there are */
unsigned http_connections(const struct http *http);

/* --- a request ------------------------------------------------------------------------ */

/** http_method() - as received; so are target (with its query) and version, "HTTP/1.1" */
const char *http_method(const struct http_request *request);
/** http_target() - see there */
const char *http_target(const struct http_request *request);
/** http_version() - see there */
const char *http_version(const struct http_request *request);

/** http_header() - the @nth value of a header, from 0, whatever the case of its name; NULL: none */
const char *http_header(struct http_request *request, const char *name, unsigned nth);

/** http_headers() - see each header in its order, until @fn returns other than 0; that */
int http_headers(struct http_request *request,
		 int (*fn)(const char *name, const char *value, void *user), void *user);

#define HTTP_CHUNKED (-1)
/** http_length() - bytes of the body; 0: there is none; HTTP_CHUNKED: who knows */
int64_t http_length(struct http_request *request);

/** http_trailers() - what followed the last chunk of its body, as http_headers(); after body()'s end */
int http_trailers(struct http_request *request,
		  int (*fn)(const char *name, const char *value, void *user), void *user);

/** http_lists() - is it an element of the lists in that header, whatever its case? */
bool http_lists(struct http_request *request, const char *name, const char *element);

/**
 * http_duplex() - its reply may be sent while its body still comes; else it waits for that
 *
 * For head(). What of the body comes after the reply's end is forgotten.
 */
void http_duplex(struct http_request *request);

/** http_hold() - for head(): nobody is told to send a body (Expect), nor is one read, until http_wake() */
void http_hold(struct http_request *request);

/** http_owner() - of the listener that it came by */
void *http_owner(const struct http_request *request);

/** http_fd() - its connection, borrowed: to ask the kernel who that is */
int http_fd(const struct http_request *request);

/** http_set() - something of the caller's to go with it; http_get() - that, NULL at first */
void http_set(struct http_request *request, void *mine);
/** http_get() - see there */
void *http_get(const struct http_request *request);

/* --- its reply ------------------------------------------------------------------------ */

struct http_header {
	const char *name, *value;
};

#define HTTP_UNKNOWN (~UINT64_C(0))

/**
 * http_reply() - a reply of @size bytes at @body; all is copied
 * @headers: @n of them, but for Content-Length, Connection and Transfer-Encoding; a Date is added
 *
 * What of a body has not come is read and forgotten, if it is short; else the connection closes.
 * Return: 0; -EALREADY it has a reply; -ENOMEM, -EINVAL (headers): then it is aborted.
 */
int http_reply(struct http_request *request, unsigned status, const struct http_header *headers,
	       unsigned n, const char *body, size_t size);

/** http_stream() - the same, of @size bytes or HTTP_UNKNOWN, which fill() has after all of the body */
int http_stream(struct http_request *request, unsigned status, const struct http_header *headers,
		unsigned n, uint64_t size);

/** http_reason() - the words of its status, if not ours; borrowed until it is replied to */
void http_reason(struct http_request *request, const char *reason);

/** http_trailer() - add to what follows a stream; before fill() returns HTTP_END. 0; -ENOMEM, -E2BIG */
int http_trailer(struct http_request *request, const char *name, const char *value);

/** http_interim() - a reply before the reply: status 102 to 199. 0; -ENOMEM, -EINVAL */
int http_interim(struct http_request *request, unsigned status, const struct http_header *headers,
		 unsigned n);

/**
 * http_tunnel() - 101 with @headers, which name the protocol; from then on bytes both ways
 *
 * body() has what the client says, fill() what it hears; either's end is the connection's.
 * Return: as http_reply().
 */
int http_tunnel(struct http_request *request, const struct http_header *headers, unsigned n);

/** http_wake() - body() can take more, or fill() has some. Free if it does not wait. */
void http_wake(struct http_request *request);

/** http_abort() - cut the connection: what was sent of a reply must not look whole */
void http_abort(struct http_request *request);

#endif
