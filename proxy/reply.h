/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - where the body of an upstream's reply ends, and what is in it: bytes in, bytes out
 *
 * Strict, as head.h is: a body whose end is said in two ways has none, and a chunk that is not as
 * HTTP has it is the end of its connection. What does not end like this must not be followed by
 * another reply, which the next client would be given.
 *
 * Called by: forward_line.c. Owns: the trailers. Threads: none.
 */
#ifndef PROXY_REPLY_H
#define PROXY_REPLY_H

#include "http/head.h"

#define REPLY_TRAILERS_MAX (16 << 10) /* bytes */

enum reply_at {
	REPLY_BAD,      /* nothing more is read of it */
	REPLY_DATA,     /* left bytes are to come */
	REPLY_SIZE,     /* the line before a chunk */
	REPLY_CHUNK,    /* left bytes of one */
	REPLY_GAP,      /* the end of its line */
	REPLY_TRAILERS, /* what follows the last */
	REPLY_ALL,      /* all that comes, until the connection ends */
	REPLY_OVER,
};

struct reply {
	enum reply_at at;
	uint64_t left;
	bool keeps;              /* the connection is good for another one, once this is over */
	struct http_head *after; /* trailers, NULL: none */
	char *bytes;             /* of them */
};

/**
 * reply_begin() - its head is there
 * @head: of a status from 200
 * @bare: there is no body whatever the head says: the request was HEAD
 *
 * Return: 0; -EBADMSG: where it ends is not said in one way.
 */
int reply_begin(struct reply *reply, const struct http_head *head, bool bare);

/**
 * reply_take() - what of @n bytes is in the body comes to stand at @bytes
 * @used: how many were looked at; the others come again, with what follows them
 *
 * Return: bytes of the body; -EBADMSG, -ENOMEM: it is bad from here.
 */
ssize_t reply_take(struct reply *reply, char *bytes, size_t n, size_t *used);

/** reply_end() - the connection has ended. 0: it is over; -EBADMSG: it was cut */
int reply_end(struct reply *reply);

/** reply_done() - the trailers are no more */
void reply_done(struct reply *reply);

#endif
