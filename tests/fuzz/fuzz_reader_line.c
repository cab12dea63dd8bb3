// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_reader_line.c - whatever a reader says: both readers of JSON agree on what it is, and
 * what becomes of it is printable and within its bounds
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "hub/reader_line.h"

static void count(const struct json_span *key, const struct json_span *value, void *user)
{
	(void)key, (void)value;
	++*(unsigned *)user;
}

static void check_text(const char *text)
{
	size_t n = strnlen(text, READER_TEXT);

	if (n > SANITISE_MAX)
		abort();
	for (size_t i = 0; i < n; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			abort();
}

static void check_dossier(const struct dossier *dossier)
{
	if (dossier->n > DOSSIER_MAX || dossier->used > DOSSIER_TEXT)
		abort();
	for (unsigned i = 0; i < dossier->n; i++) {
		check_text(dossier->entry[i].value);
		if (strlen(dossier->entry[i].key) > DOSSIER_KEY_MAX)
			abort();
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(dossier->entry[i].key, dossier->entry[j].key))
				abort();
	}
}

/* The tree's reader and the one without a tree. */
static void check_readers_agree(const char *text, size_t size)
{
	struct json_object *tree = NULL;
	bool parsed = !json_parse(text, size, &tree);
	unsigned members = 0;
	bool scanned = !json_scan(text, size, count, &members);

	if (parsed != json_check(text, size) ||
	    scanned != (parsed && json_object_is_type(tree, json_type_object)) ||
	    (scanned && members < (unsigned)json_object_object_length(tree)))
		abort();
	json_object_put(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reader_line line;
	char *text = malloc(size ?: 1); /* so that a byte too far is seen */
	struct problem why = {};
	int r;

	memcpy(text, data, size);
	check_readers_agree(text, size);
	r = reader_line_parse(text, size, &line, &why);
	if (r && r != -EINVAL && r != -ENODATA && r != -ENOMSG)
		abort();
	if (r == -EINVAL && !*why.text)
		abort();
	if (!r) {
		check_text(line.container);
		check_text(line.id);
		check_text(line.dest);
		check_text(line.domain);
		check_text(line.reason);
		check_dossier(&line.dossier);
		if (!reader_type_name(line.type))
			abort();
	}
	free(text);
	return 0;
}
