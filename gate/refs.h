/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refs.h - a repository's references: read at once, changed together
 *
 * A change names what the reference was: it is made only while that holds, so that nothing that
 * was pushed meanwhile is lost. Threads: none (git is run).
 */
#ifndef GATE_REFS_H
#define GATE_REFS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "git_text.h"

struct mirror;

#define REFS_HEADS    "refs/heads/"
#define REFS_TAGS     "refs/tags/"
#define REFS_UPSTREAM "refs/terok/upstream/"    /* branches as the upstream had them */
#define REFS_ATTIC    "refs/terok/attic/"       /* ... before it rewrote or deleted them */
#define REFS_BACKUP   "refs/terok/backup/"      /* tips of branches that something displaced */
#define REFS_KEPT     "refs/terok/backup-tags/" /* ... of tags, and of what else is not a branch */
#define REFS_MOVED    "refs/terok/tags/"        /* tags as the upstream has them */

struct ref {
	char *name; /* without the prefix that was asked for */
	char sha[GIT_SHA_MAX + 1];
};

/* Sorted by name, bytewise. */
struct refs {
	struct ref *item;
	size_t n, room;
};

/** refs_add() - one more; the order is refs_sort()'s. Return: 0 or -ENOMEM. */
int refs_add(struct refs *refs, const char *name, size_t name_size, const char *sha);

/** refs_sort() - by name, and one of each: the later */
void refs_sort(struct refs *refs);

/** refs_find() - its object, borrowed; NULL: there is none */
const char *refs_find(const struct refs *refs, const char *name);

/**
 * refs_read() - all below a prefix that ends in a slash, sorted
 *
 * Return: 0 and @ret, the caller's to refs_clear(); a negative errno with @why.
 */
int refs_read(const struct mirror *mirror, const char *prefix, struct refs *ret,
	      struct problem *why);

/**
 * refs_read_some() - the same of @n prefixes, of which none begins with another, by one git
 *
 * Return: 0 and each of @ret, the caller's to refs_clear(); a negative errno with @why: none of them.
 */
int refs_read_some(const struct mirror *mirror, const char *const *prefix, struct refs *ret,
		   unsigned n, struct problem *why);

/** refs_clear() - refs_done(), for _cleanup_; empty again */
void refs_clear(struct refs *refs);

/* One change. */
struct ref_change {
	char *name;                /* whole */
	char old[GIT_SHA_MAX + 1]; /* "": it is not there yet */
	char new[GIT_SHA_MAX + 1]; /* "": it goes */
	bool failed;               /* by refs_change_each() */
	char why[160];             /* then what git said */
};

struct ref_changes {
	struct ref_change *item;
	size_t n, room;
};

/**
 * changes_add() - one more: prefix and name, from @old to @new
 * @old, @new: an object, or NULL: not there
 *
 * Return: 0 or -ENOMEM.
 */
int changes_add(struct ref_changes *changes, const char *prefix, const char *name, const char *old,
		const char *new);

/** changes_clear() - changes_done(), for _cleanup_; empty again */
void changes_clear(struct ref_changes *changes);

/**
 * refs_change() - all of them, or none
 * @note: for the reflog
 *
 * Return: 0; -EBUSY: not one was made, as git says in @why (one was something else, or two names
 * are in each other's way); another negative errno: git could not be run to its end, and what
 * was made is whole. No changes: 0.
 */
int refs_change(const struct mirror *mirror, const struct ref_changes *changes, const char *note,
		struct problem *why);

/**
 * refs_change_each() - as many of them as can be made; each says if it failed
 *
 * Return: 0, also if some failed; a negative errno as above.
 */
int refs_change_each(const struct mirror *mirror, struct ref_changes *changes, const char *note,
		     struct problem *why);

#define _cleanup_refs_    _cleanup_(refs_clear)
#define _cleanup_changes_ _cleanup_(changes_clear)

#endif
