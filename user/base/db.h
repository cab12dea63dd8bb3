/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.h - sqlite files, opened in one way
 *
 * A file has one owner and is 0600 in a folder that only its owner writes to. Write-ahead
 * log: readers and one writer at a time, a killed process leaves the last commit. Layouts
 * are numbered (PRAGMA user_version) and only ever move forward.
 * sqlite's codes become errno here: -ENOSPC no room, -EROFS, -EBUSY somebody else holds it, for
 * 5 s in which nothing was written or for 30 s in which much was, -EUCLEAN not a database or
 * broken, -EIO the rest.
 * Threads: a handle belongs to one.
 */
#ifndef BASE_DB_H
#define BASE_DB_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/problem.h"

/**
 * db_open() - open or make @dir/@name, and bring it to the newest layout
 * @sql: SQL that makes layout 1, 2, ... of the one before; NULL ends it
 *
 * Return: 0; -EPERM the folder or file is not safe, -EPROTO a newer program made it, or as
 * above, with @why.
 */
int db_open(const char *dir, const char *name, const char *const sql[], sqlite3 **ret,
	    struct problem *why);

/* Layouts of a file whose first numbers may be somebody else's. */
struct db_layouts {
	int newest;
	/* @have is any number but @newest, also a larger one; what it does is in one transaction */
	int (*raise)(sqlite3 *db, int have, const void *user, struct problem *why);
	const void *user;
};

/** db_open_raised() - the same as db_open(), where a function makes the newest layout of what there is */
int db_open_raised(const char *dir, const char *name, const struct db_layouts *layouts,
		   sqlite3 **ret, struct problem *why);

/**
 * db_open_reader() - open @dir/@name only to read it, beside its one writer
 * @known: the newest layout that the caller understands
 *
 * Read in bites: a statement that stays open keeps the writer from ever shortening its log.
 * Return: 0; -ENOENT there is none (yet), -EACCES not for this user, -EPROTO, or as above.
 */
int db_open_reader(const char *dir, const char *name, int known, sqlite3 **ret,
		   struct problem *why);

/** db_newer() - -EPROTO, and @why says that @have is a newer program's number than @known */
int db_newer(sqlite3 *db, int have, int known, struct problem *why);

/** db_is_current() - is the open file still the one at its path, and of that layout? */
bool db_is_current(sqlite3 *db, int layout);

/** db_prepare() - one statement; bind it, then db_step() it, then sqlite3_finalize() */
int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct problem *why);

/** db_step() - 1: a row, 0: done, negative errno with @why */
int db_step(sqlite3_stmt *stmt, struct problem *why);

/** db_exec() - statements without results */
int db_exec(sqlite3 *db, const char *sql, struct problem *why);

static inline void db_finalizep(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}
#define _cleanup_stmt_ _cleanup_(db_finalizep)

#endif
