// SPDX-License-Identifier: Apache-2.0
#include "setup_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const char *const kinds[] = {
	[RECORD_DIR] = "dir", [RECORD_FILE] = "file", [RECORD_LINE] = "line", [RECORD_UNIT] = "unit"
};

static bool has_sum(enum record_kind kind)
{
	return kind == RECORD_FILE || kind == RECORD_LINE;
}

void record_done(struct setup_record *record)
{
	while (record->n)
		free(record->entry[--record->n].what);
}

bool record_has(const struct setup_record *record, enum record_kind kind, uint64_t sum,
		const char *what)
{
	for (unsigned i = 0; i < record->n; i++) {
		const struct record_entry *entry = &record->entry[i];

		if (entry->kind == kind && (!sum || entry->sum == sum) &&
		    !strcmp(entry->what, what))
			return true;
	}
	return false;
}

int record_add(struct setup_record *record, enum record_kind kind, uint64_t sum, const char *what)
{
	struct record_entry *entry = &record->entry[record->n];

	if (record_has(record, kind, sum, what))
		return 0;
	if (record->n == RECORD_MAX)
		return -EFBIG;
	*entry = (struct record_entry){ .kind = kind, .sum = sum, .what = strdup(what) };
	return entry->what ? record->n++, 0 : -ENOMEM;
}

void record_drop(struct setup_record *record, enum record_kind kind, const char *what)
{
	unsigned n = 0;

	for (unsigned i = 0; i < record->n; i++) {
		struct record_entry *entry = &record->entry[i];

		if (entry->kind == kind && !strcmp(entry->what, what))
			free(entry->what);
		else
			record->entry[n++] = *entry;
	}
	record->n = n;
}

static int line_parse(char *line, struct setup_record *ret)
{
	char *rest = strchr(line, ' '), *end = rest;
	uint64_t sum = 0;

	if (!rest)
		return 0;
	*rest++ = '\0';
	for (unsigned kind = RECORD_DIR; kind <= RECORD_UNIT; kind++) {
		if (strcmp(line, kinds[kind]))
			continue;
		if (has_sum(kind)) {
			sum = strtoull(rest, &end, 16);
			if (*end != ' ' || !sum)
				return 0;
			rest = end + 1;
		}
		return (*rest == '/') == (kind != RECORD_UNIT) ? record_add(ret, kind, sum, rest)
							       : 0;
	}
	return 0;
}

int record_parse(const char *text, struct setup_record *ret)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save;
	int r = 0;

	ret->n = 0;
	if (!copy)
		return -ENOMEM;
	for (char *line = strtok_r(copy, "\n", &save); line && !r;
	     line = strtok_r(NULL, "\n", &save))
		r = line_parse(line, ret);
	return r;
}

int record_text(const struct setup_record *record, char **ret, size_t *size)
{
	_cleanup_free_ char *text = NULL;
	FILE *f = open_memstream(&text, size);

	if (!f)
		return -ENOMEM;
	fputs("# what terok-bpfd setup made; terok-bpfd setup --remove takes it away\n", f);
	for (unsigned i = 0; i < record->n; i++) {
		const struct record_entry *entry = &record->entry[i];

		fputs(kinds[entry->kind], f);
		if (has_sum(entry->kind))
			fprintf(f, " %016" PRIx64, entry->sum);
		fprintf(f, " %s\n", entry->what);
	}
	if (fclose(f))
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}
