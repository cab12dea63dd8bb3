/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opened.h - the store as verbs have it: where it is, and unlocked by what there is
 *
 * What goes wrong is logged. Called by: verbs. Threads: none.
 */
#ifndef PROXY_OPENED_H
#define PROXY_OPENED_H

#include "store/keys.h"

/* What every verb of the store takes. */
struct opened {
	const char *path;            /* --db-path */
	const char *key_file;        /* --key-file */
	const char *passphrase_file; /* --passphrase-file */
};

#define OPENED_PATH_OPTION(opened)                                                                 \
	{                                                                                          \
		"db-path", "FILE", "the store, credentials.db", CLI_STRING, &(opened).path         \
	}
#define OPENED_OPTIONS(opened)                                                                     \
	OPENED_PATH_OPTION(opened),                                                                \
	    { "key-file", "FILE", "its key, if that is in another file than store.key",            \
	      CLI_STRING, &(opened).key_file },                                                    \
	{                                                                                          \
		"passphrase-file", "FILE", "its passphrase, if it has one", CLI_STRING,            \
		    &(opened).passphrase_file                                                      \
	}

/** opened_store() - as it is, locked; -EIO, logged */
int opened_store(const struct opened *opened, enum store_may may, struct store **ret);

/**
 * opened_keys() - its keys; a person is asked for a passphrase if there is a terminal
 * @make: a store that never had a key gets one
 *
 * Return: 0 with @ret the caller's to keys_done(); -EKEYREJECTED, -EIO: logged.
 */
int opened_keys(const struct opened *opened, struct store *store, bool make, struct keys *ret);

/** opened_give() - unlock @classes with @keys, and seal what lies there in plain text; -EIO, logged */
int opened_give(struct store *store, const struct keys *keys, unsigned classes);

/** opened_unlocked() - open for writing, with the keys of @classes (1 << STORE_HTTP, ...) */
int opened_unlocked(const struct opened *opened, unsigned classes, struct store **ret);

#endif
