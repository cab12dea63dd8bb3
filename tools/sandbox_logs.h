/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_logs.h - a container's log as it is written, and the line that says that it is ready
 *
 * Bytes go on at once, whole lines or not. To a terminal none that steers it. Threads: none.
 */
#ifndef TEROK_SANDBOX_LOGS_H
#define TEROK_SANDBOX_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

struct logs_wish {
	const char *name, *tail; /* tail: the last so many lines; NULL: all */
	const char *marker;      /* until a line has this; NULL: to its end */
	bool follow, to_stderr;  /* to_stderr: also what it wrote to its standard output */
	unsigned limit_s;        /* 0: none */
};

enum logs_end { LOGS_ENDED, LOGS_READY, LOGS_LATE };

/** logs_run() - of a container that is there; 0 and @ret, or negative errno with @why */
int logs_run(const struct logs_wish *wish, enum logs_end *ret, struct problem *why);

/* For sandbox_logs.c and its test. */

#define LOGS_CARRY 256 /* a longer marker is none */

struct logs_match {
	char carry[LOGS_CARRY];
	unsigned n;
};

/** logs_match() - is @marker in what came, these bytes at its end? It may come in pieces. */
bool logs_match(struct logs_match *match, const char *marker, const char *bytes, unsigned n);

/** logs_plain() - bytes fit for a terminal; @c2 is kept between calls, false at first */
void logs_plain(char *bytes, unsigned n, bool *c2);

#endif
