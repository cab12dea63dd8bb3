/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - a line of JSON for each request: whose it was, where it went, what became of it
 *
 * No query, no header and no token is in it. What cannot be noted is said once in the log, and
 * changes nothing for who asked. Called by: server.c. Owns: nothing. Threads: none.
 */
#ifndef PROXY_AUDIT_H
#define PROXY_AUDIT_H

#include <stdint.h>

#include "store/token.h"

struct audit_request {
	const struct token *token; /* NULL: none that is known */
	const char *method, *path; /* as received; what is behind a '?' is left out */
	unsigned status;           /* 0: the client went before there was one */
	const char *outcome;
	uint64_t took_ns;
};

/** audit_request() - add a line to the file at @path. 0 or negative errno */
int audit_request(const char *path, const struct audit_request *request);

#endif
