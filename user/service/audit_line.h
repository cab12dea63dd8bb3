/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_line.h - a file of lines of JSON that says who did what
 *
 * The file is its user's alone (0600) and only grows, until it has AUDIT_SIZE bytes: then it is
 * FILE.1, of which there is one, and another begins. Lines are whole whoever else writes to it:
 * each write is of whole lines, behind a lock. Nothing waits for more than that lock.
 *
 * Who writes many keeps the file open (audit_file), and all lines of one round of the loop go
 * in one write, before the loop sleeps. That another file stands there now, or that this one
 * is full or may be read by others, is looked for at most each millisecond. What kill -9 takes
 * with it is the lines of the round that it ends, as it takes those of requests that are not over:
 * what was done is known when it is over, so no line can be there before the reply.
 * Threads: none.
 */
#ifndef SERVICE_AUDIT_LINE_H
#define SERVICE_AUDIT_LINE_H

#include "base/event.h"
#include "base/json.h"

#define AUDIT_SIZE  (16 << 20) /* bytes of one file */
#define AUDIT_WAITS (64 << 10) /* bytes of lines that wait at most: they are written earlier then */

/**
 * audit_line() - add a line to the file at @path, making it
 * @text: without a newline
 *
 * Return: 0; -EPERM: it is no regular file, or others may read it; -ENOSPC and its like: nothing of
 * the line is left; other negative errno.
 */
int audit_line(const char *path, const char *text);

struct audit_file;

/** audit_file_new() - nothing is opened before the first line, @ret is to be freed before @loop. 0; -ENOMEM */
int audit_file_new(struct loop *loop, const char *path, struct audit_file **ret);

/**
 * audit_file_add() - add a line of @n bytes, without a newline, when this round of the loop is over
 *
 * What cannot be written is lost, whole lines of it, which is said once in the log until it can be again.
 */
void audit_file_add(struct audit_file *file, const char *text, size_t n);

/** audit_file_lost() - the same of a line that could not be made, for @r */
void audit_file_lost(struct audit_file *file, int r);

/** audit_file_free() - what waits is written. NULL: nothing */
void audit_file_free(struct audit_file *file);

/** audit_time() - what every line begins with: "time", now, in UTC with milliseconds */
void audit_time(struct json *json);

#endif
