/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_single.h - one question to the hub and its answer, without a loop
 *
 * Called by: verbs that ask once. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_SINGLE_H
#define TOOLS_CLEARANCE_SINGLE_H

#include "clearance_hub.h"

/* Embed or use as it is; it is the user of its line's events. */
struct single {
	struct hub_line line;
	bool json, done;
	int result; /* of the verb, when it is done */
	unsigned n; /* lines printed */
	const char *id;
	int64_t left, last; /* of a history: lines that are wanted still, the oldest so far */
	bool more;
};

/** single_open() - connect; its failure is said */
int single_open(struct single *single, const char *path, const struct hub_events *events);

/** single_wait() - process what the hub says until done, or too late; the result, said if bad */
int single_wait(struct single *single);

/** single_drain() - what is in our socket already and takes more than one bite */
int single_drain(struct single *single);

/** single_end() - of a listing: no more comes; @problem: NULL, or why nothing came */
void single_end(struct single *single, const char *problem);

/** single_closed() - events->closed of all of them */
void single_closed(int error, void *user);

#endif
