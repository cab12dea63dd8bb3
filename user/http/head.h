/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.h - heads of HTTP/1.1 messages and lines of chunks: bytes in, struct out
 *
 * Strict, because what one program reads in another way than the next is how a request hides in
 * another: lines end with CR LF, names are tokens with the colon right behind, nothing is folded,
 * nothing is a control character, there is one way to say where a body ends. Nothing is decoded;
 * order and repetitions stay. Nothing is owned: what is read points into the caller's bytes.
 *
 * Called by: peer.c, and who reads replies. Threads: none.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "http/http.h"

#define HTTP_HEADERS_MAX 128 /* of one message; browsers send 20, APIs reply with 40 */

struct http_head {
	const char *method, *target; /* of a request */
	const char *reason;          /* of a reply, "" for none */
	const char *version;         /* "HTTP/1.1" or "HTTP/1.0" */
	unsigned status;             /* of a reply, 100 to 999 */
	unsigned n;
	struct http_header header[HTTP_HEADERS_MAX];
};

/**
 * http_head_end() - where a head ends
 *
 * Return: its bytes, with the empty line; 0: not yet; -EBADMSG: never, a line has another end.
 */
ssize_t http_head_end(const char *bytes, size_t n);

/**
 * http_head_request() - read a head that http_head_end() has seen
 * @bytes: changed: names and values end with NUL
 *
 * Return: 0; -EBADMSG; -E2BIG (too many headers); -EPROTONOSUPPORT (version).
 */
int http_head_request(char *bytes, size_t n, struct http_head *ret);
/** http_head_reply() - the same, of a reply */
int http_head_reply(char *bytes, size_t n, struct http_head *ret);

/** http_head_fields() - the same, of what follows a last chunk: @n with the empty line */
int http_head_fields(char *bytes, size_t n, struct http_head *ret);

/** http_head_get() - the @nth value of a header, whatever the case of its name; NULL: none */
const char *http_head_get(const struct http_head *head, const char *name, unsigned nth);

/**
 * http_head_length() - where the body of a request ends
 *
 * Return: bytes; HTTP_CHUNKED; -EBADMSG: that is not said in one way.
 */
int64_t http_head_length(const struct http_head *head);

/**
 * http_list_has() - is it an element of the lists in that header, whatever its case?
 */
bool http_list_has(const struct http_head *head, const char *name, const char *element);

/**
 * http_chunk() - the line before a chunk
 *
 * Return: its bytes; 0: not all of it is there; -EBADMSG.
 */
ssize_t http_chunk(const char *bytes, size_t n, uint64_t *size);

#endif
