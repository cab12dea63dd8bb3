/* SPDX-License-Identifier: Apache-2.0 */
/*
 * within.h - what the files of the store share, and nobody else includes
 *
 * Threads: as the store.
 */
#ifndef STORE_WITHIN_H
#define STORE_WITHIN_H

#include "base/db.h"
#include "index.h"
#include "ring.h"
#include "seal.h"
#include "secret.h"
#include "store.h"

#define STORE_LAYOUT 102 /* ours begin at 101; 1 to 3 are those of the vault's */

/*
 * The header of what sqlite's processes share of a write-ahead log (walformat.html, 1.1): its two
 * copies, one of which every commit changes. Compared only, and nothing of it is understood.
 */
#define STORE_MARK 24 /* words */

/* Statements that are asked for again and again, and stay prepared. */
enum kept { KEPT_VERSION, KEPT_TOKEN, KEPT_CREDENTIAL, KEPT_MAX_ };

struct store {
	sqlite3 *db;
	char *path;
	enum store_may may;
	int64_t version;                /* of the file, when store_changed() was asked */
	const volatile uint32_t *mark;  /* sqlite's, as long as db is; NULL: the file has none */
	uint32_t mark_seen[STORE_MARK]; /* when it was asked for its version; all 0: not yet */
	int64_t version_seen;
	uint64_t looked_ns; /* whether it still is there */
	bool lost;          /* it is not */
	struct index index;
	struct ring ring[STORE_CLASSES_];
	sqlite3_stmt *kept[KEPT_MAX_];
};

/** store_kept() - the statement, prepared by @sql when it is first asked for; store_rest() it */
int store_kept(struct store *store, enum kept which, const char *sql, sqlite3_stmt **ret,
	       struct problem *why);

/* A kept statement is not to keep a reader open: for _cleanup_(store_restp). */
static inline void store_restp(sqlite3_stmt **stmt)
{
	if (*stmt) {
		sqlite3_reset(*stmt);
		sqlite3_clear_bindings(*stmt);
	}
}
#define _cleanup_rest_ _cleanup_(store_restp)

/** store_version() - a number that changes when somebody else has written */
int store_version(struct store *store, int64_t *ret, struct problem *why);

/** store_here() - is what we have open what is at its path? 0; -EIDRM */
int store_here(struct store *store, struct problem *why);

/** store_watch() - from now on that costs nothing while nobody writes, if the file can have it so */
int store_watch(struct store *store, struct problem *why);

/** store_begin() - be the one who writes; store_end() - commit, or undo it if @r is an error; @r */
int store_begin(struct store *store, struct problem *why);
int store_end(struct store *store, int r, struct problem *why);

/** store_number() - the number that a statement of one row and column gives; @text may be NULL */
int store_number(struct store *store, const char *sql, const char *text, int64_t *ret,
		 struct problem *why);

/** layout_raise() - as struct db_layouts has it: the tables of S, H and of layouts of ours */
int layout_raise(sqlite3 *db, int have, const void *user, struct problem *why);

#endif
