// SPDX-License-Identifier: Apache-2.0
#include "opened.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "given.h"

int opened_store(const struct opened *opened, enum store_may may, struct store **ret)
{
	_cleanup_free_ char *path = opened->path ? strdup(opened->path) : store_default_path();
	struct problem why = {};

	if (!path)
		return log_error(0, "where the store is is not known: no home; say --db-path FILE"),
		       -EIO;
	if (store_open(path, may, ret, &why))
		return log_error(0, "%s", why.text), -EIO;
	return 0;
}

/* 1: it has a passphrase, and it is in @ret; 0: it needs none that we could ask for. */
static int passphrase(const struct opened *opened, struct store *store, struct secret **ret,
		      struct problem *why)
{
	enum keys_kind kind = KEYS_NEVER_HAD;
	int r = 0;

	if (opened->passphrase_file)
		r = given_secret(opened->passphrase_file, "passphrase", KEYS_PASSPHRASE_MAX, ret,
				 why);
	else if (!keys_kind(store, &kind, why) && kind == KEYS_OF_PASSPHRASE)
		r = given_at_terminal("passphrase of the store", KEYS_PASSPHRASE_MAX, ret, why);
	else
		return 0;
	return r ?: 1;
}

int opened_keys(const struct opened *opened, struct store *store, bool make, struct keys *ret)
{
	struct keys_options options = { .file = opened->key_file, .make = make };
	_cleanup_secret_ struct secret *secret = NULL;
	struct problem why = {}, asked = {};
	int r = opened->passphrase_file ? -EKEYREJECTED : keys_find(store, &options, ret, &why);

	if (r == -EKEYREJECTED) {
		int had = passphrase(opened, store, &secret, &asked);

		if (had < 0 && had != -ENOTTY)
			return log_error(0, "%s", asked.text), -EIO;
		options.passphrase = secret;
		if (had > 0)
			r = keys_find(store, &options, ret, &why);
	}
	if (r)
		log_error(0, "%s", why.text);
	return !r ? 0 : r == -EKEYREJECTED ? r : -EIO;
}

int opened_give(struct store *store, const struct keys *keys, unsigned classes)
{
	struct problem why = {};
	int r = 0;

	for (enum store_class class = 0; !r && class < STORE_CLASSES_; class ++)
		if (classes & 1 << class)
			r = store_give_key(store, class, (const uint8_t *)keys->key[class]->bytes);
	if (!r && store_seal(store, &why) < 0)
		r = (log_error(0, "%s", why.text), -EIO);
	return r;
}

int opened_unlocked(const struct opened *opened, unsigned classes, struct store **ret)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct keys keys = {};
	int r = opened_store(opened, STORE_WRITE, &store);

	if (!r)
		r = opened_keys(opened, store, true, &keys);
	if (!r)
		r = opened_give(store, &keys, classes);
	keys_done(&keys);
	if (!r)
		*ret = TAKE_PTR(store);
	return r;
}
