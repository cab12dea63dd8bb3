/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader_line.h - one line of a reader: JSON to a struct, sanitised and within its bounds
 *
 * A line is a JSON object; its type says what else it must have. Fields that are texts may be
 * numbers, numbers may be texts; null is as good as absent; what nobody knows is ignored. Who
 * reads a struct reader_line finds only printable ASCII in it, but for the dossier's keys,
 * which are the reader's own words and leave through the JSON writer.
 * Called by: ingest.c, on one buffer. Threads: none. No allocation.
 */
#ifndef HUB_READER_LINE_H
#define HUB_READER_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/sanitise.h"
#include "wire.h"

enum reader_type {
	READER_BLOCKED, /* "pending", or as the hub tells it */
	READER_STARTED,
	READER_EXITED,
	READER_UP,
	READER_DOWN,
	READER_DISENGAGED, /* or "shield_down_all", as it was called once */
	READER_TYPE_MAX_
};

/* Beyond any of these an entry is left out: a dossier is shown beside each request. */
#define DOSSIER_MAX     32   /* entries */
#define DOSSIER_KEY_MAX 64   /* bytes of a key */
#define DOSSIER_TEXT    4096 /* bytes of all keys and values, their NULs included */

struct dossier {
	unsigned n, used;
	struct said entry[DOSSIER_MAX]; /* in .text */
	char text[DOSSIER_TEXT];
};

#define READER_TEXT (SANITISE_MAX + 1)

struct reader_line {
	enum reader_type type;
	uint16_t port;
	uint8_t proto;
	char container[READER_TEXT], id[READER_TEXT], dest[READER_TEXT], domain[READER_TEXT],
	    reason[READER_TEXT];
	struct dossier dossier;
};

/**
 * reader_line_parse() - @n bytes without their newline
 *
 * Return: 0; -ENODATA a blank line, -ENOMSG a type that no reader has (both are passed over
 * in silence), -EINVAL with @why.
 */
int reader_line_parse(const char *text, size_t n, struct reader_line *ret, struct problem *why);

/** reader_type_name() - as org.terok.Clearance1 tells it */
const char *reader_type_name(enum reader_type type);

#endif
