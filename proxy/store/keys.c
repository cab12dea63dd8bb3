// SPDX-License-Identifier: Apache-2.0
#include "keys.h"

#include <errno.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unlocked.h"
#include "keys_source.h"
#include "keys_within.h"

#define ROTATIONS 8 /* that may be while somebody unlocks a store */

static const char *const kinds[] = { [KEYS_RANDOM] = "key", [KEYS_OF_PASSPHRASE] = "passphrase" };
static const char *const labels[] = {
	[STORE_HTTP] = "terok-proxy http", [STORE_SSH] = "terok-proxy ssh"
};
_Static_assert(sizeof(labels) / sizeof(*labels) == STORE_CLASSES_, "each class has a label");

/* --- the row ---------------------------------------------------------------------------- */

int keys_row_read(struct store *store, struct keys_row *ret, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct keys_row row = {};
	const char *kind;
	int r = db_prepare(store->db, "SELECT kind, salt, cost FROM store_key", &stmt, why);

	if (!r)
		r = db_step(stmt, why);
	if (r < 0)
		return r;
	if (r) {
		kind = (const char *)sqlite3_column_text(stmt, 0) ?: "";
		row.kind = !strcmp(kind, kinds[KEYS_RANDOM])          ? KEYS_RANDOM
			   : !strcmp(kind, kinds[KEYS_OF_PASSPHRASE]) ? KEYS_OF_PASSPHRASE
								      : KEYS_NEVER_HAD;
		if (row.kind == KEYS_OF_PASSPHRASE && sqlite3_column_bytes(stmt, 1) == KEYS_SALT)
			memcpy(row.salt, sqlite3_column_blob(stmt, 1), KEYS_SALT);
		row.cost = sqlite3_column_int(stmt, 2);
		if (row.kind == KEYS_NEVER_HAD)
			return problem(why, -EPROTO,
				       "%s is locked in a way that this program does not know",
				       store->path);
	}
	*ret = row;
	return 0;
}

int keys_row_write(struct store *store, const struct keys_row *row, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(
	    store->db,
	    "INSERT OR REPLACE INTO store_key (id, kind, salt, cost) VALUES (1, ?, ?, ?)", &stmt,
	    why);

	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, kinds[row->kind], -1, SQLITE_STATIC);
	if (row->kind == KEYS_OF_PASSPHRASE) {
		sqlite3_bind_blob(stmt, 2, row->salt, KEYS_SALT, SQLITE_STATIC);
		sqlite3_bind_int(stmt, 3, row->cost);
	}
	return db_step(stmt, why);
}

int keys_kind(struct store *store, enum keys_kind *ret, struct problem *why)
{
	struct keys_row row;
	int r = keys_row_read(store, &row, why);

	if (!r)
		*ret = row.kind;
	return r;
}

/* --- keys of one root ------------------------------------------------------------------- */

void keys_done(struct keys *keys)
{
	for (enum store_class class = 0; class < STORE_CLASSES_; class ++)
		secret_freep(&keys->key[class]);
	secret_freep(&keys->root);
	keys->source = KEYS_NONE;
}

int keys_derive(struct secret *root, enum keys_source source, struct keys *ret, struct problem *why)
{
	struct keys keys = { .root = root, .source = source };
	int r = 0;

	for (enum store_class class = 0; !r && class < STORE_CLASSES_; class ++) {
		keys.key[class] = secret_new(STORE_KEY_SIZE);
		r = !keys.key[class] ? -ENOMEM
				     : seal_derive((const uint8_t *)root->bytes, labels[class],
						   (uint8_t *)keys.key[class]->bytes);
	}
	if (r) {
		keys_done(&keys);
		return problem(why, r, "no keys could be made");
	}
	*ret = keys;
	return 0;
}

/* Is this the store's? Takes @root. -EKEYREJECTED: no. */
static int fit(struct store *store, struct secret *root, enum keys_source source, struct keys *ret,
	       struct problem *why)
{
	struct keys keys = {};
	int r;

	if (root->len != STORE_KEY_SIZE) {
		secret_free(root);
		return problem(why, -EKEYREJECTED, "%s has another key", store->path);
	}
	r = keys_derive(root, source, &keys, why);
	for (enum store_class class = 0; !r && class < STORE_CLASSES_; class ++)
		r = ring_fits(store, class, keys.key[class], why);
	if (r)
		keys_done(&keys);
	else
		*ret = keys;
	return r == -ENOKEY ? -EKEYREJECTED : r;
}

/* --- sources: each gives the root, or says -ENOKEY where there is none ------------------ */

static int from_text(const struct keys_row *row, const struct secret *text, const char *path,
		     struct secret **ret, struct problem *why)
{
	int r;

	if (row->kind == KEYS_OF_PASSPHRASE)
		return keys_from_passphrase(row, text, ret, why);
	r = keys_text_read(text, ret);
	return r ? problem(why, r, "%s is no key: %d hexadecimal digits are", path,
			   2 * STORE_KEY_SIZE)
		 : 0;
}

static int from_credential(const struct keys_row *row, struct secret **ret, struct problem *why)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_secret_ struct secret *text = NULL;
	char path[PATH_MAX];
	int r;

	if (!folder || *folder != '/' ||
	    snprintf(path, sizeof(path), "%s/" KEYS_CREDENTIAL, folder) >= (int)sizeof(path))
		return -ENOKEY;
	r = keys_private_read(path, KEYS_FORBIDDEN_CREDENTIAL, KEYS_PASSPHRASE_MAX, &text, why);
	if (r == -ENOENT)
		return -ENOKEY;
	return r ?: from_text(row, text, path, ret, why);
}

static int from_file(const char *path, struct secret **ret, struct problem *why)
{
	static const struct keys_row random = { .kind = KEYS_RANDOM };
	_cleanup_secret_ struct secret *text = NULL;
	int r = keys_private_read(path, KEYS_FORBIDDEN, KEYS_PASSPHRASE_MAX, &text, why);

	if (r == -ENOENT)
		return -ENOKEY;
	return r ?: from_text(&random, text, path, ret, why);
}

/*
 * The file; or the one that a rotation had written before it was ended: between the store's
 * commit and the new name of the file there is a moment.
 */
static int find_once(struct store *store, const char *path, struct keys *ret, struct problem *why)
{
	_cleanup_close_ int turn = -1;
	struct secret *root = NULL;
	struct problem other;
	char next[PATH_MAX];
	int r = from_file(path, &root, why);

	if (!r)
		r = fit(store, root, KEYS_FROM_FILE, ret, why);
	if (!r || (r != -EKEYREJECTED && r != -ENOKEY))
		return r;
	root = NULL;
	if (snprintf(next, sizeof(next), "%s.next", path) >= (int)sizeof(next) ||
	    from_file(next, &root, &other) || fit(store, root, KEYS_FROM_FILE, ret, &other))
		return r == -ENOKEY ? r
				    : problem(why, r, "%s is not the key of %s", path, store->path);
	turn = keys_turn(store, &other);
	/* whoever had the turn may have put it there, and another in its place */
	if (turn >= 0 && keys_file_holds(next, ret->root) && rename(next, path))
		return 0; /* it is found again where it is */
	return 0;
}

/* Twice: the second of two files may have been given the name of the first between two looks. */
static int find_in_file(struct store *store, const char *path, struct keys *ret,
			struct problem *why)
{
	int r = find_once(store, path, ret, why);

	return r == -EKEYREJECTED || r == -ENOKEY ? find_once(store, path, ret, why) : r;
}

/* -ENOKEY: nobody has said one. Of a file @ret is the caller's, and of the options it is a copy. */
static int passphrase_get(const struct keys_options *options, struct secret **ret,
			  struct problem *why)
{
	const struct secret *said = options->passphrase;
	int r;

	if (!said && !options->passphrase_file)
		return -ENOKEY;
	if (said) {
		*ret = secret_from(said->bytes, said->len);
		return *ret ? 0 : problem(why, -ENOMEM, "no memory for a passphrase");
	}
	r = keys_private_read(options->passphrase_file, KEYS_FORBIDDEN_CREDENTIAL,
			      KEYS_PASSPHRASE_MAX, ret, why);
	return r == -ENOENT || r == -ENOKEY ? -EKEYREJECTED : r;
}

static int find_root(struct store *store, const struct keys_row *row,
		     const struct keys_options *options, const char *file, struct keys *ret,
		     struct problem *why)
{
	_cleanup_secret_ struct secret *passphrase = NULL;
	struct secret *root = NULL;
	struct problem ignored;
	int r = from_credential(row, &root, why);

	if (!r)
		r = fit(store, root, KEYS_FROM_CREDENTIAL, ret, why);
	if (r == -EKEYREJECTED)
		return problem(why, r, "the credential " KEYS_CREDENTIAL " is not the key of %s",
			       store->path);
	if (r != -ENOKEY)
		return r;
	/* one that does not fit is of before the last rotation */
	if (!unlocked_get(store->path, &root) &&
	    !fit(store, root, KEYS_FROM_KEYRING, ret, &ignored))
		return 0;
	if (row->kind == KEYS_RANDOM)
		return find_in_file(store, file, ret, why);
	r = passphrase_get(options, &passphrase, why);
	if (r)
		return r;
	r = keys_from_passphrase(row, passphrase, &root, why);
	if (!r)
		r = fit(store, root, KEYS_FROM_PASSPHRASE, ret, why);
	return r == -EKEYREJECTED ? problem(why, r, "that is not the passphrase of %s", store->path)
				  : r;
}

/* --- a store that never had one ---------------------------------------------------------- */

/* What there is becomes its key; nothing at all: a file is made. */
static int choose(struct store *store, const struct keys_options *options, const char *file,
		  struct keys_row *row, struct keys *ret, struct problem *why)
{
	_cleanup_secret_ struct secret *passphrase = NULL;
	enum keys_source source = KEYS_FROM_CREDENTIAL;
	struct secret *root = NULL;
	int r = passphrase_get(options, &passphrase, why);

	if (r && r != -ENOKEY)
		return r;
	*row = (struct keys_row){ .kind = passphrase ? KEYS_OF_PASSPHRASE : KEYS_RANDOM,
				  .cost = KEYS_COST };
	if (RAND_bytes(row->salt, sizeof(row->salt)) != 1)
		return problem(why, -EIO, "no random bytes");
	r = passphrase ? -ENOKEY : from_credential(row, &root, why);
	if (r == -ENOKEY && passphrase) {
		source = KEYS_FROM_PASSPHRASE;
		r = keys_from_passphrase(row, passphrase, &root, why);
	}
	if (r == -ENOKEY && !unlocked_get(store->path, &root)) {
		source = KEYS_FROM_KEYRING;
		r = root->len == STORE_KEY_SIZE ? 0 : -EKEYREJECTED;
	}
	if (r == -ENOKEY) {
		source = KEYS_FROM_FILE;
		r = from_file(file, &root, why);
	}
	if (r == -ENOKEY) {
		r = keys_new(&root, why);
		if (!r)
			r = keys_file_write(file, root, why);
	}
	if (r) {
		secret_free(root);
		return r;
	}
	return keys_derive(root, source, ret, why);
}

/* Within a transaction: whoever else opens it at this moment waits, and finds a key. */
static int make(struct store *store, const struct keys_options *options, const char *file,
		struct keys *ret, struct problem *why)
{
	struct keys_row row;
	struct keys keys = {};
	int r = store_begin(store, why);

	if (r)
		return r;
	r = keys_row_read(store, &row, why);
	if (!r && row.kind != KEYS_NEVER_HAD)
		r = -EAGAIN;
	if (!r)
		r = choose(store, options, file, &row, &keys, why);
	if (!r)
		r = keys_row_write(store, &row, why);
	for (enum store_class class = 0; !r && class < STORE_CLASSES_; class ++)
		r = ring_make(store, class, keys.key[class], why);
	r = store_end(store, r, why);
	if (r)
		keys_done(&keys);
	else
		*ret = keys;
	return r;
}

int keys_find(struct store *store, const struct keys_options *options, struct keys *ret,
	      struct problem *why)
{
	static const struct keys_options defaults = {};
	_cleanup_free_ char *usual = keys_file(store), *moved = NULL;
	const char *file = options && options->file ? options->file : usual;
	struct keys_row row;
	int r = file ? keys_row_read(store, &row, why)
		     : problem(why, -ENOMEM, "no memory for a path");

	options = options ?: &defaults;
	if (!r && row.kind == KEYS_NEVER_HAD) {
		r = options->make ? make(store, options, file, ret, why)
				  : problem(why, -ENOKEY, "%s has no key yet", store->path);
		if (r != -EAGAIN)
			return r;
		r = keys_row_read(store, &row, why);
	}
	if (!r)
		r = find_root(store, &row, options, file, ret, why);
	if (r == -ENOKEY && !options->file && (moved = keys_file(store)) && strcmp(moved, file))
		r = find_root(store, &row, options, moved, ret, why); /* at this moment */
	if (!r && !options->file)
		keys_set_apart(store, ret);
	if (r == -ENOKEY)
		return problem(why, -EKEYREJECTED,
			       "%s is locked: %s; try: terok-proxy store unlock", store->path,
			       row.kind == KEYS_RANDOM
				   ? "its key is in no credential, no keyring and no file"
				   : "it has a passphrase");
	return r;
}

static int unlock(struct store *store, const struct keys_options *options, unsigned classes,
		  struct problem *why)
{
	struct keys keys = {};
	int r = keys_find(store, options, &keys, why);

	for (enum store_class class = 0; !r && class < STORE_CLASSES_; class ++)
		if (classes & 1 << class)
			r = store_give_key(store, class, (const uint8_t *)keys.key[class]->bytes);
	keys_done(&keys);
	if (!r && store->may == STORE_WRITE)
		r = store_seal(store, why);
	return r < 0 ? r : 0;
}

/* Who rotates at this moment changes what fits what: asked again, it is not locked. */
int keys_unlock(struct store *store, const struct keys_options *options, unsigned classes,
		struct problem *why)
{
	int64_t before = 0, now = 0;
	int r = -EKEYREJECTED;

	for (unsigned i = 0; r == -EKEYREJECTED && i < ROTATIONS; i++) {
		if (i && before == now)
			break;
		r = store_version(store, &before, why);
		r = r ?: unlock(store, options, classes, why);
		if (r == -EKEYREJECTED && store_version(store, &now, NULL))
			break;
	}
	return r;
}
