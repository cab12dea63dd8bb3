// SPDX-License-Identifier: Apache-2.0
#include "base/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/event.h"

#define BUSY_NS            (5 * SECOND_NS)
#define BUSY_WHOLE_NS      (30 * SECOND_NS)
#define LOOK_US            2000 /* who writes without a pause leaves short gaps */
#define VACUUM_INCREMENTAL 2    /* as PRAGMA auto_vacuum says it */

/*
 * A lock that others have is waited for as long as they go on: sqlite's own wait sleeps for 100 ms
 * between two looks, and misses each gap of one who writes without a pause. The log of writes
 * tells who goes on. A statement waits in one piece, so that one wait for each thread is enough.
 */
static int on_busy(void *user, int looks)
{
	static _Thread_local struct {
		uint64_t began_ns, went_on_ns;
		struct timespec written;
	} wait;
	const char *path = sqlite3_db_filename(user, "main");
	uint64_t now = now_boot_ns();
	struct stat log;

	if (!looks) {
		wait.began_ns = wait.went_on_ns = now;
		wait.written = (struct timespec){};
	}
	if (path && *path && !stat(sqlite3_filename_wal(path), &log) &&
	    (log.st_mtim.tv_sec != wait.written.tv_sec ||
	     log.st_mtim.tv_nsec != wait.written.tv_nsec)) {
		wait.written = log.st_mtim;
		wait.went_on_ns = now;
	}
	if (now - wait.went_on_ns >= BUSY_NS || now - wait.began_ns >= BUSY_WHOLE_NS)
		return 0;
	usleep(LOOK_US);
	return 1;
}

/* What the kernel said: the cause, which "disk I/O error" is not; 0: it said nothing. */
static int db_cause(sqlite3 *db, int code)
{
	if (!db || ((code & 0xff) != SQLITE_IOERR && (code & 0xff) != SQLITE_CANTOPEN))
		return 0;
	return sqlite3_system_errno(db) > 0 ? -sqlite3_system_errno(db) : 0;
}

static int db_errno(sqlite3 *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_READONLY: return -EROFS;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT: return -EUCLEAN;
	case SQLITE_NOMEM: return -ENOMEM;
	default: return db_cause(db, code) ?: -EIO;
	}
}

static int db_problem(sqlite3 *db, const char *path, int code, struct problem *why)
{
	int cause = db_cause(db, code);

	return problem(why, db_errno(db, code), "%s: %s%s%s", path && *path ? path : "database",
		       sqlite3_errmsg(db), cause ? ": " : "", cause ? strerror(-cause) : "");
}

int db_exec(sqlite3 *db, const char *sql, struct problem *why)
{
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : db_problem(db, sqlite3_db_filename(db, "main"), code, why);
}

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct problem *why)
{
	int code = sqlite3_prepare_v2(db, sql, -1, ret, NULL);

	return code == SQLITE_OK ? 0 : db_problem(db, sqlite3_db_filename(db, "main"), code, why);
}

int db_step(sqlite3_stmt *stmt, struct problem *why)
{
	int code = sqlite3_step(stmt);
	sqlite3 *db;

	if (code == SQLITE_ROW)
		return 1;
	db = sqlite3_db_handle(stmt);
	return code == SQLITE_DONE ? 0 : db_problem(db, sqlite3_db_filename(db, "main"), code, why);
}

static int layout_get(sqlite3 *db, int *ret, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(db, "PRAGMA user_version", &stmt, why);

	if (!r)
		r = db_step(stmt, why);
	if (r > 0)
		*ret = sqlite3_column_int(stmt, 0);
	return r < 0 ? r : 0;
}

/* A file is given back what is deleted from it (PRAGMA incremental_vacuum), or never. */
static int vacuum_choose(sqlite3 *db, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(db, "PRAGMA auto_vacuum", &stmt, why);

	if (!r)
		r = db_step(stmt, why);
	if (r <= 0 || sqlite3_column_int(stmt, 0) == VACUUM_INCREMENTAL)
		return r < 0 ? r : 0;
	sqlite3_reset(stmt);
	/* saying it again is a write, which whoever only opens the file would wait for */
	return db_exec(db, "PRAGMA auto_vacuum = INCREMENTAL", why);
}

int db_newer(sqlite3 *db, int have, int known, struct problem *why)
{
	return problem(why, -EPROTO, "%s has layout %d, this program knows %d: a newer one made it",
		       sqlite3_db_filename(db, "main"), have, known);
}

/* All steps in one transaction: it is the old layout or the new one. */
static int layout_raise(sqlite3 *db, const struct db_layouts *layouts, struct problem *why)
{
	char version[40];
	int have = 0, r;

	/* a file that cannot be written to is found out here, not by whoever writes first */
	r = db_exec(db, "BEGIN IMMEDIATE", why);
	if (!r)
		r = layout_get(db, &have, why);
	snprintf(version, sizeof(version), "PRAGMA user_version = %d", layouts->newest);
	if (!r && have != layouts->newest)
		r = layouts->raise(db, have, layouts->user, why) ?: db_exec(db, version, why);
	if (!r)
		return db_exec(db, "COMMIT", why);
	db_exec(db, "ROLLBACK", NULL);
	return r;
}

int db_open_raised(const char *dir, const char *name, const struct db_layouts *layouts,
		   sqlite3 **ret, struct problem *why)
{
	_cleanup_close_ int folder = dir_open(AT_FDCWD, dir, why);
	char path[PATH_MAX];
	sqlite3 *db = NULL;
	mode_t mask;
	int r = 0, code;

	if (folder < 0)
		return folder;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	mask = umask(077);
	code = sqlite3_open_v2(path, &db,
			       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW |
				   SQLITE_OPEN_NOMUTEX,
			       NULL);
	if (code != SQLITE_OK)
		r = db_problem(db, path, code, why);
	else if (sqlite3_db_readonly(db, "main")) /* it was tried for writing first */
		r = problem(why, -EROFS, "%s: cannot be opened for writing", path);
	sqlite3_busy_handler(db, on_busy, db);
	if (!r)
		r = vacuum_choose(db, why); /* first: an empty file only takes it before the rest */
	/* NORMAL: a killed process loses nothing, a machine without power the last moments */
	if (!r)
		r = db_exec(db,
			    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
			    "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
			    why);
	if (!r)
		r = layout_raise(db, layouts, why);
	umask(mask);
	if (r)
		sqlite3_close(db);
	else
		*ret = db;
	return r;
}

static int raise_in_turn(sqlite3 *db, int have, const void *user, struct problem *why)
{
	const char *const *sql = user;
	int known = 0, r = 0;

	while (sql[known])
		known++;
	if (have > known)
		return db_newer(db, have, known, why);
	for (int i = have; !r && i < known; i++)
		r = db_exec(db, sql[i], why);
	return r;
}

int db_open(const char *dir, const char *name, const char *const sql[], sqlite3 **ret,
	    struct problem *why)
{
	struct db_layouts layouts = { .raise = raise_in_turn, .user = sql };

	while (sql[layouts.newest])
		layouts.newest++;
	return db_open_raised(dir, name, &layouts, ret, why);
}

bool db_is_current(sqlite3 *db, int layout)
{
	int moved = 0, have;

	return sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
	       !moved && !layout_get(db, &have, NULL) && have == layout;
}

int db_open_reader(const char *dir, const char *name, int known, sqlite3 **ret, struct problem *why)
{
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX;
	int have = 0, r = 0, code;
	char path[PATH_MAX];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (access(path, R_OK))
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	code = sqlite3_open_v2(path, &db, flags, NULL);
	if (code != SQLITE_OK)
		r = db_problem(db, path, code, why);
	sqlite3_busy_handler(db, on_busy, db);
	if (!r)
		r = layout_get(db, &have, why);
	if (!r && !have)
		r = problem(why, -ENOENT, "%s: nothing is in it yet", path);
	if (!r && have > known)
		r = db_newer(db, have, known, why);
	if (r)
		sqlite3_close(db);
	else
		*ret = db;
	return r;
}
