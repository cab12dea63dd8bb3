// SPDX-License-Identifier: Apache-2.0
/*
 * layout.c - the tables of the store, and how those of other programs become them
 *
 * Older clients keep their tables without a number, or with 1 to 3; columns tell what is there,
 * for the numbers do not say it of all. Nothing is taken away: rows that we cannot read stay.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "within.h"

#define THEIRS_NEWEST 3
#define OURS_FIRST    101

/* As older clients have them; what they insert is a whole row of ours. */
static const char shared_tables[] =
    "CREATE TABLE IF NOT EXISTS credentials ("
    " credential_set TEXT NOT NULL, provider TEXT NOT NULL, data TEXT NOT NULL,"
    " PRIMARY KEY (credential_set, provider));"
    "CREATE TABLE IF NOT EXISTS proxy_tokens ("
    " token TEXT PRIMARY KEY, project TEXT NOT NULL, task TEXT NOT NULL,"
    " credential_set TEXT NOT NULL, provider TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS ssh_keys ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, key_type TEXT NOT NULL, private_der BLOB NOT NULL,"
    " public_blob BLOB NOT NULL, comment TEXT NOT NULL DEFAULT '',"
    " fingerprint TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL DEFAULT (datetime('now')));"
    "CREATE TABLE IF NOT EXISTS ssh_key_assignments ("
    " scope TEXT NOT NULL, key_id INTEGER NOT NULL REFERENCES ssh_keys (id) ON DELETE CASCADE,"
    " assigned_at TEXT NOT NULL DEFAULT (datetime('now')), PRIMARY KEY (scope, key_id));";

/* Ours. Who takes a row of theirs away knows nothing of these: triggers do. */
static const char own_tables[] =
    "CREATE TABLE token_terms ("
    " token TEXT PRIMARY KEY, created INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " container TEXT NOT NULL, methods TEXT NOT NULL, paths TEXT NOT NULL,"
    " budget INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TRIGGER token_gone AFTER DELETE ON proxy_tokens BEGIN"
    " DELETE FROM token_terms WHERE token = OLD.token; END;"
    "CREATE TABLE ssh_key_terms ("
    " scope TEXT NOT NULL, key_id INTEGER NOT NULL, destinations TEXT, confirm INTEGER NOT NULL,"
    " per_minute INTEGER NOT NULL, total INTEGER NOT NULL, used INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, PRIMARY KEY (scope, key_id)) WITHOUT ROWID;"
    "CREATE TRIGGER assignment_gone AFTER DELETE ON ssh_key_assignments BEGIN"
    " DELETE FROM ssh_key_terms WHERE scope = OLD.scope AND key_id = OLD.key_id; END;"
    "CREATE TABLE store_key ("
    " id INTEGER PRIMARY KEY CHECK (id = 1), kind TEXT NOT NULL, salt BLOB, cost INTEGER);"
    "CREATE TABLE class_keys ("
    " class TEXT NOT NULL, generation INTEGER NOT NULL, wrapped BLOB NOT NULL,"
    " created INTEGER NOT NULL, PRIMARY KEY (class, generation)) WITHOUT ROWID;";

/* Since layout 102: before it, terms of keys had no seal. */
static const char own_seals[] =
    "CREATE TABLE ssh_key_seals ("
    " id INTEGER PRIMARY KEY, scope TEXT NOT NULL, key_id INTEGER NOT NULL, seal BLOB NOT NULL,"
    " UNIQUE (scope, key_id));"
    "CREATE TRIGGER seal_gone AFTER DELETE ON ssh_key_assignments BEGIN"
    " DELETE FROM ssh_key_seals WHERE scope = OLD.scope AND key_id = OLD.key_id; END;";

/* 1, 0, or negative errno. @column NULL: is there such a table? */
static int has_column(sqlite3 *db, const char *table, const char *column, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(db, "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2 OR ?2 IS NULL",
			   &stmt, why);

	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, column, -1, SQLITE_STATIC);
	return db_step(stmt, why);
}

/* What was called otherwise is called as it was first. */
static int rename_columns(sqlite3 *db, struct problem *why)
{
	static const char *const names[][3] = {
		{ "proxy_tokens", "scope", "project" },
		{ "proxy_tokens", "subject", "task" },
		{ "ssh_keys", "private_pem", "private_der" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *const *n = names[i];
		char sql[128];
		int r = has_column(db, n[0], n[1], why);

		snprintf(sql, sizeof(sql), "ALTER TABLE %s RENAME COLUMN %s TO %s", n[0], n[1],
			 n[2]);
		if (r > 0)
			r = db_exec(db, sql, why);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Theirs allows two types of keys. A table's rule cannot be changed, so its rows move to one
 * without it, which gets the name last; what refers to it by cascades is aside meanwhile.
 */
static int free_key_types(sqlite3 *db, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(db,
			   "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'ssh_keys'"
			   " AND instr(upper(sql), 'CHECK')",
			   &stmt, why);

	if (!r)
		r = db_step(stmt, why);
	sqlite3_reset(stmt);
	if (r <= 0)
		return r;
	return db_exec(db,
		       "CREATE TABLE ssh_keys_new ("
		       " id INTEGER PRIMARY KEY AUTOINCREMENT, key_type TEXT NOT NULL,"
		       " private_der BLOB NOT NULL, public_blob BLOB NOT NULL,"
		       " comment TEXT NOT NULL DEFAULT '', fingerprint TEXT NOT NULL UNIQUE,"
		       " created_at TEXT NOT NULL DEFAULT (datetime('now')));"
		       "INSERT INTO ssh_keys_new SELECT id, key_type, private_der, public_blob,"
		       " comment, fingerprint, created_at FROM ssh_keys;"
		       "CREATE TABLE assignments_aside AS SELECT * FROM ssh_key_assignments;"
		       "DELETE FROM ssh_key_assignments;"
		       "DROP TABLE ssh_keys;"
		       "ALTER TABLE ssh_keys_new RENAME TO ssh_keys;"
		       "INSERT INTO ssh_key_assignments SELECT * FROM assignments_aside;"
		       "DROP TABLE assignments_aside;",
		       why);
}

/* "SHA256:" and base64 without its padding, of a public key. */
static bool fingerprint(const void *blob, size_t n, char ret[64])
{
	uint8_t digest[32];

	if (EVP_Digest(blob, n, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	strcpy(ret, "SHA256:");
	EVP_EncodeBlock((uint8_t *)ret + strlen(ret), digest, sizeof(digest));
	ret[strcspn(ret, "=")] = '\0';
	return true;
}

/* The first layout had digits for a fingerprint. */
static int renew_fingerprints(sqlite3 *db, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *rows = NULL;
	int r = db_prepare(db,
			   "SELECT id, public_blob FROM ssh_keys WHERE substr(fingerprint, 1, 7) !="
			   " 'SHA256:'",
			   &rows, why);

	while (!r && (r = db_step(rows, why)) > 0) {
		_cleanup_stmt_ sqlite3_stmt *put = NULL;
		char text[64];

		if (!fingerprint(sqlite3_column_blob(rows, 1), sqlite3_column_bytes(rows, 1), text))
			return problem(why, -EIO, "no fingerprint could be made");
		r = db_prepare(db, "UPDATE OR IGNORE ssh_keys SET fingerprint = ? WHERE id = ?",
			       &put, why);
		if (r)
			break;
		sqlite3_bind_text(put, 1, text, -1, SQLITE_STATIC);
		sqlite3_bind_int64(put, 2, sqlite3_column_int64(rows, 0));
		r = db_step(put, why);
	}
	return r;
}

int layout_raise(sqlite3 *db, int have, const void *user, struct problem *why)
{
	int r;

	(void)user;
	if (have > STORE_LAYOUT)
		return db_newer(db, have, STORE_LAYOUT, why);
	if (have == OURS_FIRST)
		return db_exec(db, own_seals, why);
	if (have > THEIRS_NEWEST)
		return problem(
		    why, -EPROTO,
		    "%s has layout %d of terok-sandbox's vault, this program knows them up "
		    "to %d: a newer one made it",
		    sqlite3_db_filename(db, "main"), have, THEIRS_NEWEST);
	r = rename_columns(db, why);
	if (!r)
		r = db_exec(db, shared_tables, why);
	if (!r)
		r = free_key_types(db, why);
	if (!r)
		r = renew_fingerprints(db, why);
	return r ?: db_exec(db, own_tables, why) ?: db_exec(db, own_seals, why);
}
