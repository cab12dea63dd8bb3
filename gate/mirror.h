/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror.h - one project's repository: what it remembers, who works on it, how it is put right
 *
 * <base>/<project>.git is bare. What containers push and what the upstream has live apart in it:
 * refs/heads/ and refs/tags/ are the gate's, refs/terok/ is ours and nobody sees it
 * (transfer.hideRefs). What is known of a project beside that is in the repository's own
 * configuration: remote.origin.url and terok.*, which sync writes.
 * A verb that changes it holds a lock, <base>/<project>.lock; servers do not: they and we change
 * references only from what they were. Whoever dies in between leaves git's own lock files
 * behind, which mirror_mend() takes away.
 * Called by: the verbs. Threads: none (git is run).
 */
#ifndef GATE_MIRROR_H
#define GATE_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"
#include "git.h"
#include "git_text.h"

#define MIRROR_RETENTION_DAYS 30 /* of backups */
#define MIRROR_WAIT_S         60 /* for who works on it */

/* What is remembered; strings are the mirror's, NULL: not set. */
struct mirror_memory {
	char *upstream;     /* remote.origin.url */
	char *ssh_key;      /* terok.sshKey: a file, absolute */
	char *ssh_agent;    /* terok.sshAgent: a socket, absolute */
	char *allow;        /* terok.allow: ways that are not encrypted, "file,http,git" */
	bool personal;      /* terok.personalSsh: the user's own keys, because they said so */
	bool cache;         /* terok.cloneCache */
	bool legacy;        /* its configuration is one that prunes what is not upstream's */
	bool settled;       /* ... is what mirror_settle() makes */
	bool sha256;        /* its objects are named by SHA-256, not by SHA-1 */
	unsigned retention; /* terok.backupDays; 0: for ever */
};

struct mirror {
	char *base, *project, *path, *home;
	struct mirror_memory memory;
	bool scratch; /* it is being made, beside its place */
	int lock;     /* -1: not held */
};

/**
 * mirror_new() - where a project's mirror is or will be; the base is made
 * @base: folder of mirrors; NULL: the default one
 *
 * Return: 0 and @ret, the caller's to mirror_free(); -EINVAL (the name), or another, with @why.
 */
int mirror_new(const char *base, const char *project, struct mirror **ret, struct problem *why);
void mirror_free(struct mirror *mirror);
DEFINE_CLEANUP(struct mirror, mirror_free)
#define _cleanup_mirror_ _cleanup_(mirror_freep)

/** mirror_exists() - is it there? */
bool mirror_exists(const struct mirror *mirror);

/**
 * mirror_load() - read what is remembered
 *
 * Return: 0; -ENOENT there is no mirror, or -EBADMSG it is none of git's, with @why.
 */
int mirror_load(struct mirror *mirror, struct problem *why);

/** mirror_open() - mirror_new() and mirror_load() */
int mirror_open(const char *base, const char *project, struct mirror **ret, struct problem *why);

/**
 * mirror_lock() - be the only one of us who works on it, until mirror_free()
 * @verb: what for, which is told to who waits
 * @wait_s: how long others are waited for, which is said; 0: not at all
 *
 * Return: 0; -EBUSY with @why: who has it.
 */
int mirror_lock(struct mirror *mirror, const char *verb, unsigned wait_s, struct problem *why);

/** mirror_git() - git_run() in it, with its home; as that returns */
int mirror_git(const struct mirror *mirror, const struct git_run *run, char **ret,
	       struct problem *why);

/**
 * mirror_set() - remember one thing, in a file that is whole at any time
 * @value: NULL: forget all values of it
 */
int mirror_set(const struct mirror *mirror, const char *key, const char *value,
	       struct problem *why);

/**
 * mirror_settle() - the configuration that the safe model needs, if it is not there
 *
 * The mark that it is, is written last. Return: 0 or a negative errno with @why.
 */
int mirror_settle(struct mirror *mirror, struct problem *why);

/**
 * mirror_ancestor() - is commit @a in the history of @b, or the same?
 *
 * Return: 1, 0, or a negative errno with @why.
 */
int mirror_ancestor(const struct mirror *mirror, const char *a, const char *b, struct problem *why);

/**
 * mirror_mend() - take away what a killed git left: its lock files, and packs that it was writing
 *
 * What is there when no git works in the repository was left behind: it is looked for first, and
 * processes (of their current folder) after it. A git that is at work is waited for, up to
 * @wait_s. Not needed: the mirror's lock. Return: how many files went; -EBUSY with @why.
 */
int mirror_mend(const struct mirror *mirror, unsigned wait_s, struct problem *why);

/** mirror_mend_all() - the same in every mirror of a folder, waiting for nobody; the log has what went */
void mirror_mend_all(const char *base);

/** mirror_scratch() - a folder's path in the base, "<base>/.<what>-<project>", the caller's to free */
char *mirror_scratch(const struct mirror *mirror, const char *what);

/** mirror_remove() - a folder and all below it; links are not followed. 0 if there is none */
int mirror_remove(const char *path, struct problem *why);

#endif
