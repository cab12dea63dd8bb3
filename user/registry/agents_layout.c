// SPDX-License-Identifier: Apache-2.0
#include "agents_layout.h"

#include <errno.h>

#include "base/log.h"

/* As other programs number and mark what they did; the text of a step is theirs too. */
static const char numbers[] =
    "CREATE TABLE goose_db_version ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL,"
    " is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));"
    "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1);";

static const char *const steps[AGENTS_VERSION_MAX] = {
	"CREATE TABLE agents ("
	" thumbprint_hex TEXT NOT NULL UNIQUE, container_id TEXT NOT NULL UNIQUE,"
	" agent_name TEXT NOT NULL, project TEXT NOT NULL, canonical_cn TEXT NOT NULL,"
	" registered_at INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
	" PRIMARY KEY (thumbprint_hex, container_id));"
	"CREATE INDEX idx_agents_project_agent_name ON agents (project, agent_name);"
	"INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1);",
	"ALTER TABLE agents DROP COLUMN canonical_cn;"
	"INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, 1);",
};

static const char own_tables[] =
    "CREATE TABLE IF NOT EXISTS assertions_spent ("
    " client TEXT NOT NULL, jti TEXT NOT NULL, thumbprint BLOB NOT NULL, expires INTEGER NOT NULL,"
    " PRIMARY KEY (client, jti)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS idx_assertions_spent ON assertions_spent (expires);";

/* The one number that a statement gives. */
static int number(sqlite3 *db, const char *sql, int *ret, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(db, sql, &stmt, why);

	if (!r)
		r = db_step(stmt, why);
	if (r > 0)
		*ret = sqlite3_column_int(stmt, 0);
	return r < 0 ? r : 0;
}

static int has_table(sqlite3 *db, const char *sql, int *ret, struct problem *why)
{
	*ret = 0;
	return number(db, sql, ret, why);
}

static int theirs(sqlite3 *db, int *ret, struct problem *why)
{
	*ret = 0;
	/* of a number that was taken back the last row says so */
	return number(
	    db,
	    "SELECT coalesce(max(version_id), 0) FROM goose_db_version AS v WHERE is_applied"
	    " AND NOT EXISTS (SELECT 1 FROM goose_db_version WHERE version_id ="
	    " v.version_id AND id > v.id AND NOT is_applied)",
	    ret, why);
}

int agents_layout_check(sqlite3 *db, struct problem *why)
{
	int version, r = theirs(db, &version, why);

	return r
		   ?: version > AGENTS_VERSION_MAX ? db_newer(db, version, AGENTS_VERSION_MAX, why)
						   : 0;
}

static int raise_layout(sqlite3 *db, int have, const void *user, struct problem *why)
{
	int numbered, table, version = 0, r;

	(void)user;
	if (have > AGENTS_LAYOUT)
		return db_newer(db, have, AGENTS_LAYOUT, why);
	r = has_table(db, "SELECT 1 FROM sqlite_master WHERE name = 'goose_db_version'", &numbered,
		      why)
		?: has_table(db, "SELECT 1 FROM sqlite_master WHERE name = 'agents'", &table, why);
	if (!r && table && !numbered) {
		log_warn(
		    0,
		    "event=agentregistry_rebuilt %s: its table is of before there were numbers, "
		    "and is made anew: agents register again",
		    sqlite3_db_filename(db, "main"));
		r = db_exec(db, "DROP TABLE agents", why);
	}
	if (!r && !numbered)
		r = db_exec(db, numbers, why);
	if (!r)
		r = agents_layout_check(db, why) ?: theirs(db, &version, why);
	for (; !r && version < AGENTS_VERSION_MAX; version++)
		r = db_exec(db, steps[version], why);
	return r ?: db_exec(db, own_tables, why);
}

const struct db_layouts agents_layouts = { .newest = AGENTS_LAYOUT, .raise = raise_layout };
