// SPDX-License-Identifier: Apache-2.0
#include "hidden.h"

#include <string.h>

static const char prefix[] = "refs/terok/";

/* Enough of a line, or all of it. */
static bool is_ours(const char *begin, size_t n)
{
	const char *tab = memchr(begin, '\t', n);

	return tab && n - (size_t)(tab + 1 - begin) >= sizeof(prefix) - 1 &&
	       !memcmp(tab + 1, prefix, sizeof(prefix) - 1);
}

static bool is_enough(const char *begin, size_t n)
{
	const char *tab = memchr(begin, '\t', n);

	return n == HIDDEN_ROOM || (n && begin[n - 1] == '\n') ||
	       (tab && n - (size_t)(tab + 1 - begin) >= sizeof(prefix) - 1);
}

size_t hidden_pass(struct hidden *hidden, const char *bytes, size_t n, char *ret)
{
	size_t told = 0;

	for (size_t i = 0; i < n; i++) {
		char byte = bytes[i];

		if (!hidden->decided) {
			hidden->begin[hidden->n++] = byte;
			if (!is_enough(hidden->begin, hidden->n))
				continue;
			hidden->decided = true;
			hidden->leave = is_ours(hidden->begin, hidden->n);
			if (!hidden->leave) {
				memcpy(ret + told, hidden->begin, hidden->n);
				told += hidden->n;
			}
		} else if (!hidden->leave) {
			ret[told++] = byte;
		}
		if (byte == '\n')
			*hidden = (struct hidden){};
	}
	return told;
}
