/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_json.h - ssh-keys.json: which key files are a project's
 *
 *   { "<project>": [ { "private_key": "/path", "public_key": "/path", ... }, ... ], ... }
 *
 * as programs before this one wrote it, which read and write it still: under a lock on the file itself,
 * in place. limits.h has the keys that we add. An entry that is not as it must be is left out,
 * alone. Threads: none shared.
 */
#ifndef SIGNER_KEYS_JSON_H
#define SIGNER_KEYS_JSON_H

#include "limits.h"

#define KEYS_JSON_MAX     (4 << 20) /* bytes */
#define KEYS_JSON_ENTRIES 64        /* of a project; ssh(1) gives up after a few */

struct keys_entry {
	char *private_key, *public_key; /* absolute paths; public_key NULL: none was named */
	struct limits limits;
};

struct keys_entries {
	struct keys_entry *entry;
	unsigned n, left_out;
};

/**
 * keys_json_parse() - a project's entries, in the file's order
 * @why: of those that are left out: why the first
 *
 * Return: 0, also if the project has none; -EINVAL: no JSON object; -ENOMEM; with @why.
 */
int keys_json_parse(const char *text, size_t size, const char *project, struct keys_entries *ret,
		    struct problem *why);

void keys_entries_done(struct keys_entries *entries);

/** keys_json_load() - the same of the file at @path; one that is not there or is empty has none */
int keys_json_load(const char *path, const char *project, struct keys_entries *ret,
		   struct problem *why);

/** keys_json_each() - the projects of a file, in its order; @fn returns negative errno to end it */
int keys_json_each(const char *path, int (*fn)(const char *project, void *user), void *user,
		   struct problem *why);

/**
 * keys_json_put() - add an entry, or replace the one with its private_key; the file is made, 0600
 *
 * Return: 0; -EINVAL: the file is no JSON object, or its project no list: then it is left as it
 * is; or another negative errno; with @why.
 */
int keys_json_put(const char *path, const char *project, const struct keys_entry *entry,
		  struct problem *why);

/** keys_json_remove() - 1: it is gone; 0: there was none; negative errno with @why */
int keys_json_remove(const char *path, const char *project, const char *private_key,
		     struct problem *why);

#endif
