// SPDX-License-Identifier: Apache-2.0
/*
 * journal_share.c - the journal's disk is everybody's: how much of it one user's guards may keep
 *
 * Who runs containers gives them their ids, and who owns a cgroup names those below it: as many
 * as they like. Full, a user's own share makes room: what was not seen for longest goes first, unless a person has
 * denied it anything: that only a person takes back, while profiles come again with the
 * container. When all that is left denies, more is refused. What root says of a user's guard is
 * not counted against it. Root's own guards have no bound.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "journal.h"
#include "journal_db.h"

#define RECOUNT 256 /* entries of ours; other processes add theirs, a few at a time */

/* Keys of one user are two ranges of the index: "container:UID:" to "container:UID;", "cgroup:UID:". */
#define OF_KIND(kind) "key > '" kind ":' || ?1 || ':' AND key < '" kind ":' || ?1 || ';'"
#define OF_USER       "(" OF_KIND("container") " OR " OF_KIND("cgroup") ")"

static struct {
	char user[JOURNAL_USER_LEN]; /* "": nobody was counted */
	unsigned n, since;
} counted;

/* UID of a user's key, as journal_key() makes it; false: root's. */
static bool user_of(const char *key, char ret[static JOURNAL_USER_LEN])
{
	const char *colon = strchr(key, ':'), *uid = colon ? colon + 1 : "";
	size_t n = strspn(uid, "0123456789");

	if (!n || uid[n] != ':' || n >= JOURNAL_USER_LEN)
		return false;
	snprintf(ret, JOURNAL_USER_LEN, "%.*s", (int)n, uid);
	return true;
}

static int number_of(const char *sql, const char *user, unsigned *ret, struct problem *why)
{
	_cleanup_journal_ sqlite3_stmt *row = NULL;
	int r = journal_prepare(sql, user, &row, why);

	if (!r)
		r = db_step(row, why);
	if (r > 0)
		*ret = sqlite3_column_int(row, 0);
	return r < 0 ? r : 0;
}

static int guards_count(const char *user, unsigned *ret, struct problem *why)
{
	return number_of("SELECT count(*) FROM guard WHERE " OF_USER, user, ret, why);
}

static int entries_count(const char *user, unsigned *ret, struct problem *why)
{
	return number_of("SELECT (SELECT count(*) FROM rule WHERE " OF_USER ")"
			 " + (SELECT count(*) FROM name WHERE " OF_USER ")"
			 " + (SELECT count(*) FROM answer WHERE " OF_USER ")"
			 " + (SELECT count(*) FROM port WHERE " OF_USER ")",
			 user, ret, why);
}

static void bind_spared(sqlite3_stmt *stmt, const void *arg)
{
	sqlite3_bind_text(stmt, 2, arg, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, TEROK_STATE_BLOCK);
	sqlite3_bind_int(stmt, 4, TEROK_DENY);
	sqlite3_bind_int(stmt, 5, TEROK_AUTHOR_PROFILE);
}

#define DENIES " AS it WHERE it.key = guard.key AND it.action = ?4 AND it.author != ?5"

/* Some of the oldest, but not @key; how many went. */
static int oldest_drop(const char *user, const char *key, unsigned *ret, struct problem *why)
{
	sqlite3 *db;
	int r = journal_run(
	    "DELETE FROM guard WHERE key IN (SELECT key FROM guard WHERE " OF_USER
	    " AND key != ?2 AND state != ?3 AND NOT EXISTS (SELECT 1 FROM rule" DENIES ")"
	    " AND NOT EXISTS (SELECT 1 FROM name" DENIES ") ORDER BY seen, rowid LIMIT 64)",
	    user, bind_spared, key, why);

	if (!r)
		r = journal_open(&db, why);
	if (!r)
		*ret = sqlite3_changes(db);
	return r;
}

/* As many of the oldest as it takes until there is room for @want more, and some to spare. */
static int room_make(int (*count)(const char *, unsigned *, struct problem *), const char *user,
		     const char *key, unsigned want, unsigned max, unsigned *n, struct problem *why)
{
	unsigned went = 1;
	int r = count(user, n, why);

	if (r || *n + want <= max)
		return r;
	while (!r && went && *n + want > max - max / 16) {
		r = oldest_drop(user, key, &went, why);
		if (!r)
			r = count(user, n, why);
	}
	return r;
}

static int full(const char *user, unsigned n, const char *what, struct problem *why)
{
	return problem(why, -EDQUOT,
		       "%u %s of user %s are kept that deny something, and no user "
		       "has more kept; detach what needs no guard any more, or take denies back "
		       "(deny --remove)",
		       n, what, user);
}

int journal_share_guard(const char *key, struct problem *why)
{
	char user[JOURNAL_USER_LEN];
	unsigned there = 0, n;
	int r;

	if (!user_of(key, user))
		return 0;
	r = number_of("SELECT count(*) FROM guard WHERE key = ?1", key, &there, why);
	if (r || there)
		return r;
	r = room_make(guards_count, user, key, 1, JOURNAL_USER_GUARDS, &n, why);
	counted.since = RECOUNT;
	return r ? r : n < JOURNAL_USER_GUARDS ? 0 : full(user, n, "guards", why);
}

int journal_note(const char *key, struct problem *why)
{
	return journal_share_guard(key, why) ?: journal_note_row(key, why);
}

int journal_share_entries(const char *key, unsigned want, struct problem *why)
{
	char user[JOURNAL_USER_LEN];
	int r = 0;

	if (!user_of(key, user))
		return 0;
	if (strcmp(user, counted.user) || counted.since >= RECOUNT ||
	    counted.n + want > JOURNAL_USER_ENTRIES) {
		r = room_make(entries_count, user, key, want, JOURNAL_USER_ENTRIES, &counted.n,
			      why);
		strcpy(counted.user, r ? "" : user);
		counted.since = 0;
	}
	if (!r && counted.n + want > JOURNAL_USER_ENTRIES)
		r = full(user, counted.n, "entries", why);
	if (r)
		return r;
	counted.n += want;
	counted.since += want;
	return 0;
}

/* What root says of a user's guard must not depend on what that user has kept. */
int journal_note_said(const char *key, bool by_root, unsigned entries, struct problem *why)
{
	int r;

	if (by_root)
		return journal_note_row(key, why);
	r = entries ? journal_share_entries(key, entries, why) : 0;
	return r ?: journal_note(key, why);
}
