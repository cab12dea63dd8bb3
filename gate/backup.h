/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.h - tips that something displaced, under names of their own until their time is over
 *
 * refs/terok/backup/<branch>/<YYYYMMDDTHHMMSSZ>-<first 12 digits of the tip> of a branch, and
 * refs/terok/backup-tags/tags/<tag>/<the same> of a tag, which stands there for any ref that is no
 * branch: made by what is applied, by a restore, and by the hooks of a push. A name that is not
 * of that form is not ours, and is never removed. Threads: none (git is run).
 */
#ifndef GATE_BACKUP_H
#define GATE_BACKUP_H

#include <time.h>

#include "mirror.h"
#include "refs.h"

/* A branch's name, what is around it, and a NUL. */
#define BACKUP_REF_MAX 320
#define BACKUP_OF_MAX  (GIT_BRANCH_MAX + 16)

struct backup {
	char ref[BACKUP_REF_MAX]; /* whole */
	char of[BACKUP_OF_MAX];   /* whole: what it was the tip of */
	char sha[GIT_SHA_MAX + 1];
	time_t saved_at; /* seconds since 1970 */
};

struct backups {
	struct backup *item; /* newest first */
	size_t n;
};

/**
 * backup_folder() - what the names of all backups of a ref begin with, a slash at its end
 * @of: whole, "refs/heads/main"
 *
 * Return: 0; -ENAMETOOLONG: git_ref_check() does not take it, and a backup would not lead back.
 */
int backup_folder(char ret[BACKUP_REF_MAX], const char *of);

/** backup_ref() - the whole name of a backup of that ref's tip, made at that time; as backup_folder() */
int backup_ref(char ret[BACKUP_REF_MAX], const char *of, const char *sha, time_t at);

/**
 * backup_parse() - read a whole name back; its sha is left alone
 *
 * Return: 0; -EINVAL: it is none of ours.
 */
int backup_parse(const char *ref, struct backup *ret);

/** backup_list() - all, newest first; the caller's to backups_clear() */
int backup_list(const struct mirror *mirror, struct backups *ret, struct problem *why);

/** backups_clear() - backups_done(), for _cleanup_ */
void backups_clear(struct backups *backups);

/**
 * backup_add() - to @changes: the creation of a backup, so that it is made with what displaces it
 * @ret: its name
 *
 * If a backup of that name is there already with that tip, nothing is added. -EEXIST: with another;
 * or as backup_folder().
 */
int backup_add(struct ref_changes *changes, const struct backups *present, const char *of,
	       const char *sha, char ret[BACKUP_REF_MAX]);

/**
 * backup_prune() - remove those older than @days; 0: none
 *
 * Return: how many went, or a negative errno with @why.
 */
int backup_prune(const struct mirror *mirror, unsigned days, struct problem *why);

/** backup_delete() - remove one, by its whole name. -EINVAL it is no backup, -ENOENT; with @why */
int backup_delete(const struct mirror *mirror, const char *ref, struct problem *why);

struct backup_restored {
	char of[BACKUP_OF_MAX], restored_sha[GIT_SHA_MAX + 1];
	char previous_backup_ref
	    [BACKUP_REF_MAX]; /* of the tip it displaced; "": it displaced none */
};

/**
 * backup_restore() - make a branch or tag what a backup is; what it was is saved first, in the same change
 *
 * If it is that already, nothing is done. The backup stays. Return: 0; -EINVAL it is no backup,
 * -ENOENT, -EBUSY it was moved meanwhile; with @why.
 */
int backup_restore(const struct mirror *mirror, const char *ref, struct backup_restored *ret,
		   struct problem *why);

#define _cleanup_backups_ _cleanup_(backups_clear)

#endif
