// SPDX-License-Identifier: Apache-2.0
/* keys_rotate.c - every row sealed anew, and the store's key replaced */
#include <errno.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "unlocked.h"
#include "keys_within.h"
#include "reseal.h"

/* A class: its next generation, its rows, and none of the generations before. */
static int rotate_class(struct store *store, struct ring *from, struct ring *to,
			struct problem *why)
{
	int n, r = ring_look(store, from, why);

	if (!r)
		r = ring_make(store, to->class, to->key, why);
	if (r)
		return r;
	n = reseal(store, from, to, why);
	if (n >= 0)
		r = ring_drop(store, to->class, why);
	return r ?: n;
}

/* What the store's key is from now, and where: the file that is to be renamed, if it is one. */
static int new_root(struct store *store, const struct keys_change *change, struct keys *old,
		    const char *next, struct keys_row *row, struct keys *ret, struct problem *why)
{
	struct secret *root = NULL;
	int r;

	if (change->passphrase) {
		*row = (struct keys_row){ .kind = KEYS_OF_PASSPHRASE, .cost = KEYS_COST };
		if (RAND_bytes(row->salt, sizeof(row->salt)) != 1)
			return problem(why, -EIO, "no random bytes");
		r = keys_from_passphrase(row, change->passphrase, &root, why);
		return r ?: keys_derive(root, KEYS_FROM_PASSPHRASE, ret, why);
	}
	if (old->source == KEYS_FROM_CREDENTIAL)
		return problem(
		    why, -EINVAL,
		    "the key of %s is a credential of systemd's, which cannot be written to",
		    store->path);
	*row = (struct keys_row){ .kind = KEYS_RANDOM };
	r = keys_new(&root, why);
	if (!r)
		r = keys_file_write(next, root, why);
	if (r) {
		secret_free(root);
		return r;
	}
	return keys_derive(root, KEYS_FROM_FILE, ret, why);
}

/* All that is in the store, within the caller's transaction. */
static int rotate_rows(struct store *store, struct keys *old, struct keys *new,
		       const struct keys_row *row, struct problem *why)
{
	int n = 0, r = keys_row_write(store, row, why);

	for (enum store_class class = 0; r >= 0 && class < STORE_CLASSES_; class ++) {
		struct ring from = { .class = class, .key = old->key[class] },
			    to = { .class = class, .key = new->key[class] };

		r = rotate_class(store, &from, &to, why);
		n += r;
		secret_free(from.newest);
		secret_free(to.newest);
	}
	return r < 0 ? r : n;
}

/*
 * The rows are of the new key: it takes the place of the old one wherever that was, also where that
 * was not found: in a file, while the keyring had it.
 */
static void settle(struct store *store, const struct keys *old, const struct keys *new,
		   const char *next, const char *file)
{
	struct secret *cached = NULL;

	if (new->source == KEYS_FROM_FILE) {
		if (rename(next, file)) /* keys_find() does it again */
			log_warn(-errno, "the new key stays %s", next);
	} else if (keys_file_holds(file, old->root) && unlink(file)) {
		log_warn(-errno, "%s stays, with the key of before, which opens copies of before",
			 file);
	}
	if (!unlocked_get(store->path, &cached))
		unlocked_put(store->path, new->root, 0);
	secret_free(cached);
}

/* Nobody else has rotated since @old was found: they have the key now. */
static int still_ours(struct store *store, const struct keys *old, struct problem *why)
{
	int r = 0;

	for (enum store_class class = 0; !r && class < STORE_CLASSES_; class ++)
		r = ring_fits(store, class, old->key[class], why);
	return r;
}

/*
 * What a rotation left that was ended before its key had a name may be the only copy. If it is of
 * now it has its name; if not, it was ended within its commit: who finds all of that in the log, when
 * nobody has it open any more, takes it for one. A commit of ours in its place ends that.
 */
static int take_over(struct store *store, struct keys *old, const char *next, const char *file,
		     struct problem *why)
{
	struct keys_row row = {};
	int r;

	if (access(next, F_OK))
		return 0;
	r = store_begin(store, why);
	if (r)
		return r;
	r = still_ours(store, old, why);
	r = r ?: keys_row_read(store, &row, why);
	r = r ?: keys_row_write(store, &row, why);
	r = store_end(store, r, why);
	if (!r && keys_file_holds(next, old->root) && rename(next, file))
		r = problem(why, -errno, "%s cannot be %s: %s", next, file, strerror(errno));
	return r;
}

static int rotate(struct store *store, struct keys *old, const char *next,
		  const struct keys_change *change, struct keys *new, struct problem *why)
{
	bool root = change->root || change->passphrase;
	struct keys_row row = {};
	int r = still_ours(store, old, why);

	if (!r)
		r = keys_row_read(store, &row, why);
	if (!r && root)
		r = new_root(store, change, old, next, &row, new, why);
	return r ?: rotate_rows(store, old, root ? new : old, &row, why);
}

int keys_rotate(struct store *store, struct keys *keys, const char *file,
		const struct keys_change *change, struct problem *why)
{
	_cleanup_close_ int turn = keys_turn(store, why);
	_cleanup_free_ char *usual = keys_file(store); /* as it is in our turn */
	bool root = change->root || change->passphrase;
	struct keys new = {};
	char next[PATH_MAX];
	int r;

	if (turn < 0)
		return turn;
	file = file ?: usual;
	if (!file || snprintf(next, sizeof(next), "%s.next", file) >= (int)sizeof(next))
		return problem(why, -ENAMETOOLONG, "the path of the key is too long");
	r = root ? take_over(store, keys, next, file, why) : 0;
	r = r ?: store_begin(store, why);
	if (r)
		return r;
	r = store_end(store, rotate(store, keys, next, change, &new, why), why);
	if (r >= 0 && root)
		settle(store, keys, &new, next, file);
	else if (new.source == KEYS_FROM_FILE) /* it is ours, and of nothing */
		unlink(next);
	for (enum store_class class = 0; r >= 0 && class < STORE_CLASSES_; class ++)
		if (!store_locked(store, class))
			store_give_key(store, class,
				       (const uint8_t *)(root ? &new : keys)->key[class]->bytes);
	keys_done(&new);
	if (r >= 0)
		db_exec(store->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
	return r;
}
