/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_record.h - what setup made: kept, so that just that is taken away again
 *
 * One text file, STATE/setup, a thing a line: "dir PATH", "file SUM PATH", "line SUM PATH" (of a
 * containers.conf), "unit NAME" (enabled). It is written before the first change, with all that is
 * going to be made beside what was made before, and again after the last: a path may have two
 * sums, so whoever died between them finds the old file and the new one to be ours. Without it
 * files are known by their version alone.
 *
 * Called by: setup*.c. Threads: none.
 */
#ifndef TEROK_SETUP_RECORD_H
#define TEROK_SETUP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"

#define RECORD_MAX  256
#define RECORD_NAME "setup"

enum record_kind { RECORD_DIR = 1, RECORD_FILE, RECORD_LINE, RECORD_UNIT };

struct record_entry {
	enum record_kind kind;
	uint64_t sum; /* of a file or a line */
	char *what;   /* owned: a path, or a unit's name */
};

struct setup_record {
	struct record_entry entry[RECORD_MAX];
	unsigned n;
};

/** record_parse() - the lines of @text; what is no line of ours is left out */
int record_parse(const char *text, struct setup_record *ret);
void record_done(struct setup_record *record);

/** record_add() - once; record_has() - @sum 0: whatever its sum */
int record_add(struct setup_record *record, enum record_kind kind, uint64_t sum, const char *what);
bool record_has(const struct setup_record *record, enum record_kind kind, uint64_t sum,
		const char *what);

/** record_drop() - whatever its sum */
void record_drop(struct setup_record *record, enum record_kind kind, const char *what);

/** record_text() - as record_parse() reads it: malloc'd */
int record_text(const struct setup_record *record, char **ret, size_t *size);

#endif
