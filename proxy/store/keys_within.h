/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_within.h - what keys*.c share, and nobody else includes
 *
 * Threads: as the store.
 */
#ifndef STORE_KEYS_WITHIN_H
#define STORE_KEYS_WITHIN_H

#include "keys.h"
#include "within.h"

#define KEYS_SALT 32
#define KEYS_COST 16 /* scrypt's N is 2^16, with r 8: 64 MiB and a fraction of a second */

/* The one row that says what the store's key is made of. */
struct keys_row {
	enum keys_kind kind;
	uint8_t salt[KEYS_SALT];
	int cost;
};

/** keys_row_read() - kind is KEYS_NEVER_HAD without one */
int keys_row_read(struct store *store, struct keys_row *ret, struct problem *why);

/** keys_row_write() - within the caller's transaction */
int keys_row_write(struct store *store, const struct keys_row *row, struct problem *why);

/** keys_from_passphrase() - the store's key; takes a fraction of a second */
int keys_from_passphrase(const struct keys_row *row, const struct secret *passphrase,
			 struct secret **ret, struct problem *why);

/** keys_derive() - those of the classes, of @root, which they own then, also after an error */
int keys_derive(struct secret *root, enum keys_source source, struct keys *ret,
		struct problem *why);

/** keys_new() - a random one */
int keys_new(struct secret **ret, struct problem *why);

/** keys_set_apart() - @keys are in a file beside the store: it moves, if that can be */
void keys_set_apart(struct store *store, const struct keys *keys);

/**
 * keys_turn() - be the one who puts files of the store's key in others' places
 *
 * From before a transaction until a new key has its name: a file of before is somebody's only copy.
 * Return: a descriptor, until it is closed; negative errno: another program has it for long.
 */
int keys_turn(const struct store *store, struct problem *why);

/** keys_file_holds() - is this key in that file? */
bool keys_file_holds(const char *path, const struct secret *root);

/** keys_file_write() - a key, in a file that is whole or not there */
int keys_file_write(const char *path, const struct secret *key, struct problem *why);

#endif
