// SPDX-License-Identifier: Apache-2.0
#include "history_db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/event.h"
#include "base/log.h"

#define DAY_NS    (86400 * SECOND_NS)
#define MIB       (UINT64_C(1) << 20)
#define PAGE      4096
#define LOG_PAGES 256 /* of the write-ahead log, before it is written back: 1 MiB */
#define BITE      256 /* entries deleted at once: under a millisecond */
#define VACUUM    64  /* pages given back at once */
#define BUSY_MS   20  /* somebody else writes: root, by hand; it does not stop the agent */

static const char *const layouts[] = {
	"CREATE TABLE who (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL,"
	" guard INTEGER NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL,"
	" entries INTEGER NOT NULL DEFAULT 0, UNIQUE (owner, guard, container, name)) STRICT;"
	/* numbers are moments, see insert(); none is used twice, also of entries that are gone */
	"CREATE TABLE entry (number INTEGER PRIMARY KEY AUTOINCREMENT,"
	" who INTEGER NOT NULL REFERENCES who, owner INTEGER NOT NULL, wall INTEGER NOT NULL,"
	" type INTEGER NOT NULL, ask INTEGER NOT NULL, count INTEGER NOT NULL,"
	" dest TEXT NOT NULL, domain TEXT NOT NULL, port INTEGER NOT NULL,"
	" proto INTEGER NOT NULL, action INTEGER NOT NULL, scope INTEGER NOT NULL,"
	" until INTEGER NOT NULL, uid INTEGER NOT NULL, client TEXT NOT NULL,"
	" ok INTEGER NOT NULL, process TEXT NOT NULL) STRICT;"
	"CREATE INDEX entry_who ON entry (who);"
	"CREATE INDEX entry_owner ON entry (owner);"
	"CREATE INDEX entry_wall ON entry (wall);"
	"CREATE TRIGGER entry_comes AFTER INSERT ON entry BEGIN"
	" UPDATE who SET entries = entries + 1 WHERE id = NEW.who; END;"
	"CREATE TRIGGER entry_goes AFTER DELETE ON entry BEGIN"
	" UPDATE who SET entries = entries - 1 WHERE id = OLD.who; END;",

	"ALTER TABLE entry ADD COLUMN request TEXT NOT NULL DEFAULT '';",
	NULL,
};

struct history_db {
	sqlite3 *sqlite;
	struct history_limits limits;
	uint64_t room; /* bytes of used pages */
};

static uint64_t wall_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

uint64_t history_db_oldest(const struct history_limits *limits)
{
	uint64_t now = wall_now_ns();

	return now > limits->days * DAY_NS ? now - limits->days * DAY_NS : 0;
}

sqlite3 *history_db_handle(struct history_db *db)
{
	return db->sqlite;
}

/* --- open ---------------------------------------------------------------------------------- */

/* With its log, which is part of it, and its index of that, which would be taken for the new one's. */
static int set_aside(const char *file, struct problem *why)
{
	static const char *const parts[] = { "-wal", "-shm", "" };
	char from[PATH_MAX + 32], to[PATH_MAX + 32];
	unsigned n = 1;

	for (; n <= HISTORY_BROKEN; n++) {
		snprintf(to, sizeof(to), "%s.broken-%u", file, n);
		if (access(to, F_OK))
			break;
	}
	if (n > HISTORY_BROKEN)
		return problem(why, -EUCLEAN, "%s and %u before it are broken: look at the disk",
			       file, HISTORY_BROKEN);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", file, parts[i]);
		snprintf(to, sizeof(to), "%s.broken-%u%s", file, n, parts[i]);
		if (rename(from, to) && errno != ENOENT)
			return problem(why, -errno, "%s: %s", from, strerror(errno));
	}
	log_warn(0, "%s is broken; it is %s now, and a new one is begun", file, to);
	return 0;
}

static int pragma(sqlite3 *sqlite, const char *name, uint64_t *ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	char sql[64];
	int r;

	snprintf(sql, sizeof(sql), "PRAGMA %s", name);
	r = db_prepare(sqlite, sql, &stmt, NULL);
	if (!r)
		r = db_step(stmt, NULL);
	if (r > 0)
		*ret = sqlite3_column_int64(stmt, 0);
	return r < 0 ? r : 0;
}

/* The log grows beyond LOG_PAGES by what one write adds, and is cut back to them. */
static int limits_set(struct history_db *db, struct problem *why)
{
	uint64_t all = db->limits.mib * MIB, log = 2 * LOG_PAGES * PAGE;
	char sql[256];

	db->room = (all - log) / 16 * 15;
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	snprintf(sql, sizeof(sql),
		 "PRAGMA cache_size = -256; PRAGMA wal_autocheckpoint = %d;"
		 "PRAGMA journal_size_limit = %d; PRAGMA max_page_count = %llu",
		 LOG_PAGES, LOG_PAGES * PAGE, (unsigned long long)((all - log) / PAGE));
	return db_exec(db->sqlite, sql, why);
}

/* The agent's, or whichever it is to be: with its folder and a slash. */
static int file_set(const struct history_limits *limits, char ret[static PATH_MAX],
		    struct problem *why)
{
	int n = limits->file ? snprintf(ret, PATH_MAX, "%s%s",
					strchr(limits->file, '/') ? "" : "./", limits->file)
			     : snprintf(ret, PATH_MAX, "%s/" HISTORY_FILE, state_dir());

	return n < PATH_MAX - 32 ? 0 : problem(why, -ENAMETOOLONG, "%.60s...: too long", ret);
}

static int file_open(const char *file, sqlite3 **ret, struct problem *why)
{
	const char *name = strrchr(file, '/') + 1;
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%.*s", name - file > 1 ? (int)(name - file) - 1 : 1, file);
	return db_open(dir, name, layouts, ret, why);
}

int history_db_open(const struct history_limits *limits, struct history_db **ret,
		    struct problem *why)
{
	struct history_db *db = calloc(1, sizeof(*db));
	char file[PATH_MAX];
	int r;

	if (!db)
		return problem(why, -ENOMEM, HISTORY_FILE ": %s", strerror(ENOMEM));
	db->limits = *limits;
	r = file_set(limits, file, why);
	if (!r)
		r = file_open(file, &db->sqlite, why);
	if (r == -EUCLEAN) {
		r = set_aside(file, why);
		if (!r)
			r = file_open(file, &db->sqlite, why);
	}
	if (!r)
		r = limits_set(db, why);
	if (r)
		history_db_close(db);
	else
		*ret = db;
	return r;
}

void history_db_close(struct history_db *db)
{
	if (!db)
		return;
	sqlite3_close(db->sqlite);
	free(db);
}

int history_db_reader(sqlite3 **ret, struct problem *why)
{
	return db_open_reader(state_dir(), HISTORY_FILE, sizeof(layouts) / sizeof(layouts[0]) - 1,
			      ret, why);
}

/* --- what must go -------------------------------------------------------------------------- */

static int delete_old(struct history_db *db, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(db->sqlite,
			   "DELETE FROM entry WHERE number IN (SELECT number FROM entry"
			   " INDEXED BY entry_wall WHERE wall < ?1 ORDER BY wall LIMIT ?2)",
			   &stmt, why);

	if (r)
		return r;
	sqlite3_bind_int64(stmt, 1, history_db_oldest(&db->limits));
	sqlite3_bind_int(stmt, 2, BITE);
	r = db_step(stmt, why);
	return r < 0 ? r : sqlite3_changes(db->sqlite);
}

/* Of the owner with most entries the guard with most: its oldest. */
static int delete_much(struct history_db *db, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(db->sqlite,
			   "DELETE FROM entry WHERE number IN (SELECT number FROM entry"
			   " INDEXED BY entry_who WHERE who = (SELECT id FROM who WHERE owner ="
			   " (SELECT owner FROM who GROUP BY owner ORDER BY SUM(entries) DESC"
			   " LIMIT 1) ORDER BY entries DESC LIMIT 1) ORDER BY number LIMIT ?1)",
			   &stmt, why);

	if (r)
		return r;
	sqlite3_bind_int(stmt, 1, BITE);
	r = db_step(stmt, why);
	return r < 0 ? r : sqlite3_changes(db->sqlite);
}

static int delete_nobody(struct history_db *db, struct problem *why)
{
	return db_exec(db->sqlite, "DELETE FROM who WHERE entries = 0", why);
}

static int used_bytes(struct history_db *db, uint64_t *used, uint64_t *unused)
{
	uint64_t pages = 0, size = 0;
	int r = pragma(db->sqlite, "page_count", &pages);

	*unused = 0;
	if (!r)
		r = pragma(db->sqlite, "freelist_count", unused);
	if (!r)
		r = pragma(db->sqlite, "page_size", &size);
	*used = (pages - *unused) * size;
	*unused *= size;
	return r;
}

/* In a transaction. 1: there is more. */
static int trim(struct history_db *db, struct problem *why)
{
	uint64_t used, unused;
	int gone = delete_old(db, why), more = 0, r;

	if (gone < 0)
		return gone;
	r = used_bytes(db, &used, &unused);
	if (!r && gone < BITE && used > db->room) {
		more = delete_much(db, why);
		if (more < 0)
			return more;
		gone += more;
		r = used_bytes(db, &used, &unused);
	}
	if (!r && gone)
		r = delete_nobody(db, why);
	return r < 0 ? r : gone >= BITE || (more && used > db->room);
}

/* A file that was larger before its limit was lowered gives back what it does not use. */
static int give_back(struct history_db *db)
{
	uint64_t used, unused;
	char sql[64];

	if (used_bytes(db, &used, &unused) || used + unused <= db->room / 15 * 16)
		return 0;
	snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", VACUUM);
	return db_exec(db->sqlite, sql, NULL) || unused < VACUUM * PAGE ? 0 : 1;
}

int history_db_trim(struct history_db *db, struct problem *why)
{
	int r = db_exec(db->sqlite, "BEGIN IMMEDIATE", why), more;

	if (r)
		return r;
	more = trim(db, why);
	r = more < 0 ? more : db_exec(db->sqlite, "COMMIT", why);
	if (r)
		db_exec(db->sqlite, "ROLLBACK", NULL);
	return r ? r : more ? 1 : give_back(db);
}

uint64_t history_db_due(struct history_db *db)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;

	if (db_prepare(db->sqlite, "SELECT wall FROM entry ORDER BY wall LIMIT 1", &stmt, NULL) ||
	    db_step(stmt, NULL) != 1)
		return 0;
	return sqlite3_column_int64(stmt, 0) + db->limits.days * DAY_NS;
}

/* --- in ------------------------------------------------------------------------------------ */

#define BIND_FIELD(stmt, n, field)                                                                 \
	sqlite3_bind_text(stmt, n, field, strnlen(field, sizeof(field)), SQLITE_STATIC)

static void bind_who(sqlite3_stmt *stmt, const struct msg_entry *entry)
{
	sqlite3_bind_int64(stmt, 1, entry->owner);
	sqlite3_bind_int64(stmt, 2, entry->guard);
	BIND_FIELD(stmt, 3, entry->container);
	BIND_FIELD(stmt, 4, entry->name);
}

static void bind_entry(sqlite3_stmt *stmt, const struct msg_entry *entry)
{
	bind_who(stmt, entry);
	sqlite3_bind_int64(stmt, 5, entry->wall_ns);
	sqlite3_bind_int(stmt, 6, entry->type);
	sqlite3_bind_int64(stmt, 7, entry->ask);
	sqlite3_bind_int64(stmt, 8, entry->count);
	BIND_FIELD(stmt, 9, entry->dest);
	BIND_FIELD(stmt, 10, entry->domain);
	sqlite3_bind_int(stmt, 11, entry->port);
	sqlite3_bind_int(stmt, 12, entry->proto);
	sqlite3_bind_int(stmt, 13, entry->action);
	sqlite3_bind_int(stmt, 14, entry->scope);
	sqlite3_bind_int64(stmt, 15, entry->until_ns);
	sqlite3_bind_int64(stmt, 16, entry->uid);
	BIND_FIELD(stmt, 17, entry->client);
	sqlite3_bind_int(stmt, 18, entry->ok);
	BIND_FIELD(stmt, 19, entry->process);
	BIND_FIELD(stmt, 20, entry->request);
}

/*
 * A number is the entry's moment in microseconds, or one more than the last: counted from one,
 * a user's own numbers would tell how much happened to others meanwhile. A clock that was set
 * back counts until it has caught up.
 */
static int insert(struct history_db *db, const struct msg_entry *entry, unsigned n,
		  struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *who = NULL, *stmt = NULL;
	int r = db_prepare(db->sqlite,
			   "INSERT INTO who (owner, guard, container, name)"
			   " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
			   &who, why);

	if (!r)
		r = db_prepare(
		    db->sqlite,
		    "INSERT INTO entry (number, who, owner, wall, type, ask, count, dest,"
		    " domain, port, proto, action, scope, until, uid, client, ok,"
		    " process, request) SELECT max(?5 / 1000, 1 + coalesce((SELECT seq FROM"
		    " sqlite_sequence WHERE name = 'entry'), 0)), id, ?1, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
		    " ?14, ?15, ?16, ?17, ?18, ?19, ?20 FROM who WHERE owner = ?1"
		    " AND guard = ?2 AND container = ?3 AND name = ?4",
		    &stmt, why);
	for (unsigned i = 0; !r && i < n; i++) {
		bind_who(who, &entry[i]);
		bind_entry(stmt, &entry[i]);
		r = db_step(who, why);
		if (!r)
			r = db_step(stmt, why);
		sqlite3_reset(who);
		sqlite3_reset(stmt);
	}
	return r;
}

int history_db_write(struct history_db *db, const struct msg_entry *entry, unsigned n,
		     struct problem *why)
{
	int r = db_exec(db->sqlite, "BEGIN IMMEDIATE", why);

	if (r)
		return r;
	r = trim(db, why); /* first: there must be room */
	if (r >= 0)
		r = insert(db, entry, n, why);
	if (!r)
		r = db_exec(db->sqlite, "COMMIT", why);
	if (r)
		db_exec(db->sqlite, "ROLLBACK", NULL);
	return r;
}

/* --- out ----------------------------------------------------------------------------------- */

static void take_text(sqlite3_stmt *row, int column, char *to, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	size_t n = text ? sqlite3_column_bytes(row, column) : 0;

	memset(to, 0, size);
	memcpy(to, text ?: "", n < size ? n : size - 1);
}

#define TAKE_FIELD(row, n, field) take_text(row, n, field, sizeof(field))

static void take_entry(sqlite3_stmt *row, struct msg_entry *ret)
{
	ret->number = sqlite3_column_int64(row, 0);
	ret->owner = sqlite3_column_int64(row, 1);
	ret->guard = sqlite3_column_int64(row, 2);
	TAKE_FIELD(row, 3, ret->container);
	TAKE_FIELD(row, 4, ret->name);
	ret->wall_ns = sqlite3_column_int64(row, 5);
	ret->type = sqlite3_column_int(row, 6);
	ret->ask = sqlite3_column_int64(row, 7);
	ret->count = sqlite3_column_int64(row, 8);
	TAKE_FIELD(row, 9, ret->dest);
	TAKE_FIELD(row, 10, ret->domain);
	ret->port = sqlite3_column_int(row, 11);
	ret->proto = sqlite3_column_int(row, 12);
	ret->action = sqlite3_column_int(row, 13);
	ret->scope = sqlite3_column_int(row, 14);
	ret->until_ns = sqlite3_column_int64(row, 15);
	ret->uid = sqlite3_column_int64(row, 16);
	TAKE_FIELD(row, 17, ret->client);
	ret->ok = sqlite3_column_int(row, 18);
	TAKE_FIELD(row, 19, ret->process);
	TAKE_FIELD(row, 20, ret->request);
}

/*
 * The inner query walks one index in the order of numbers and stops at the limit, so that
 * whoever has few entries does not make the agent look through those of everybody.
 */
static void query_sql(sqlite3 *db, const struct history_query *query, char *sql, size_t size)
{
	uint64_t layout = 0; /* of a file that the agent before us wrote to, and has not raised */
	const char *from = "entry NOT INDEXED WHERE";
	const char *order = query->oldest_first ? "ASC" : "DESC";

	if (query->text)
		from = "entry INDEXED BY entry_who WHERE who IN (SELECT id FROM who WHERE"
		       " name = ?3 OR container = ?3 OR CAST(guard AS TEXT) = ?3 OR"
		       " (length(?3) >= 12 AND substr(container, 1, length(?3)) = ?3)) AND";
	else if (query->guard)
		from = "entry INDEXED BY entry_who WHERE who IN (SELECT id FROM who WHERE"
		       " guard = ?2 AND (?1 = 0 OR owner = ?1)) AND";
	else if (query->uid)
		from = "entry INDEXED BY entry_owner WHERE owner = ?1 AND";
	pragma(db, "user_version", &layout);
	snprintf(sql, size,
		 "SELECT number, e.owner, guard, container, name, wall, type, ask, count, dest,"
		 " domain, port, proto, action, scope, until, uid, client, ok, process, %s"
		 " FROM (SELECT number AS n FROM %s number %s ?4 AND wall >= ?5"
		 " ORDER BY number %s LIMIT ?6) JOIN entry AS e ON number = n"
		 " JOIN who ON id = who WHERE ?1 = 0 OR e.owner = ?1 ORDER BY number %s",
		 layout < 2 ? "''" : "request", from, query->oldest_first ? ">" : "<", order,
		 order);
}

int history_db_read(sqlite3 *db, const struct history_query *query, history_fn fn, void *user,
		    struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	uint64_t after = query->after;
	struct msg_entry entry;
	unsigned n = 0;
	char sql[1024];
	int r;

	query_sql(db, query, sql, sizeof(sql));
	r = db_prepare(db, sql, &stmt, why);
	if (r)
		return r;
	sqlite3_bind_int64(stmt, 1, query->uid);
	sqlite3_bind_int64(stmt, 2, query->guard);
	sqlite3_bind_text(stmt, 3, query->text, -1, SQLITE_STATIC);
	if (!query->after && !query->oldest_first)
		after = INT64_MAX;
	sqlite3_bind_int64(stmt, 4, after > INT64_MAX ? INT64_MAX : after);
	sqlite3_bind_int64(stmt, 5, query->since_ns > INT64_MAX ? INT64_MAX : query->since_ns);
	sqlite3_bind_int64(stmt, 6, query->limit ? (int64_t)query->limit + 1 : -1);
	while ((r = db_step(stmt, why)) > 0) {
		if (query->limit && n++ == query->limit)
			return 1;
		entry = (struct msg_entry){};
		take_entry(stmt, &entry);
		fn(&entry, user);
	}
	return r;
}
