/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_line.h - a file of lines of JSON that says who did what
 *
 * The file is its user's alone (0600) and only grows, until it has AUDIT_SIZE bytes: then it is
 * FILE.1, of which there is one, and another begins. Lines are whole whoever else writes to it:
 * each is one write, behind a lock. Nothing waits for more than that lock.
 * Threads: none.
 */
#ifndef SERVICE_AUDIT_LINE_H
#define SERVICE_AUDIT_LINE_H

#include "base/json.h"

#define AUDIT_SIZE (16 << 20) /* bytes of one file */

/**
 * audit_line() - add a line to the file at @path, making it
 * @text: without a newline
 *
 * Return: 0; -EPERM: it is no regular file, or others may read it; -ENOSPC and its like: nothing of
 * the line is left; other negative errno.
 */
int audit_line(const char *path, const char *text);

/** audit_time() - what every line begins with: "time", now, in UTC with milliseconds */
void audit_time(struct json *json);

#endif
