// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_gate_content.c - what stands in .gitmodules and in symlinks: a target that is let through leads,
 * name by name, nowhere above the tree
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gate/content.h"

#define SCHEME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."

/* @path has one slash: two names up are outside. */
static void walk(const char *target, size_t size)
{
	int depth = 1;

	if (size && *target == '/')
		abort();
	for (size_t i = 0; i < size;) {
		const char *end = memchr(target + i, '/', size - i);
		size_t n = end ? (size_t)(end - target) - i : size - i;

		if (n == 2 && !strncmp(target + i, "..", 2))
			depth--;
		else if (n && !(n == 1 && target[i] == '.'))
			depth++;
		if (depth < 0)
			abort();
		i += n + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problem why = {};
	char *url = malloc(size + 1);

	if (!url)
		return 0;
	memcpy(url, data, size);
	url[size] = '\0';
	if (content_modules((const char *)data, size, &why) && !*why.text)
		abort();
	/* as git looks for a helper: letters of a scheme, then two colons */
	if (!content_submodule(url, &why) &&
	    (*url == '-' || *url == '/' || !strncmp(url + strspn(url, SCHEME), "::", 2)))
		abort();
	if (!content_link("d/l", (const char *)data, size, &why))
		walk((const char *)data, size);
	free(url);
	return 0;
}
