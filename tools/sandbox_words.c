// SPDX-License-Identifier: Apache-2.0
#include "sandbox_words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* @word is the list's from here on. */
static void take(struct words *words, char *word)
{
	if (word && words->n + 1 >= words->size) {
		unsigned size = words->size ? 2 * words->size : 16;
		char **bigger = reallocarray(words->word, size, sizeof(*bigger));

		if (bigger) {
			words->word = bigger;
			words->size = size;
		}
	}
	if (!word || words->n + 1 >= words->size) {
		free(word);
		words->failed = true;
		return;
	}
	words->word[words->n++] = word;
	words->word[words->n] = NULL;
}

void words_add(struct words *words, const char *word)
{
	take(words, strdup(word));
}

void words_addn(struct words *words, const char *word, size_t n)
{
	take(words, strndup(word, n));
}

void words_addf(struct words *words, const char *fmt, ...)
{
	char *word = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&word, fmt, args) < 0)
		word = NULL;
	va_end(args);
	take(words, word);
}

void words_add_all(struct words *words, const struct words *from)
{
	words->failed |= from->failed;
	for (unsigned i = 0; i < from->n; i++)
		words_add(words, from->word[i]);
}

void words_set(struct words *words, const char *pair)
{
	size_t name = strcspn(pair, "=");

	for (unsigned i = 0; i < words->n; i++) {
		char *copy;

		if (strcspn(words->word[i], "=") != name || strncmp(words->word[i], pair, name))
			continue;
		copy = strdup(pair);
		if (!copy) {
			words->failed = true;
			return;
		}
		free(words->word[i]);
		words->word[i] = copy;
		return;
	}
	words_add(words, pair);
}

int words_error(const struct words *words)
{
	return words->failed ? -ENOMEM : 0;
}

bool words_have(const struct words *words, const char *word)
{
	for (unsigned i = 0; i < words->n; i++)
		if (!strcmp(words->word[i], word))
			return true;
	return false;
}

void words_free(struct words *words)
{
	for (unsigned i = 0; i < words->n; i++)
		free(words->word[i]);
	free(words->word);
	*words = (struct words){};
}
