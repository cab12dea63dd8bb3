/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher/tail.h - podman's log of events, followed from its end
 *
 * The log is what `podman events` reads with the logger "file", a JSON object a line. A program
 * that follows it costs 33 MB for each user; this costs a descriptor. Threads: none.
 */
#ifndef TEROK_WATCHER_TAIL_H
#define TEROK_WATCHER_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "watcher/monitor.h"

#define TAIL_LINE 8192 /* bytes; a longer one is news, whatever it says */

struct tail {
	char path[MONITOR_PATH];
	int fd; /* -1: not there */
	uint64_t inode, at;
	unsigned n;
	bool skip; /* the rest of a line that was too long */
	char line[TAIL_LINE];
};

/** tail_follow() - from its end, if it is not followed already */
void tail_follow(struct tail *tail, const char *path);

/**
 * tail_read() - what was written since
 *
 * Return: true: something began, ended or was renamed; or nobody knows, because the log is
 * another one now.
 */
bool tail_read(struct tail *tail);

/** tail_end() - follow it no more */
void tail_end(struct tail *tail);

#endif
