/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_words.h - a list of words that grows: command lines, environments
 *
 * Each word is a copy of its own. A list that could not grow says so once, by words_error(),
 * and is not to be used then. Zero is an empty list. Threads: none.
 */
#ifndef TEROK_SANDBOX_WORDS_H
#define TEROK_SANDBOX_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct words {
	char **word; /* @n of them and a NULL, or NULL if there are none */
	unsigned n, size;
	bool failed;
};

/** words_add() - one more, a copy */
void words_add(struct words *words, const char *word);

/** words_addn() - the first @n bytes of @word */
void words_addn(struct words *words, const char *word, size_t n);

/** words_addf() - one more, as printf() makes it */
void words_addf(struct words *words, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/** words_add_all() - copies of all of another list */
void words_add_all(struct words *words, const struct words *from);

/** words_set() - "NAME=VALUE", in place of what has that name, or one more */
void words_set(struct words *words, const char *pair);

/** words_error() - 0, or -ENOMEM if a word is missing */
int words_error(const struct words *words);

/** words_have() - is one of them @word? */
bool words_have(const struct words *words, const char *word);

void words_free(struct words *words);

#define _cleanup_words_ _cleanup_(words_free)

#endif
