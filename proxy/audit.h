/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - a line of JSON for each request: whose it was, where it went, what became of it
 *
 * No query, no header and no token is in it. What cannot be noted is said once in the log, and
 * changes nothing for who asked. Called by: server.c. Owns: the file. Threads: none.
 */
#ifndef PROXY_AUDIT_H
#define PROXY_AUDIT_H

#include <stdint.h>

#include "base/event.h"
#include "store/token.h"

struct audit;

struct audit_request {
	const struct token *token; /* NULL: none that is known */
	const char *method, *path; /* as received; what is behind a '?' is left out */
	unsigned status;           /* 0: the client went before there was one */
	const char *outcome;
	uint64_t took_ns;
};

/** audit_new() - lines for the file at @path, @ret to be freed before @loop. 0; -ENOMEM */
int audit_new(struct loop *loop, const char *path, struct audit **ret);

/** audit_free() - what is not written yet is. NULL: nothing */
void audit_free(struct audit *audit);

/** audit_request() - add a line, as audit_file_add() does. NULL @audit: nothing is noted */
void audit_request(struct audit *audit, const struct audit_request *request);

#endif
