// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "within.h"

static const char *const names[] = { [STORE_HTTP] = "http", [STORE_SSH] = "ssh" };
_Static_assert(sizeof(names) / sizeof(*names) == STORE_CLASSES_, "each class has a name");

/*
 * The place that a key is wrapped for. That of SSH was another one before terms had seals (ssh_seal.h):
 * who could only write to the file cannot make a store of before of one that is not.
 */
static const char *const places[] = {
	[STORE_HTTP] = "class_keys", [STORE_SSH] = "class_keys/terms"
};
#define PLACE_BEFORE "class_keys"

void ring_done(struct ring *ring)
{
	secret_freep(&ring->key);
	secret_freep(&ring->newest);
	ring->generation = 0;
}

static int locked(const struct store *store, enum store_class class, struct problem *why)
{
	return problem(why, -EKEYREJECTED,
		       "%s is locked: no key for %s was given; try: terok-proxy store unlock",
		       store->path, class == STORE_SSH ? "SSH keys" : "credentials");
}

/* The key of that generation (0: the newest), if @class_key unwraps it. */
static int unwrap(struct store *store, enum store_class class, const struct secret *class_key,
		  int64_t *generation, bool *before, struct secret **ret, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	char text[24];
	struct seal_place place = { places[class], names[class], text };
	int r = db_prepare(store->db,
			   "SELECT generation, wrapped FROM class_keys WHERE class = ?1 AND "
			   "(generation = ?2 OR ?2 = 0) ORDER BY generation DESC LIMIT 1",
			   &stmt, why);

	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, names[class], -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, *generation);
	r = db_step(stmt, why);
	if (r < 0)
		return r;
	if (!r)
		return problem(why, -ENOKEY, "%s has no key of that generation", store->path);
	*generation = sqlite3_column_int64(stmt, 0);
	snprintf(text, sizeof(text), "%lld", (long long)*generation);
	r = seal_open((const uint8_t *)class_key->bytes, &place, sqlite3_column_blob(stmt, 1),
		      sqlite3_column_bytes(stmt, 1), ret);
	*before = r == -EBADMSG && strcmp(places[class], PLACE_BEFORE);
	if (*before) {
		place.table = PLACE_BEFORE;
		r = seal_open((const uint8_t *)class_key->bytes, &place,
			      sqlite3_column_blob(stmt, 1), sqlite3_column_bytes(stmt, 1), ret);
	}
	if (!r && (*ret)->len != SEAL_KEY) {
		secret_freep(ret);
		r = -EBADMSG;
	}
	return r == -EBADMSG ? problem(why, -EKEYREJECTED, "%s has another key", store->path)
	       : r           ? problem(why, r, "%s: no memory for a key", store->path)
			     : 0;
}

int ring_fits(struct store *store, enum store_class class, const struct secret *class_key,
	      struct problem *why)
{
	_cleanup_secret_ struct secret *key = NULL;
	int64_t generation = 0;
	bool before;

	return unwrap(store, class, class_key, &generation, &before, &key, why);
}

int ring_look(struct store *store, struct ring *ring, struct problem *why)
{
	struct secret *key = NULL;
	int64_t generation = 0;
	bool before;
	int r;

	if (!ring->key)
		return locked(store, ring->class, why);
	r = unwrap(store, ring->class, ring->key, &generation, &before, &key, why);
	if (r == -ENOKEY)
		return problem(why, -EKEYREJECTED, "%s has no key for %s any more", store->path,
			       names[ring->class]);
	if (r)
		return r;
	secret_free(ring->newest);
	ring->newest = key;
	ring->generation = generation;
	ring->before = before;
	return 0;
}

int ring_seal(struct store *store, struct ring *ring, const struct seal_place *place,
	      const void *bytes, size_t n, uint8_t **ret, struct problem *why)
{
	_cleanup_free_ uint8_t *sealed = malloc(n + SEAL_SPARE);
	int r = ring_look(store, ring, why); /* what is written is of the newest */

	if (r)
		return r;
	if (!sealed)
		return problem(why, -ENOMEM, "no memory to seal %zu bytes", n);
	r = seal_bytes((const uint8_t *)ring->newest->bytes, ring->generation, place, bytes, n,
		       sealed);
	if (r)
		return problem(why, r, "%s: sealing failed", store->path);
	*ret = TAKE_PTR(sealed);
	return 0;
}

int ring_open(struct store *store, struct ring *ring, const struct seal_place *place,
	      const uint8_t *sealed, size_t n, struct secret **ret, struct problem *why)
{
	int64_t generation = seal_generation(sealed, n);
	int r = 0;

	if (!ring->newest || (generation >= 0 && generation != ring->generation))
		r = ring_look(store, ring, why);
	if (r)
		return r;
	if (generation >= 0 && generation != ring->generation)
		return problem(why, -EBADMSG,
			       "%s: what is stored as %s %s%s%s is sealed with a key that is gone",
			       store->path, place->table, place->a, place->b ? " " : "",
			       place->b ?: "");
	r = seal_open((const uint8_t *)ring->newest->bytes, place, sealed, n, ret);
	if (r)
		return problem(
		    why, r, "%s: what is stored as %s %s%s%s is not what was sealed there",
		    store->path, place->table, place->a, place->b ? " " : "", place->b ?: "");
	return 0;
}

int ring_wrap_anew(struct store *store, struct ring *ring, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	uint8_t wrapped[SEAL_KEY + SEAL_SPARE];
	char text[24];
	struct seal_place place = { places[ring->class], names[ring->class], text };
	int r;

	snprintf(text, sizeof(text), "%lld", (long long)ring->generation);
	if (seal_bytes((const uint8_t *)ring->key->bytes, ring->generation, &place,
		       ring->newest->bytes, SEAL_KEY, wrapped))
		return problem(why, -EIO, "%s: a key could not be wrapped", store->path);
	r = db_prepare(store->db,
		       "UPDATE class_keys SET wrapped = ?1 WHERE class = ?2 AND generation = ?3",
		       &stmt, why);
	if (r)
		return r;
	sqlite3_bind_blob(stmt, 1, wrapped, sizeof(wrapped), SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, names[ring->class], -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, ring->generation);
	r = db_step(stmt, why);
	ring->before = r;
	return r;
}

int ring_make(struct store *store, enum store_class class, const struct secret *class_key,
	      struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_secret_ struct secret *key = secret_new(SEAL_KEY);
	uint8_t wrapped[SEAL_KEY + SEAL_SPARE];
	char text[24];
	struct seal_place place = { places[class], names[class], text };
	int64_t generation = 0;
	int r = store_number(store,
			     "SELECT coalesce(max(generation), 0) FROM class_keys WHERE class = ?",
			     names[class], &generation, why);

	if (r)
		return r;
	snprintf(text, sizeof(text), "%lld", (long long)++generation);
	if (!key || RAND_priv_bytes((uint8_t *)key->bytes, SEAL_KEY) != 1 ||
	    seal_bytes((const uint8_t *)class_key->bytes, generation, &place, key->bytes, SEAL_KEY,
		       wrapped))
		return problem(why, -EIO, "%s: no new key could be made", store->path);
	r = db_prepare(
	    store->db,
	    "INSERT INTO class_keys (class, generation, wrapped, created) VALUES (?, ?, ?, ?)",
	    &stmt, why);
	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, names[class], -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, generation);
	sqlite3_bind_blob(stmt, 3, wrapped, sizeof(wrapped), SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 4, time(NULL));
	return db_step(stmt, why);
}

int ring_drop(struct store *store, enum store_class class, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(store->db,
			   "DELETE FROM class_keys WHERE class = ?1 AND generation <"
			   " (SELECT max(generation) FROM class_keys WHERE class = ?1)",
			   &stmt, why);

	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, names[class], -1, SQLITE_STATIC);
	return db_step(stmt, why);
}
