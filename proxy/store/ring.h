/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - the keys of one class: the one that was given, and those that it unwraps
 *
 * Rows are sealed with the newest generation; older ones are there only while rows are sealed
 * anew, in one transaction. One that is not known is looked for in the file before it is missed.
 *
 * Owns: the keys. Called by: the store. Threads: as the store.
 */
#ifndef STORE_RING_H
#define STORE_RING_H

#include "seal.h"
#include "secret.h"
#include "store.h"

struct ring {
	enum store_class class;
	struct secret *key;    /* of the class, as it was given; NULL: locked */
	struct secret *newest; /* what rows are sealed with; NULL: not looked for yet */
	int64_t generation;    /* of that */
	bool before;           /* it was wrapped before terms of keys had seals */
};

/** ring_done() - all wiped: locked */
void ring_done(struct ring *ring);

/** ring_look() - have the newest key at hand, as the file has it now; -EKEYREJECTED: locked */
int ring_look(struct store *store, struct ring *ring, struct problem *why);

/** ring_seal() - @n bytes, sealed for their place, the caller's to free: n + SEAL_SPARE of them */
int ring_seal(struct store *store, struct ring *ring, const struct seal_place *place,
	      const void *bytes, size_t n, uint8_t **ret, struct problem *why);

/**
 * ring_open() - and back
 *
 * To be asked while the row is open: rows and keys change together. Return: 0; -EKEYREJECTED:
 * locked, or another key; -EBADMSG: not sealed for there.
 */
int ring_open(struct store *store, struct ring *ring, const struct seal_place *place,
	      const uint8_t *sealed, size_t n, struct secret **ret, struct problem *why);

/** ring_wrap_anew() - the newest, as it was looked for: before no more; within the caller's transaction */
int ring_wrap_anew(struct store *store, struct ring *ring, struct problem *why);

/** ring_make() - a key of the next generation, wrapped; within the caller's transaction */
int ring_make(struct store *store, enum store_class class, const struct secret *class_key,
	      struct problem *why);

/** ring_drop() - the generations before the newest; within the caller's transaction */
int ring_drop(struct store *store, enum store_class class, struct problem *why);

/** ring_fits() - does this key of a class unwrap what is there? -EKEYREJECTED, -ENOKEY: nothing is */
int ring_fits(struct store *store, enum store_class class, const struct secret *class_key,
	      struct problem *why);

#endif
