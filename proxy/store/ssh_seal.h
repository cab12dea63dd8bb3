/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh_seal.h - the seal of what a key may be used for in a project
 *
 * Who serves HTTP writes to the store's file, and could write other terms into it. So whoever has the
 * key of STORE_SSH seals them when a key is assigned, for the project, the key's fingerprint and its
 * private half, and the signer compares: terms without that seal are nobody's. Without the half a row
 * could have plain text of anything while terms are sealed, and the key again afterwards. How often a key was used is not in it,
 * nor whether the terms were other ones later.
 *
 * Older programs know nothing of it. Those assign keys that they leave in plain text, which only who
 * has them can: they get a seal when they are sealed. What was assigned in a store of before the
 * first seal is taken as it is, once: how its key is wrapped tells (ring_is_before()).
 *
 * For ssh_key.c and reseal.c. Threads: as the store.
 */
#ifndef STORE_SSH_SEAL_H
#define STORE_SSH_SEAL_H

#include "ssh_key.h"
#include "within.h"

/** ssh_seal_put() - seal what the row says now, within the caller's transaction; -EKEYREJECTED: locked */
int ssh_seal_put(struct store *store, const char *project, int64_t id, struct problem *why);

/** ssh_seal_plain() - the same for all assignments of keys in plain text, which have no seal */
int ssh_seal_plain(struct store *store, struct problem *why);

/** ssh_seal_before() - and, in a store of before, of all keys, for the last time; with what it needs */
int ssh_seal_before(struct store *store, struct problem *why);

#endif
