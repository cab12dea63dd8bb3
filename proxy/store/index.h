/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h - tokens by a digest of their text, so that looking for one tells nothing about others
 *
 * How long a tree of texts is searched depends on how much of one was guessed; of digests
 * nobody can guess more than by chance. A row found is compared as a whole by who looks.
 *
 * Owns: the table. Called by: token.c. Threads: as the store.
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_DIGEST 32

struct index_entry {
	uint8_t digest[INDEX_DIGEST];
	int64_t row;
};

struct index {
	struct index_entry *entry; /* sorted */
	unsigned n, room;
	int64_t version; /* of the file, when it was made */
	bool made;
};

/** index_digest() - of a token's text; 0, -ENOMEM, -EIO */
int index_digest(const char *text, size_t n, uint8_t ret[INDEX_DIGEST]);

/** index_add() - one more, before index_sort(); 0 or -ENOMEM */
int index_add(struct index *index, const char *text, size_t n, int64_t row);
void index_sort(struct index *index);

/** index_find() - the row with that digest; -1: none */
int64_t index_find(const struct index *index, const uint8_t digest[INDEX_DIGEST]);

/** index_done() - empty again, memory freed */
void index_done(struct index *index);

#endif
