/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agents_layout.h - the tables of the registry's file, and how others become them
 *
 * Threads: none shared.
 */
#ifndef REGISTRY_AGENTS_LAYOUT_H
#define REGISTRY_AGENTS_LAYOUT_H

#include "base/db.h"

#define AGENTS_LAYOUT      1 /* ours, of both */
#define AGENTS_VERSION_MAX 2 /* the newest of theirs that we know */

extern const struct db_layouts agents_layouts;

/** agents_layout_check() - -EPROTO with @why: a newer program has been here since */
int agents_layout_check(sqlite3 *db, struct problem *why);

#endif
