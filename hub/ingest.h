/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest.h - the readers' socket: lines of JSON in, struct reader_line out, no reply ever
 *
 * Any number of connections, each of any number of lines; readers come and go without a word
 * in the log. A line that is none, or too long, is dropped up to its end and said, not more
 * often than a log bears; the connection goes on. What a connection has said last counts also
 * without a newline. Only our own user is heard: the kernel says who connected.
 *
 * Owns: connections, and of each at most the beginning of one line; all of these together are
 * bounded. Called by: standalone.c. Threads: none, all in the loop's callbacks.
 */
#ifndef HUB_INGEST_H
#define HUB_INGEST_H

#include "base/cleanup.h"
#include "base/event.h"
#include "reader_line.h"

#define INGEST_LINE_MAX  65536     /* bytes, the newline not counted: the contract's */
#define INGEST_PEERS_MAX 16384     /* connections; one more waits until one goes */
#define INGEST_HELD_MAX  (1 << 20) /* bytes of unfinished lines of all connections */

struct ingest;

/* @line is overwritten by the next. */
typedef void (*ingest_fn)(const struct reader_line *line, void *user);

/** ingest_new() - hear readers on the listening socket @fd, which stays the caller's */
int ingest_new(struct loop *loop, int fd, ingest_fn fn, void *user, struct ingest **ret);

/** ingest_free() - close every connection; lines that came and were not read are lost */
void ingest_free(struct ingest *ingest);
DEFINE_CLEANUP(struct ingest, ingest_free)

#endif
