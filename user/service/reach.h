/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.h - a list of the folders and devices that a service can reach, and nothing else then
 *
 * What is not there is left out. Owns: a descriptor of each. Threads: none.
 */
#ifndef SERVICE_REACH_H
#define SERVICE_REACH_H

#include <stdbool.h>

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

/** reach_devices() - null and the random ones, and no other: to read and write */
int reach_devices(struct reach *reach);

/** reach_system() - what names of hosts and certificates are looked up in, and libraries for that: to read */
int reach_system(struct reach *reach);

/** reach_programs() - what programs are made of, ours, and all of the PATH: to read and run */
int reach_programs(struct reach *reach);

/** reach_reads() - could that file be read by who is confined so? */
bool reach_reads(const struct reach *reach, const char *file);

/**
 * reach_confine() - reach nothing else from now on
 * @means: what it means where the kernel has no Landlock, which the log says then
 *
 * Return: 0; -EOPNOTSUPP as confine_files_but(); negative errno, and the caller does not go on.
 */
int reach_confine(const struct reach *reach, const char *means);

#define _cleanup_reach_ _cleanup_(reach_done)

#endif
