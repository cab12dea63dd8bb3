/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_dir.h - a guard's folder on disk, by its name: what people and scripts may read of it
 *
 *   TEROK_STATE/containers/NAME         a container of root's
 *   TEROK_STATE/containers/NAME@UID     one of a user's
 *   TEROK_STATE/cgroups/a~b             the cgroup /a/b
 *
 * Owns: the names of these folders; lists.c and audit.c own the files in them. Nothing in them
 * decides anything: the journal and the maps do. What exec guards has none.
 * Threads: none.
 */
#ifndef TEROK_GUARD_DIR_H
#define TEROK_GUARD_DIR_H

#include <stdbool.h>

#include "base/problem.h"
#include "terok/abi.h"

#define GUARD_DIR_LEN 256 /* of one component, NUL included */

/** guard_dir_room() - "containers" or "cgroups"; NULL: it has no folder */
const char *guard_dir_room(const struct terok_info *info);

/** guard_dir_name() - the folder's name in its room; false: too long to be one */
bool guard_dir_name(const struct terok_info *info, char ret[static GUARD_DIR_LEN]);

/**
 * guard_dir_rename() - it is called something else now
 *
 * Where a folder of the new name is there already both stay: it is another guard's history.
 */
void guard_dir_rename(const struct terok_info *before, const struct terok_info *now);

/** guard_dir_grown() - much was written there: a user's folders have a bound (guard_share.h) */
void guard_dir_grown(const struct terok_info *info);

/** guard_dir_open() - open it, making it if it is missing; -ENOENT: it has none; no text then */
int guard_dir_open(const struct terok_info *info, struct problem *why);

#endif
