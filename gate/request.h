/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - what a client asks for, out of the bytes that it sent: nothing here acts
 *
 * Routes are compared as they were received: nothing is decoded, so a name has one spelling.
 * Threads: none.
 */
#ifndef GATE_REQUEST_H
#define GATE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_NAME_MAX 255 /* bytes of "<project>.git" */

/* What of a repository. */
enum request_part {
	REQUEST_REFS,    /* /info/refs */
	REQUEST_UPLOAD,  /* /git-upload-pack: clone and fetch */
	REQUEST_RECEIVE, /* /git-receive-pack: push */
	REQUEST_HEAD,    /* /HEAD */
};

struct request_route {
	char name[REQUEST_NAME_MAX + 1];                            /* "<project>.git" */
	char project[REQUEST_NAME_MAX + 1 - 4];                     /* without ".git" */
	char path[REQUEST_NAME_MAX + sizeof("//git-receive-pack")]; /* without the query */
	const char *query; /* within the target; "": none */
	enum request_part part;
	bool receives; /* it is, or says that it leads to, a push */
};

/** request_route() - which repository and what of it; false: there is no such place (404) */
bool request_route(const char *target, struct request_route *ret);

#define REQUEST_TOKEN_MAX 512

/**
 * request_token() - the user name of "Basic BASE64(user:password)", whatever the case of Basic
 * @value: of the Authorization header; NULL: there was none
 * @ret:   REQUEST_TOKEN_MAX bytes, NUL-terminated on success
 *
 * Return: its length, 1 at least; -EINVAL: that is no credential, or not UTF-8 (401).
 */
int request_token(const char *value, char *ret);

#endif
