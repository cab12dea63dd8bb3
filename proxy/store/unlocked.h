/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlocked.h - a store's key in the kernel's keyring of this user, until it is taken out or the
 * machine goes down
 *
 * Owns nothing here: the kernel has it. Where there is no keyring, as in many containers, all of
 * it is -ENOKEY. Called by: keys.c, store's verbs. Threads: any.
 */
#ifndef STORE_UNLOCKED_H
#define STORE_UNLOCKED_H

#include "secret.h"

/** unlocked_get() - the key of the store at @path, the caller's to secret_free(); -ENOKEY: none */
int unlocked_get(const char *path, struct secret **ret);

/** unlocked_put() - in place of one that is there; @seconds: until it goes by itself, 0: never */
int unlocked_put(const char *path, const struct secret *key, unsigned seconds);

/** unlocked_drop() - 0; -ENOKEY: there was none */
int unlocked_drop(const char *path);

#endif
