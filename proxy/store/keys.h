/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - where the store's keys come from
 *
 * A store has one key of its own, of which a key for each class is made; what these lead to are
 * the keys that rows are sealed with, which are in the store, wrapped (seal.h). So a program that
 * has the key of one class goes on when rows are sealed anew, and never has the other's.
 *
 * The store's key is in the first of these that there is:
 *   a credential of systemd's, terok-proxy-key, in $CREDENTIALS_DIRECTORY
 *   the kernel's keyring of this user, by the path of the store: store unlock puts it there
 *   a file, <folder of the store>/store.key, 0600
 *   a passphrase, if the store was made with one
 * Threads: none shared.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include <stdbool.h>

#include "secret.h"
#include "store.h"

#define KEYS_CREDENTIAL "terok-proxy-key"

enum keys_source { KEYS_NONE, KEYS_CREDENTIALS, KEYS_KEYRING, KEYS_FILE, KEYS_PASSPHRASE };

struct keys_options {
	const char *file;                /* NULL: store.key beside the store */
	const struct secret *passphrase; /* NULL: none was asked for */
	bool make; /* a store that never had a key gets one: the first there is, or a new file */
};

/* The keys of the classes; each is NULL or STORE_KEY_SIZE bytes. */
struct keys {
	struct secret *key[STORE_CLASSES_];
	enum keys_source source; /* where they were found */
};

/**
 * keys_find() - the keys of a store
 *
 * To be asked before a process gives up its files. @store must be open for writing to @make.
 * Return: 0 with @ret the caller's to keys_done(); -EKEYREJECTED: locked: the key is nowhere, or
 * what is there is another store's; -EPERM: others may read the file; -ENOKEY: it never had one.
 */
int keys_find(struct store *store, const struct keys_options *options, struct keys *ret,
	      struct problem *why);

/** keys_done() - wiped */
void keys_done(struct keys *keys);

/**
 * keys_unlock() - keys_find(), and give @store those of these classes
 * @classes: 1 << STORE_HTTP, ...
 *
 * If it is open for writing, what clients of before left in plain text is sealed.
 */
int keys_unlock(struct store *store, const struct keys_options *options, unsigned classes,
		struct problem *why);

#endif
