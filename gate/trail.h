/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trail.h - the lines of an audit file read back, the older file first
 *
 * Whoever pushed chose names of refs, and a file may have been written by anything: a line is
 * believed as far as it has the form that audit.h writes, printable ASCII and one JSON object,
 * and what is in it is text for log_safe() before it reaches a terminal.
 * Owns: nothing. Called by: verb_audit.c. Threads: none.
 */
#ifndef GATE_TRAIL_H
#define GATE_TRAIL_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/problem.h"

/* One line; text is borrowed of its object, never NULL: "" is not there, 0 is none. */
struct trail_line {
	struct json_object *object;
	time_t at; /* seconds since 1970 */
	const char *time, *what, *project, *task, *container, *token, *outcome;
	uint64_t in, out, ms, more_refs;
	struct json_object *refs; /* an array, or NULL */
};

struct trail_line_ref {
	const char *name, *old, *new, *result; /* result: "" is not known */
};

/**
 * trail_line_parse() - a line without its newline
 *
 * Return: 0 with @ret, the caller's to trail_line_done(); -EINVAL: it is none of ours.
 */
int trail_line_parse(const char *text, size_t size, struct trail_line *ret);
void trail_line_done(struct trail_line *line);

/** trail_line_ref() - the @i-th ref of a push. Return: 0; -ENOENT: there are no more */
int trail_line_ref(const struct trail_line *line, size_t i, struct trail_line_ref *ret);

/* Which lines are wanted. */
struct trail_want {
	const char *project; /* NULL: of any */
	time_t since;        /* none that is older; seconds since 1970 */
};

/**
 * trail_line_fn - one line that is wanted; @text: as it stands in the file, NUL-terminated
 *
 * Not 0 ends it.
 */
typedef int (*trail_line_fn)(const char *text, const struct trail_line *line, void *user);

/**
 * trail_read() - every line of FILE.1 and FILE that is wanted, in their order
 * @ret_broken: lines that are none of ours
 *
 * Return: 0, also of no file; what @fn returned; -EPERM: others may write to it; or another
 * negative errno; with @why.
 */
int trail_read(const char *path, const struct trail_want *want, trail_line_fn fn, void *user,
	       unsigned *ret_broken, struct problem *why);

#endif
