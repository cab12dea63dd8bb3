/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher/look.h - one look at all of a user's containers: who runs, and what is said of each
 *
 * Begin, end and renaming are news that say only: look. So nothing that was missed, came twice
 * or in another order matters, and the look after a start or a reconnection is the same one.
 * Threads: none.
 */
#ifndef TEROK_WATCHER_LOOK_H
#define TEROK_WATCHER_LOOK_H

#include "watcher/places.h"
#include "watcher/table.h"
#include "watcher/tail.h"

#define LOOK_LISTS 8 /* storages of one user */

/* A storage's list of containers, which has their present names. */
struct look_list {
	char path[MONITOR_PATH];
	uint64_t inode, size, changed_ns;
};

struct look {
	char storage[MONITOR_PATH]; /* podman's run folders, where they usually are */
	char libpod[MONITOR_PATH];
	struct table table;
	struct places *places;
	struct tail tail;
	struct look_list list[LOOK_LISTS];
	unsigned n_lists;
	bool unnamed; /* somebody is new: all lists are to be read */
};

/** look_begin() - @run: the user's runtime folder, "" root's; .places is the caller's */
void look_begin(struct look *look, const char *run);

/** look_around() - a whole round; 0 or a negative errno */
int look_around(struct look *look);

/** look_at_files() - read again what stands over dossiers */
void look_at_files(struct look *look);

/** look_end() - forget all of them */
void look_end(struct look *look);

#endif
