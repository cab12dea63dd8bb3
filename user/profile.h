/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.h - profiles: text files of destinations, one a line, that are allowed together
 *
 * An entry is an address, a prefix, a domain or *.domain (the domain and all below it), each
 * with an optional :port and /protocol; a leading ! denies. Lines that begin with # and empty
 * ones say nothing. A file in the user's folder stands in for a shipped one of its name.
 * Owns: nothing; reads files that only root, or who asks, can write, by name from folders of
 * which that is true as well: a link or a file less there makes another profile.
 * Called by: verbs. Threads: none.
 */
#ifndef TEROK_PROFILE_H
#define TEROK_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/cleanup.h"

#define PROFILE_DEFAULT    "dev-standard"
#define PROFILE_NONE       "none" /* in place of a name: an empty composition */

#define PROFILE_DOMAIN_MAX 253       /* bytes of a name, RFC 1035 */
#define PROFILE_DOMAIN_LEN 256       /* the same behind "*.", NUL included */
#define PROFILE_NAME_LEN   64        /* of a file, without .txt, NUL included */
#define PROFILE_TEXT_LEN   300       /* of one entry as text */
#define PROFILE_LINE_MAX   1024      /* bytes of a line */
#define PROFILE_FILE_MAX   (1 << 20) /* bytes of a file: a list that somebody still reads */
#define PROFILE_PATH_LEN   4096

struct profile_entry {
	bool deny;
	char domain[PROFILE_DOMAIN_LEN]; /* lower case; "*.x" covers x too; "": an address */
	struct dest dest;                /* of a domain: port and protocol only */
	unsigned line;                   /* of its file, 0: of none; two that differ are the same */
};

struct profile {
	struct profile_entry *entry; /* each once, in the order they were added */
	size_t n, room;
	uint32_t *slot; /* 2 * room: where an entry is, by its hash; index + 1, 0: nothing */
};

void profile_done(struct profile *profile);
#define _cleanup_profile_ _cleanup_(profile_done)

/** profile_entry_parse() - one entry, as it stands on a line; -EINVAL */
int profile_entry_parse(const char *text, struct profile_entry *ret, struct problem *why);

/** profile_entry_format() - its canonical text; returns @buf */
const char *profile_entry_format(char buf[static PROFILE_TEXT_LEN], const struct profile_entry *e);

/** profile_add() - append @entry unless the same is there; -ENOMEM */
int profile_add(struct profile *profile, const struct profile_entry *entry);

/** profile_find() - the index of the same entry; -1: it is not there */
ssize_t profile_find(const struct profile *profile, const struct profile_entry *entry);

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

/** profile_path() - where the profile of that name is, if it is there; returns @buf */
const char *profile_path(char buf[static PROFILE_PATH_LEN], bool shipped, const char *name);

/** profile_read() - a file's text, the caller's to free; @text: a name, or a path with a slash */
int profile_read(const char *text, char **ret, size_t *size, char path[static PROFILE_PATH_LEN],
		 struct problem *why);

/** profile_load() - add what is not in @profile yet; a bad line is an error, and adds nothing */
int profile_load(const char *name, struct profile *profile, struct problem *why);

/**
 * profile_default() - what is composed for a container when nobody says what
 * @names: with a colon between; from default-profiles in the user's folder, a name a line, else
 *	   PROFILE_DEFAULT
 */
int profile_default(char *names, size_t room, struct problem *why);

/**
 * profile_each() - every profile by name, sorted; not 0 from @fn ends it
 * @fn: @shipped: no file of the user's stands in
 *
 * Return: 0, what @fn did, or with @why: a folder is there and cannot be read or believed.
 */
int profile_each(int (*fn)(const char *name, bool shipped, void *user), void *user,
		 struct problem *why);

#endif
