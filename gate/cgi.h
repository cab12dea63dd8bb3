/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgi.h - the head that git http-backend writes before its body
 *
 * Lines up to an empty one or the end, ended by \n or \r\n. "Status: 404 Not Found" says the
 * status, what is no number there is 200, and so is none. A line without a colon is left out.
 * Threads: none.
 */
#ifndef GATE_CGI_H
#define GATE_CGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

#define CGI_HEAD_MAX    (16 << 10) /* bytes; what is longer is no head */
#define CGI_HEADERS_MAX 64

struct cgi_head {
	unsigned status;
	struct http_header header[CGI_HEADERS_MAX]; /* into the text that was read */
	unsigned n;
	uint64_t length; /* of the body; HTTP_UNKNOWN: it was not said */
};

/** cgi_end() - bytes of the head with its empty line; 0: it is not all there */
size_t cgi_end(const char *text, size_t n);

/**
 * cgi_read() - a head
 * @text: @n bytes of it, and one more that may be written; lines in it are cut with NULs
 *
 * Return: 0; -EINVAL: a NUL in it, or more than CGI_HEADERS_MAX.
 */
int cgi_read(char *text, size_t n, struct cgi_head *ret);

#endif
