// SPDX-License-Identifier: Apache-2.0
#include "ssh_key.h"

#include <errno.h>
#include <string.h>

#include "ssh_seal.h"

/* Columns as key_take() takes them. */
#define KEY_SQL                                                                                    \
	"SELECT k.id, k.key_type, k.public_blob, k.comment, k.fingerprint, a.scope,"               \
	" e.destinations, e.confirm, e.per_minute, e.total, e.used, e.expires,"                    \
	" substr(k.private_der, 1, 15), s.seal"                                                    \
	" FROM ssh_keys k LEFT JOIN ssh_key_assignments a ON a.key_id = k.id"                      \
	" LEFT JOIN ssh_key_terms e ON e.scope = a.scope AND e.key_id = k.id"                      \
	" LEFT JOIN ssh_key_seals s ON s.scope = a.scope AND s.key_id = k.id"

static const char *text_of(sqlite3_stmt *stmt, int column)
{
	return (const char *)sqlite3_column_text(stmt, column) ?: "";
}

static struct ssh_key key_take(sqlite3_stmt *stmt)
{
	return (struct ssh_key){
		.id = sqlite3_column_int64(stmt, 0),
		.type = text_of(stmt, 1),
		.blob = sqlite3_column_blob(stmt, 2),
		.blob_size = sqlite3_column_bytes(stmt, 2),
		.comment = text_of(stmt, 3),
		.fingerprint = text_of(stmt, 4),
		.project = (const char *)sqlite3_column_text(stmt, 5),
		.terms = {
			.destinations = (const char *)sqlite3_column_text(stmt, 6),
			.confirm = sqlite3_column_int(stmt, 7),
			.per_minute = sqlite3_column_int64(stmt, 8),
			.total = sqlite3_column_int64(stmt, 9),
			.used = sqlite3_column_int64(stmt, 10),
			.expires = sqlite3_column_int64(stmt, 11),
		},
		.sealed = seal_is(sqlite3_column_blob(stmt, 12), sqlite3_column_bytes(stmt, 12)),
		.seal = sqlite3_column_blob(stmt, 13),
		.seal_size = sqlite3_column_bytes(stmt, 13),
	};
}

int ssh_key_each(struct store *store, const char *project,
		 int (*fn)(const struct ssh_key *key, void *user), void *user, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = store_here(store, why);

	if (!r)
		r = db_prepare(store->db,
			       KEY_SQL " WHERE a.scope = ?1 OR ?1 IS NULL"
				       " ORDER BY a.scope, a.assigned_at, k.id",
			       &stmt, why);
	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, project, -1, SQLITE_STATIC);
	while ((r = db_step(stmt, why)) > 0) {
		struct ssh_key key = key_take(stmt);

		r = fn(&key, user);
		if (r)
			return r;
	}
	return r;
}

int ssh_key_private(struct store *store, int64_t id, struct secret **ret, struct problem *why)
{
	struct seal_place place = { "ssh_keys", NULL, NULL };
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	const uint8_t *bytes;
	size_t n;
	int r = db_prepare(store->db, "SELECT fingerprint, private_der FROM ssh_keys WHERE id = ?",
			   &stmt, why);

	if (r)
		return r;
	sqlite3_bind_int64(stmt, 1, id);
	r = db_step(stmt, why);
	if (r <= 0)
		return r ?: problem(why, -ENOENT, "%s has no key %lld", store->path, (long long)id);
	place.a = text_of(stmt, 0);
	bytes = sqlite3_column_blob(stmt, 1);
	n = sqlite3_column_bytes(stmt, 1);
	if (!bytes)
		return problem(why, -EBADMSG, "%s: the key %s is empty", store->path, place.a);
	if (seal_is(bytes, n)) /* while the row is open, its key is not gone either */
		return ring_open(store, &store->ring[STORE_SSH], &place, bytes, n, ret, why);
	*ret = secret_from(bytes, n); /* of a client of before, not sealed yet */
	return *ret ? 0 : problem(why, -ENOMEM, "no memory for a key");
}

static int key_check(const struct ssh_key *key, const struct secret *private_der,
		     struct problem *why)
{
	size_t n = strlen(key->comment);

	if (!key->blob_size || key->blob_size > SSH_KEY_BLOB_MAX || !private_der->len)
		return problem(why, -EINVAL, "a key of %zu bytes: 1 to %d are allowed",
			       key->blob_size, SSH_KEY_BLOB_MAX);
	if (n > SSH_KEY_COMMENT_MAX)
		return problem(why, -EINVAL, "a comment of %zu bytes: %d are allowed", n,
			       SSH_KEY_COMMENT_MAX);
	for (const char *c = key->comment; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return problem(why, -EINVAL, "a comment has no control characters");
	return 0;
}

/* The id of the key with that fingerprint; 0: there is none. */
static int id_of(struct store *store, const char *fingerprint, int64_t *ret, struct problem *why)
{
	int r = store_number(store, "SELECT id FROM ssh_keys WHERE fingerprint = ?", fingerprint,
			     ret, why);

	if (r == -ENOENT)
		*ret = 0;
	return r == -ENOENT ? 0 : r;
}

static int put_key(struct store *store, const struct ssh_key *key, const struct secret *private_der,
		   struct problem *why)
{
	const struct seal_place place = { "ssh_keys", key->fingerprint, NULL };
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_free_ uint8_t *sealed = NULL;
	int64_t n = 0;
	int r = store_number(store, "SELECT count(*) FROM ssh_keys", NULL, &n, why);

	if (!r && n >= SSH_KEYS_MAX)
		r = problem(why, -E2BIG, "%s has %d keys: no more are kept", store->path,
			    SSH_KEYS_MAX);
	if (!r)
		r = ring_seal(store, &store->ring[STORE_SSH], &place, private_der->bytes,
			      private_der->len, &sealed, why);
	if (!r)
		r = db_prepare(store->db,
			       "INSERT INTO ssh_keys (key_type, private_der, public_blob, comment,"
			       " fingerprint) VALUES (?, ?, ?, ?, ?)",
			       &stmt, why);
	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, key->type, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 2, sealed, private_der->len + SEAL_SPARE, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 3, key->blob, key->blob_size, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 4, key->comment, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 5, key->fingerprint, -1, SQLITE_STATIC);
	return db_step(stmt, why);
}

int ssh_key_add(struct store *store, const struct ssh_key *key, const struct secret *private_der,
		int64_t *ret, struct problem *why)
{
	int64_t id = 0;
	int r = key_check(key, private_der, why);

	if (!r)
		r = store_begin(store, why);
	if (r)
		return r;
	r = id_of(store, key->fingerprint, &id, why);
	if (!r && !id) {
		r = put_key(store, key, private_der, why);
		id = sqlite3_last_insert_rowid(store->db);
	}
	r = store_end(store, r, why);
	if (!r)
		*ret = id;
	return r;
}

/* One statement with a project and a key for ?1 and ?2: how many rows it changed. */
static int change(struct store *store, const char *sql, const char *project, int64_t id,
		  struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(store->db, sql, &stmt, why);

	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, project, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, id);
	r = db_step(stmt, why);
	return r ?: sqlite3_changes(store->db);
}

static int put_terms(struct store *store, const char *project, int64_t id,
		     const struct ssh_key_terms *terms, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(
	    store->db,
	    "INSERT INTO ssh_key_terms (scope, key_id, destinations, confirm, per_minute,"
	    " total, expires, used) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)"
	    " ON CONFLICT (scope, key_id) DO UPDATE SET destinations = ?3, confirm = ?4,"
	    " per_minute = ?5, total = ?6, expires = ?7",
	    &stmt, why);

	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, project, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, id);
	sqlite3_bind_text(stmt, 3, terms->destinations, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 4, terms->confirm);
	sqlite3_bind_int64(stmt, 5, terms->per_minute);
	sqlite3_bind_int64(stmt, 6, terms->total);
	sqlite3_bind_int64(stmt, 7, terms->expires);
	return db_step(stmt, why);
}

int ssh_key_assign(struct store *store, const char *project, int64_t id,
		   const struct ssh_key_terms *terms, struct problem *why)
{
	int r = store_name_check("project", project, why);

	if (!r && terms->destinations && strlen(terms->destinations) > SSH_KEY_DESTINATIONS_MAX)
		r = problem(why, -EINVAL, "destinations of more than %d bytes",
			    SSH_KEY_DESTINATIONS_MAX);
	if (!r)
		r = store_begin(store, why);
	if (r)
		return r;
	r = change(store,
		   "INSERT INTO ssh_key_assignments (scope, key_id) VALUES (?1, ?2)"
		   " ON CONFLICT (scope, key_id) DO NOTHING",
		   project, id, why);
	if (r >= 0)
		r = put_terms(store, project, id, terms, why);
	if (r >= 0)
		r = ssh_seal_put(store, project, id, why);
	return store_end(store, r, why);
}

int ssh_key_unassign(struct store *store, const char *project, int64_t id, struct problem *why)
{
	int r = store_begin(store, why);

	return r
		   ?: store_end(
			  store,
			  change(store,
				 "DELETE FROM ssh_key_assignments WHERE scope = ?1 AND key_id = ?2",
				 project, id, why),
			  why);
}

int ssh_key_delete(struct store *store, int64_t id, struct problem *why)
{
	int r = store_begin(store, why);

	return r
		   ?: store_end(store,
				change(store, "DELETE FROM ssh_keys WHERE id = ?2 AND ?1 IS NULL",
				       NULL, id, why),
				why);
}

int ssh_key_spend(struct store *store, const char *project, int64_t id, struct problem *why)
{
	int r = store_begin(store, why);

	if (r)
		return r;
	r = change(store,
		   "UPDATE ssh_key_terms SET used = used + 1 WHERE scope = ?1 AND key_id = ?2"
		   " AND (total = 0 OR used < total)",
		   project, id, why);
	if (!r) /* either there are no terms, or no more are left */
		r = change(
			store,
			"UPDATE ssh_key_assignments SET scope = scope WHERE scope = ?1 AND key_id = ?2"
			" AND NOT EXISTS (SELECT 1 FROM ssh_key_terms WHERE scope = ?1 AND key_id = ?2)",
			project, id, why)
			?: -EDQUOT;
	r = store_end(store, r, why);
	return r == -EDQUOT ? problem(why, r, "no signature is left to %s with this key", project)
	       : r < 0      ? r
			    : 0;
}
