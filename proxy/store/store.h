/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - credentials.db: what containers use and never see
 *
 * An sqlite file (base/db.h) beside whose tables of before, which older clients read and write,
 * are ours: the terms of tokens and of keys, and the keys that secrets are sealed with. Several
 * processes have it open at once; whoever opens it brings it to the newest layout.
 *
 * Secrets lie in it sealed (seal.h), of each class with keys of its own: who serves HTTP is
 * given the key of STORE_HTTP alone, who signs that of STORE_SSH. A class without its key is
 * locked: its secrets are -EKEYREJECTED, all else works. keys.h finds keys.
 *
 * The parts: credential.h, token.h, ssh_key.h. All return 0 or a negative errno, those of
 * base/db.h among them, and say why. Owns: the file's handle, and keys that were given.
 * Threads: a store belongs to one, and to one process: it does not go over a fork.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"

#define STORE_KEY_SIZE  32
#define STORE_NAME_SIZE 129 /* a project, task, set, provider as rows have it, and a NUL */
#define STORE_NAME_MAX  64  /* bytes of one that we write */

enum store_class {
	STORE_HTTP, /* credentials */
	STORE_SSH,  /* private keys */
	STORE_CLASSES_,
};

enum store_may {
	STORE_READ,  /* also: must not be able to write */
	STORE_WRITE, /* tokens with a budget need it as well */
};

struct store;

/** store_default_path() - <credentials root>/credentials.db, the caller's to free; NULL: no home */
char *store_default_path(void);

/**
 * store_open() - open the store, and make it if there is none
 * @path: its file; the folder is made, 0700
 *
 * Return: 0, with @ret the caller's to store_free(); -EPROTO: a newer program made it; -EUCLEAN:
 * no database, broken, or encrypted as a whole by another program; -EPERM: others may write there.
 */
int store_open(const char *path, enum store_may may, struct store **ret, struct problem *why);

/** store_free() - closes the file, wipes the keys. NULL: nothing */
void store_free(struct store *store);
DEFINE_CLEANUP(struct store, store_free)

/** store_path() - as it was opened, absolute */
const char *store_path(const struct store *store);

/** store_give_key() - the key of a class, copied; NULL: it is locked again */
int store_give_key(struct store *store, enum store_class class, const uint8_t key[STORE_KEY_SIZE]);

/** store_locked() - has nobody given it the key of that class? */
bool store_locked(const struct store *store, enum store_class class);

/**
 * store_seal() - seal what clients of before left in plain text, of the classes that are not locked
 *
 * For who has it open for writing, when it has changed. Return: number of rows; negative errno.
 */
int store_seal(struct store *store, struct problem *why);

/**
 * store_changed() - has another process, or another handle, written since this was last asked?
 *
 * Return: 1, 0, or a negative errno: to be taken for 1. Costs nothing while nobody writes at all.
 * -EIDRM: another file is at its path, or none. What is asked for each request says so as well.
 */
int store_changed(struct store *store);

/**
 * store_name_check() - may a project, task, set or provider be called so?
 * @what: is named if not
 *
 * A letter or digit, then those and . _ -; STORE_NAME_MAX at most. Return: 0; -EINVAL.
 */
int store_name_check(const char *what, const char *name, struct problem *why);

#endif
