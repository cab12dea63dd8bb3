// SPDX-License-Identifier: Apache-2.0
#include "credential.h"

#include <errno.h>
#include <string.h>

#include "within.h"

int credential_load(struct store *store, const char *set, const char *provider, struct secret **ret,
		    struct problem *why)
{
	const struct seal_place place = { "credentials", set, provider };
	_cleanup_rest_ sqlite3_stmt *stmt = NULL;
	_cleanup_free_ uint8_t *sealed = NULL;
	const char *text;
	size_t n, size;
	int r = store_here(store, why);

	if (!r)
		r = store_kept(
		    store, KEPT_CREDENTIAL,
		    "SELECT data FROM credentials WHERE credential_set = ? AND provider = ?", &stmt,
		    why);
	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, set, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, provider, -1, SQLITE_STATIC);
	r = db_step(stmt, why);
	if (r <= 0)
		return r
			   ?: problem(why, -ENOENT, "%s has no credential of %s in the set %s",
				      store->path, provider, set);
	text = (const char *)sqlite3_column_text(stmt, 0);
	n = sqlite3_column_bytes(stmt, 0);
	if (!text)
		return problem(why, -EBADMSG, "%s: the credential of %s in the set %s is empty",
			       store->path, provider, set);
	if (!seal_is(text, n)) { /* of a client of before, not sealed yet */
		*ret = secret_from(text, n);
		return *ret ? 0 : problem(why, -ENOMEM, "no memory for a credential");
	}
	r = seal_from_text(text, n, &sealed, &size);
	if (r)
		return problem(why, r, "%s: the credential of %s in the set %s is no sealed text",
			       store->path, provider, set);
	/* while the row is open, the key is looked for in the file as it is for the row */
	return ring_open(store, &store->ring[STORE_HTTP], &place, sealed, size, ret, why);
}

/* Within the caller's transaction. */
static int put_sealed(struct store *store, const char *set, const char *provider, const char *json,
		      size_t size, struct problem *why)
{
	const struct seal_place place = { "credentials", set, provider };
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_free_ uint8_t *sealed = NULL;
	_cleanup_free_ char *text = NULL;
	int r = ring_seal(store, &store->ring[STORE_HTTP], &place, json, size, &sealed, why);

	if (r)
		return r;
	text = seal_text(sealed, size + SEAL_SPARE);
	if (!text)
		return problem(why, -ENOMEM, "no memory for a credential");
	r = db_prepare(store->db,
		       "INSERT OR REPLACE INTO credentials (credential_set, provider, data) "
		       "VALUES (?, ?, ?)",
		       &stmt, why);
	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, set, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, provider, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, text, -1, SQLITE_STATIC);
	return db_step(stmt, why);
}

/* Within the caller's transaction: what somebody said meanwhile holds. */
static int is_still(struct store *store, const char *set, const char *provider,
		    const struct secret *was, struct problem *why)
{
	_cleanup_secret_ struct secret *now = NULL;
	int r = credential_load(store, set, provider, &now, why);

	if (r && r != -ENOENT)
		return r;
	if (r || now->len != was->len || memcmp(now->bytes, was->bytes, now->len))
		return problem(why, -ESTALE, "it was changed meanwhile");
	return 0;
}

int credential_replace(struct store *store, const char *set, const char *provider,
		       const struct secret *was, const char *json, size_t size, struct problem *why)
{
	struct credential_use use = {};
	int r = store_name_check("set", set, why) ?: store_name_check("provider", provider, why);

	if (!r)
		r = credential_read(json, size, &use, why);
	credential_use_done(&use);
	if (!r)
		r = store_begin(store, why);
	if (r)
		return r;
	r = was ? is_still(store, set, provider, was, why) : 0;
	return store_end(store, r ?: put_sealed(store, set, provider, json, size, why), why);
}

int credential_store(struct store *store, const char *set, const char *provider, const char *json,
		     size_t size, struct problem *why)
{
	return credential_replace(store, set, provider, NULL, json, size, why);
}

int credential_each(struct store *store, const char *set,
		    int (*fn)(const struct credential *credential, void *user), void *user,
		    struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r =
	    db_prepare(store->db,
		       "SELECT credential_set, provider, substr(data, 1, ?2) = ?3 FROM credentials "
		       "WHERE credential_set = ?1 OR ?1 IS NULL ORDER BY credential_set, provider",
		       &stmt, why);

	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, set, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, sizeof(SEAL_PREFIX) - 1);
	sqlite3_bind_text(stmt, 3, SEAL_PREFIX, -1, SQLITE_STATIC);
	for (;;) {
		struct credential credential;

		r = db_step(stmt, why);
		if (r <= 0)
			return r;
		credential = (struct credential){
			.set = (const char *)sqlite3_column_text(stmt, 0) ?: "",
			.provider = (const char *)sqlite3_column_text(stmt, 1) ?: "",
			.sealed = sqlite3_column_int(stmt, 2),
		};
		r = fn(&credential, user);
		if (r)
			return r;
	}
}

int credential_delete(struct store *store, const char *set, const char *provider,
		      struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = store_begin(store, why);

	if (r)
		return r;
	r = db_prepare(store->db,
		       "DELETE FROM credentials WHERE credential_set = ? AND provider = ?", &stmt,
		       why);
	if (!r) {
		sqlite3_bind_text(stmt, 1, set, -1, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 2, provider, -1, SQLITE_STATIC);
		r = db_step(stmt, why);
	}
	if (!r)
		r = sqlite3_changes(store->db);
	sqlite3_reset(stmt);
	return store_end(store, r, why);
}
