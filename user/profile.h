/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.h - profiles: text files of destinations, one a line, that are allowed together
 *
 * An entry is an address, a prefix, a domain or *.domain (the domain and all below it), each
 * with an optional :port and /protocol; a leading ! denies. Lines that begin with # and empty
 * ones say nothing. A file in the user's folder stands in for a shipped one of its name.
 * Owns: nothing; reads files that only root, or who asks, can write.
 * Called by: verbs. Threads: none.
 */
#ifndef TEROK_PROFILE_H
#define TEROK_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/cleanup.h"

#define PROFILE_DOMAIN_LEN 254  /* RFC 1035, NUL included */
#define PROFILE_NAME_LEN   64   /* of a file, without .txt, NUL included */
#define PROFILE_TEXT_LEN   300  /* of one entry as text */
#define PROFILE_LINE_MAX   1024 /* bytes of a line */

struct profile_entry {
	bool deny;
	char domain[PROFILE_DOMAIN_LEN]; /* lower case; "*.x" covers x too; "": an address */
	struct dest dest;                /* of a domain: port and protocol only */
};

struct profile {
	struct profile_entry *entry;
	size_t n, room;
};

void profile_done(struct profile *profile);
#define _cleanup_profile_ _cleanup_(profile_done)

/** profile_entry_parse() - one entry, as it stands on a line; -EINVAL */
int profile_entry_parse(const char *text, struct profile_entry *ret, struct problem *why);

/** profile_entry_format() - its canonical text; returns @buf */
const char *profile_entry_format(char buf[static PROFILE_TEXT_LEN], const struct profile_entry *e);

/**
 * profile_parse() - the lines of a file
 * @fn: gets each entry, or NULL and what is wrong with the line; not 0 ends it
 *
 * Return: 0, or what @fn did.
 */
int profile_parse(const char *text, size_t size,
		  int (*fn)(unsigned line, const struct profile_entry *e, const struct problem *why,
			    void *user),
		  void *user);

/** profile_read() - a file's text, the caller's to free; @text: a name, or a path with a slash */
int profile_read(const char *text, char **ret, size_t *size, char path[static 4096],
		 struct problem *why);

/** profile_load() - add what is not in @profile yet; the first bad line is an error */
int profile_load(const char *name, struct profile *profile, struct problem *why);

/** profile_each() - every profile by name, sorted; @shipped: no file of the user's stands in */
int profile_each(int (*fn)(const char *name, bool shipped, void *user), void *user);

#endif
