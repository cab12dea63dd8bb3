/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_read.h - the lines of audit files, of one guard or of all that are or were
 *
 * Needs neither kernel nor agent, so that what a container did can be read when it is gone.
 * Owns: nothing. Called by: verbs. Threads: none.
 */
#ifndef TEROK_AUDIT_READ_H
#define TEROK_AUDIT_READ_H

#include <json-c/json.h>
#include <stdbool.h>

#include "terok/abi.h"

/**
 * audit_read() - every line; those of one guard in the order they were written
 * @guard: NULL: of every folder there is, one after the other
 * @fn: @text without its newline; @line: NULL unless it is an object with a "ts"; both are valid
 *	during the call. Not 0 ends it.
 *
 * A folder or file that is not there has no lines. Return: 0, what @fn did, or a negative errno.
 */
int audit_read(const struct terok_info *guard,
	       int (*fn)(const char *text, struct json_object *line, void *user), void *user);

/** audit_line_is_of() - is it a line of that guard, by name or by the first digits of its id? */
bool audit_line_is_of(struct json_object *line, const char *guard);

/** audit_line_text() - a member as text, a number as well; "": there is none */
const char *audit_line_text(struct json_object *line, const char *key);

#endif
