/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - who cloned, fetched and pushed what: a line of JSON each, in a file
 *
 * See service/audit_line.h for the file. What cannot be noted is said in the log, and nothing waits.
 * Threads: none.
 */
#ifndef GATE_AUDIT_H
#define GATE_AUDIT_H

#include <stdint.h>

#include "base/problem.h"
#include "token.h"

#define AUDIT_REFS 256 /* refs of one line; how many more there were is told */

struct audit_ref {
	const char *name, *old, *new; /* what it was to be */
	const char *result;           /* "ok", or why not; NULL: git did not say */
};

struct audit_deed {
	const char *what; /* "clone", "fetch", "push" */
	const char *project;
	const struct token *token;
	const char *container; /* whose own listener it came by; NULL: what the token says */
	const char *outcome;   /* "done", "cut", "failed" */
	const struct audit_ref *ref;
	unsigned n_refs, more_refs;
	uint64_t in, out; /* bytes */
	uint64_t took_ns;
};

/** audit_note() - add a line to the file at @path, making it. 0; negative errno with @why */
int audit_note(const char *path, const struct audit_deed *deed, struct problem *why);

#endif
