/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.h - a list of the folders that a service can reach, for confine_files_but()
 *
 * What is not there is left out. Owns: a descriptor of each folder. Threads: none.
 */
#ifndef SERVICE_REACH_H
#define SERVICE_REACH_H

#include "base/cleanup.h"
#include "base/confine.h"

#define REACH_MAX 160 /* folders: those of a PATH, and what an option can name (CLI_LIST_MAX) */

struct reach {
	struct confine_folder item[REACH_MAX];
	unsigned n;
};

void reach_done(struct reach *reach);

/** reach_fd() - a folder by its descriptor, which is the list's now. 0; -E2BIG */
int reach_fd(struct reach *reach, int fd, enum confine_may may);

/** reach_folder() - 0, also if there is none that we may open; negative errno */
int reach_folder(struct reach *reach, const char *path, enum confine_may may);

/** reach_parent() - the folder of a file; what has none is in the current one. NULL: nothing */
int reach_parent(struct reach *reach, const char *file, enum confine_may may);

/** reach_programs() - what programs are made of, ours, and all of the PATH: to read and run */
int reach_programs(struct reach *reach);

#define _cleanup_reach_ _cleanup_(reach_done)

#endif
