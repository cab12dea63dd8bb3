// SPDX-License-Identifier: Apache-2.0
#include "index.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

int index_digest(const char *text, size_t n, uint8_t ret[INDEX_DIGEST])
{
	return EVP_Digest(text, n, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

int index_add(struct index *index, const char *text, size_t n, int64_t row)
{
	if (index->n == index->room) {
		unsigned room = index->room ? 2 * index->room : 64;
		struct index_entry *entry = reallocarray(index->entry, room, sizeof(*entry));

		if (!entry)
			return -ENOMEM;
		index->entry = entry;
		index->room = room;
	}
	index->entry[index->n].row = row;
	return index_digest(text, n, index->entry[index->n].digest) ?: (index->n++, 0);
}

static int entry_compare(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;

	return memcmp(x->digest, y->digest, INDEX_DIGEST);
}

void index_sort(struct index *index)
{
	if (index->n)
		qsort(index->entry, index->n, sizeof(*index->entry), entry_compare);
}

int64_t index_find(const struct index *index, const uint8_t digest[INDEX_DIGEST])
{
	const struct index_entry *found =
	    index->n ? bsearch(digest, index->entry, index->n, sizeof(*index->entry), entry_compare)
		     : NULL;

	return found ? found->row : -1;
}

static struct index_recent *recent_at(const struct index *index, const uint8_t *digest)
{
	return (struct index_recent *)&index->recent[digest[0] % INDEX_RECENT];
}

const struct token *index_recall(const struct index *index, const uint8_t digest[INDEX_DIGEST])
{
	const struct index_recent *recent = recent_at(index, digest);

	return recent->token && !CRYPTO_memcmp(recent->digest, digest, INDEX_DIGEST) ? recent->token
										     : NULL;
}

void index_remember(struct index *index, const uint8_t digest[INDEX_DIGEST],
		    const struct token *token)
{
	struct index_recent *recent = recent_at(index, digest);

	if (!recent->token)
		recent->token = malloc(sizeof(*token));
	if (!recent->token)
		return;
	memcpy(recent->digest, digest, INDEX_DIGEST);
	*recent->token = *token;
}

void index_forget(struct index *index)
{
	for (unsigned i = 0; i < INDEX_RECENT; i++) {
		if (index->recent[i].token)
			explicit_bzero(index->recent[i].token, sizeof(struct token));
		free(index->recent[i].token);
		index->recent[i].token = NULL;
	}
}

void index_done(struct index *index)
{
	index_forget(index);
	free(index->entry);
	*index = (struct index){};
}
