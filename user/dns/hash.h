/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - a keyed hash of names (SipHash-1-3)
 *
 * Containers choose names. Without the key nobody can choose names that meet in one bucket of
 * a table that all guards share, or that pass for a name that was seen before.
 *
 * Called by: cache, channel. No allocation. Threads: any.
 */
#ifndef TEROK_DNS_HASH_H
#define TEROK_DNS_HASH_H

#include <stdint.h>

struct hash_key {
	uint64_t word[2];
};

/** hash_key_fill() - a random key; negative errno */
int hash_key_fill(struct hash_key *key);

/** hash_name() - of @name together with @number; differs from process to process */
uint64_t hash_name(const struct hash_key *key, uint64_t number, const char *name);

#endif
