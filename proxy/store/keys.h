/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - where the store's keys come from
 *
 * A store has one key of its own, of which a key for each class is made; what these lead to are
 * the keys that rows are sealed with, which are in the store, wrapped (ring.h). So a program that
 * has the key of one class goes on when rows are sealed anew, and never has the other's.
 *
 * The store's key is in the first of these that there is:
 *   a credential of systemd's, terok-proxy-key, in $CREDENTIALS_DIRECTORY: must be right
 *   the kernel's keyring of this user (unlocked.h), where store unlock puts it
 *   a file, store.key in a folder of its own beside the store's, 0600, of 64 hexadecimal digits
 * or, for a store with a passphrase, what is made of that: of the credential, in the keyring, or
 * of what a person says. Threads: none shared.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include <stdbool.h>

#include "secret.h"
#include "store.h"

#define KEYS_CREDENTIAL     "terok-proxy-key"
#define KEYS_PASSPHRASE_MAX 1024
#define KEYS_APART          "-key" /* the store's folder with this behind it has store.key */

enum keys_source {
	KEYS_NONE,
	KEYS_FROM_CREDENTIAL,
	KEYS_FROM_KEYRING,
	KEYS_FROM_FILE,
	KEYS_FROM_PASSPHRASE
};

/* What a store needs to be unlocked. */
enum keys_kind { KEYS_NEVER_HAD, KEYS_RANDOM, KEYS_OF_PASSPHRASE };

struct keys_options {
	const char *file;                /* NULL: keys_file() */
	const struct secret *passphrase; /* NULL: nobody was asked */
	const char *passphrase_file;     /* is read if it takes one and there is none; NULL: none */
	bool make; /* a store that never had a key gets one: what there is, or a new file */
};

/* The keys of the classes, of STORE_KEY_SIZE bytes, and that which they are made of. */
struct keys {
	struct secret *key[STORE_CLASSES_];
	struct secret *root;
	enum keys_source source;
};

/** keys_kind() - what @store is locked with */
int keys_kind(struct store *store, enum keys_kind *ret, struct problem *why);

/**
 * keys_file() - where the key of @store is, or would be: store.key in a folder apart; beside the store
 * if it is there still, or no such folder can be; the caller's to free; NULL without memory
 */
char *keys_file(const struct store *store);

/** keys_file_apart() - where it would be best, its folder made if that can be; as keys_file() */
char *keys_file_apart(const struct store *store);

/**
 * keys_find() - the keys of a store
 *
 * To be asked before a process gives up its files. @store must be open for writing to @make, and
 * that a key which lies beside it moves to where it is apart.
 * Return: 0 with @ret the caller's to keys_done(); -EKEYREJECTED: locked: the key is nowhere, or
 * what is there is another store's; -EPERM: others may read the file; -ENOKEY: it never had one.
 */
int keys_find(struct store *store, const struct keys_options *options, struct keys *ret,
	      struct problem *why);

/** keys_done() - wiped */
void keys_done(struct keys *keys);

/**
 * keys_unlock() - keys_find(), and give @store those of these classes; options NULL: all defaults
 * @classes: 1 << STORE_HTTP, ...
 *
 * If it is open for writing, what clients of before left in plain text is sealed (store_seal()).
 */
int keys_unlock(struct store *store, const struct keys_options *options, unsigned classes,
		struct problem *why);

/* What rotation changes besides the keys that rows are sealed with. */
struct keys_change {
	bool root;                       /* the store's key as well: a new one in the file */
	const struct secret *passphrase; /* and it is made of this from now */
};

/**
 * keys_rotate() - seal every row anew, in one transaction
 * @keys: what keys_find() found
 * @file: where the store's key is, if that is a file; NULL: keys_file()
 *
 * Programs that have the store open go on, unless the store's key changes: those are locked until
 * they are given the new one. Return: number of rows; -EKEYREJECTED, -EBADMSG: a row cannot be
 * read, and nothing was changed; -EINVAL: it cannot be changed so.
 */
int keys_rotate(struct store *store, struct keys *keys, const char *file,
		const struct keys_change *change, struct problem *why);

#endif
