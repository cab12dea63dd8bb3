// SPDX-License-Identifier: Apache-2.0
#include "ssh_seal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define TABLE "ssh_key_seals"

/*
 * All that holds but how often it was used; destinations that are none are not empty ones. First the
 * private half: a row that had another one while its terms were sealed does not lend them to this one.
 */
static char *text_of(const struct ssh_key_terms *terms, const uint8_t half[SSH_KEY_HALF])
{
	char digits[2 * SSH_KEY_HALF + 1], *text;

	for (unsigned i = 0; i < SSH_KEY_HALF; i++)
		sprintf(digits + 2 * i, "%02x", half[i]);
	return asprintf(&text, "%s %d %lld %lld %lld %c%s", digits, terms->confirm,
			(long long)terms->per_minute, (long long)terms->total,
			(long long)terms->expires, terms->destinations ? '+' : '-',
			terms->destinations ?: "") < 0
		   ? NULL
		   : text;
}

int ssh_key_half(const struct secret *private_der, uint8_t ret[SSH_KEY_HALF], struct problem *why)
{
	_Static_assert(SSH_KEY_HALF == INDEX_DIGEST, "a digest of this size is made");

	return index_digest(private_der->bytes, private_der->len, ret)
		   ? problem(why, -EIO, "no digest could be made")
		   : 0;
}

/* As the row has it now: who asks while a row is told is told of the same moment. */
static int half_now(struct store *store, int64_t id, uint8_t ret[SSH_KEY_HALF], struct problem *why)
{
	_cleanup_secret_ struct secret *der = NULL;

	return ssh_key_private(store, id, &der, why) ?: ssh_key_half(der, ret, why);
}

static int put(struct store *store, const struct ssh_key *key, struct problem *why)
{
	const struct seal_place place = { TABLE, key->project, key->fingerprint };
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ uint8_t *seal = NULL;
	uint8_t half[SSH_KEY_HALF];
	int r = half_now(store, key->id, half, why);

	if (!r && !(text = text_of(&key->terms, half)))
		r = problem(why, -ENOMEM, "no memory for terms");
	if (!r)
		r = ring_seal(store, &store->ring[STORE_SSH], &place, text, strlen(text), &seal,
			      why);
	if (!r)
		r = db_prepare(store->db,
			       "INSERT INTO " TABLE " (scope, key_id, seal) VALUES (?1, ?2, ?3)"
			       " ON CONFLICT (scope, key_id) DO UPDATE SET seal = ?3",
			       &stmt, why);
	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, key->project, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, key->id);
	sqlite3_bind_blob(stmt, 3, seal, (int)(strlen(text) + SEAL_SPARE), SQLITE_STATIC);
	return db_step(stmt, why);
}

struct putting {
	struct store *store;
	int64_t id; /* this key; 0: each */
	bool plain; /* those in plain text alone */
	int n;
	struct problem *why;
};

/* The rows are sorted before the first is told: what is written here changes none of them. */
static int put_one(const struct ssh_key *key, void *user)
{
	struct putting *putting = user;
	int r;

	if (!key->project || (putting->id && key->id != putting->id) ||
	    (putting->plain && key->sealed) || (!putting->id && key->seal))
		return 0;
	r = put(putting->store, key, putting->why);
	putting->n += !r;
	return r;
}

int ssh_seal_put(struct store *store, const char *project, int64_t id, struct problem *why)
{
	struct putting putting = { .store = store, .id = id, .why = why };

	return ssh_key_each(store, project, put_one, &putting, why);
}

int ssh_seal_plain(struct store *store, struct problem *why)
{
	struct putting putting = { .store = store, .plain = true, .why = why };

	return ssh_key_each(store, NULL, put_one, &putting, why);
}

int ssh_seal_before(struct store *store, struct problem *why)
{
	struct putting putting = { .store = store, .why = why };
	struct ring *ring = &store->ring[STORE_SSH];
	int r = ring_look(store, ring, why);

	if (r || !ring->before)
		return r;
	r = store_begin(store, why);
	if (r)
		return r;
	r = ring_look(store, ring, why); /* somebody else may have been first */
	if (!r && ring->before)
		r = ssh_key_each(store, NULL, put_one, &putting, why)
			?: ring_wrap_anew(store, ring, why);
	r = store_end(store, r, why);
	if (!r && putting.n)
		log_warn(0,
			 "%s: what %d SSH keys may be used for is taken as it stands there, and "
			 "sealed: see terok-proxy ssh list",
			 store->path, putting.n);
	return r;
}

int ssh_key_check(struct store *store, const struct ssh_key *key, uint8_t half[SSH_KEY_HALF],
		  struct problem *why)
{
	const struct seal_place place = { TABLE, key->project, key->fingerprint };
	_cleanup_secret_ struct secret *secret = NULL;
	_cleanup_free_ char *text = NULL;
	int r;

	if (key->sealed && !key->seal)
		return problem(why, -EPERM,
			       "what it may be used for was not said by who has the store's key; "
			       "try: terok-proxy ssh add");
	r = half_now(store, key->id, half, why);
	if (r || !key->sealed) /* who could change its terms could read it */
		return r;
	text = text_of(&key->terms, half);
	if (!text)
		return problem(why, -ENOMEM, "no memory for terms");
	r = ring_open(store, &store->ring[STORE_SSH], &place, key->seal, key->seal_size, &secret,
		      why);
	if (!r && (secret->len != strlen(text) || memcmp(secret->bytes, text, secret->len)))
		r = problem(why, -EBADMSG, "what it may be used for is not what was sealed");
	return r;
}
