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

/* How many of those that were looked for are remembered with all that holds for them. */
#define INDEX_RECENT 64

struct token;

struct index_recent {
	uint8_t digest[INDEX_DIGEST];
	struct token *token; /* NULL: none */
};

struct index {
	struct index_entry *entry; /* sorted */
	unsigned n, room;
	int64_t version; /* of the file, when it was made */
	bool made;
	struct index_recent recent[INDEX_RECENT]; /* by a byte of the digest */
	int64_t recent_version;                   /* of the file, when these were read */
};

/** index_recall() - the token with that digest, if it is remembered; NULL */
const struct token *index_recall(const struct index *index, const uint8_t digest[INDEX_DIGEST]);

/** index_remember() - a copy, in place of another; without memory it is not remembered */
void index_remember(struct index *index, const uint8_t digest[INDEX_DIGEST],
		    const struct token *token);

/** index_digest() - of a token's text; 0, -ENOMEM, -EIO */
int index_digest(const char *text, size_t n, uint8_t ret[INDEX_DIGEST]);

/** index_add() - one more, before index_sort(); 0 or -ENOMEM */
int index_add(struct index *index, const char *text, size_t n, int64_t row);
void index_sort(struct index *index);

/** index_find() - the row with that digest; -1: none */
int64_t index_find(const struct index *index, const uint8_t digest[INDEX_DIGEST]);

/** index_forget() - all that is remembered */
void index_forget(struct index *index);

/** index_done() - empty again, memory freed */
void index_done(struct index *index);

#endif
