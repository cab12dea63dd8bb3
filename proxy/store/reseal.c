// SPDX-License-Identifier: Apache-2.0
#include "reseal.h"

#include <errno.h>
#include <string.h>

#include "census.h"
#include "ssh_seal.h"

/* How what is sealed with the key of a class lies in a table. */
struct lie {
	enum store_class class;
	const char *table;
	bool text;           /* sealed as text */
	const char *count;   /* rows in plain text; NULL: there never are */
	const char *rows;    /* rowid, names of the row, the secret; ?1: the last rowid, ?2: all */
	const char *replace; /* ?1: the secret, ?2: rowid */
};

#define PLAIN(column) "CAST(substr(" column ", 1, 15) AS BLOB) != CAST('" SEAL_PREFIX "' AS BLOB)"
_Static_assert(sizeof(SEAL_PREFIX) - 1 == 15, "as PLAIN() has it");

static const struct lie lies[] = {
	{ STORE_HTTP, "credentials", true, "SELECT count(*) FROM credentials WHERE " PLAIN("data"),
	  "SELECT rowid, credential_set, provider, data FROM credentials"
	  " WHERE rowid > ?1 AND (?2 OR " PLAIN("data") ") ORDER BY rowid LIMIT 1",
	  "UPDATE credentials SET data = ?1 WHERE rowid = ?2" },
	{ STORE_SSH, "ssh_keys", false, "SELECT count(*) FROM ssh_keys WHERE " PLAIN("private_der"),
	  "SELECT rowid, fingerprint, NULL, private_der FROM ssh_keys"
	  " WHERE rowid > ?1 AND (?2 OR " PLAIN("private_der") ") ORDER BY rowid LIMIT 1",
	  "UPDATE ssh_keys SET private_der = ?1 WHERE rowid = ?2" },
	{ STORE_SSH, "ssh_key_seals", false, NULL,
	  "SELECT s.id, s.scope, k.fingerprint, s.seal FROM ssh_key_seals s"
	  " JOIN ssh_keys k ON k.id = s.key_id WHERE s.id > ?1 AND ?2 ORDER BY s.id LIMIT 1",
	  "UPDATE ssh_key_seals SET seal = ?1 WHERE id = ?2" },
};
#define LIES (sizeof(lies) / sizeof(*lies))

/* What is in the row now, opened if it is sealed. */
static int row_open(struct store *store, const struct lie *lie, struct ring *from,
		    const struct seal_place *place, const void *bytes, size_t n,
		    struct secret **ret, struct problem *why)
{
	_cleanup_free_ uint8_t *sealed = NULL;
	size_t size = n;

	if (!seal_is(bytes, n)) {
		*ret = secret_from(bytes, n);
		return *ret ? 0 : problem(why, -ENOMEM, "no memory for a secret");
	}
	if (!lie->text)
		return ring_open(store, from, place, bytes, n, ret, why);
	if (seal_from_text(bytes, n, &sealed, &size))
		return problem(why, -EBADMSG, "%s: what is stored as %s %s %s is no sealed text",
			       store->path, place->table, place->a, place->b);
	return ring_open(store, from, place, sealed, size, ret, why);
}

static int row_replace(struct store *store, const struct lie *lie, struct ring *to,
		       const struct seal_place *place, const struct secret *secret, int64_t row,
		       struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_free_ uint8_t *sealed = NULL;
	_cleanup_free_ char *text = NULL;
	int r = ring_seal(store, to, place, secret->bytes, secret->len, &sealed, why);

	if (!r)
		r = db_prepare(store->db, lie->replace, &stmt, why);
	if (r)
		return r;
	if (lie->text) {
		text = seal_text(sealed, secret->len + SEAL_SPARE);
		if (!text)
			return problem(why, -ENOMEM, "no memory for a secret");
		sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
	} else {
		sqlite3_bind_blob(stmt, 1, sealed, secret->len + SEAL_SPARE, SQLITE_STATIC);
	}
	sqlite3_bind_int64(stmt, 2, row);
	return db_step(stmt, why);
}

/* The row behind @row: 1, and @row is that; 0: there is none. */
static int row_next(struct store *store, const struct lie *lie, struct ring *from, struct ring *to,
		    int64_t *row, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_secret_ struct secret *secret = NULL;
	struct seal_place place = { .table = lie->table };
	int r = db_prepare(store->db, lie->rows, &stmt, why);

	if (r)
		return r;
	sqlite3_bind_int64(stmt, 1, *row);
	sqlite3_bind_int(stmt, 2, !!from);
	r = db_step(stmt, why);
	if (r <= 0)
		return r;
	*row = sqlite3_column_int64(stmt, 0);
	place.a = (const char *)sqlite3_column_text(stmt, 1) ?: "";
	place.b = (const char *)sqlite3_column_text(stmt, 2);
	r = row_open(store, lie, from ?: to, &place, sqlite3_column_blob(stmt, 3),
		     sqlite3_column_bytes(stmt, 3), &secret, why);
	if (!r)
		r = row_replace(store, lie, to, &place, secret, *row, why);
	return r ?: 1;
}

int reseal(struct store *store, struct ring *from, struct ring *to, struct problem *why)
{
	int n = 0, r = 0;

	for (size_t i = 0; !r && i < LIES; i++) {
		int64_t row = INT64_MIN;

		if (lies[i].class != to->class)
			continue;
		while ((r = row_next(store, &lies[i], from, to, &row, why)) > 0)
			n += !!lies[i].count; /* secrets: what people count */
	}
	return r ?: n;
}

/* Secrets in plain text, of a class or of all (STORE_CLASSES_). */
static int plain_count(struct store *store, enum store_class class, int64_t *ret,
		       struct problem *why)
{
	int64_t n = 0, all = 0;
	int r = 0;

	for (size_t i = 0; !r && i < LIES; i++) {
		if (!lies[i].count || (class != STORE_CLASSES_ && lies[i].class != class))
			continue;
		r = store_number(store, lies[i].count, NULL, &n, why);
		all += n;
	}
	if (!r)
		*ret = all;
	return r;
}

static int seal_class(struct store *store, struct ring *ring, struct problem *why)
{
	int64_t plain = 0;
	int r = plain_count(store, ring->class, &plain, why), n;

	if (!r && plain)
		r = store_begin(store, why);
	if (r || !plain)
		return r;
	/* whose keys these are is told by who left them there: nobody else knows them */
	r = ring->class == STORE_SSH ? ssh_seal_plain(store, why) : 0;
	n = r ?: reseal(store, NULL, ring, why);
	return store_end(store, n, why);
}

int store_seal(struct store *store, struct problem *why)
{
	int n = 0;

	for (enum store_class class = 0; class < STORE_CLASSES_; class ++) {
		int r = store_locked(store, class) ? 0
						   : seal_class(store, &store->ring[class], why);

		if (r < 0)
			return r;
		n += r;
	}
	if (!store_locked(store, STORE_SSH)) {
		int r = ssh_seal_before(store, why);

		if (r < 0)
			return r;
	}
	/* what is over in the log is plain text still: best effort, a reader may be in the way */
	if (n)
		db_exec(store->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
	return n;
}

int census_take(struct store *store, struct census *ret, struct problem *why)
{
	struct census census = {};
	int r =
	    store_number(store, "SELECT count(*) FROM credentials", NULL, &census.credentials, why);

	if (!r)
		r = store_number(store, "SELECT count(*) FROM proxy_tokens", NULL, &census.tokens,
				 why);
	if (!r)
		r = store_number(store, "SELECT count(*) FROM ssh_keys", NULL, &census.ssh_keys,
				 why);
	if (!r)
		r = plain_count(store, STORE_CLASSES_, &census.plain, why);
	if (!r)
		*ret = census;
	return r;
}
