/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_io.h - files of setup: read, made, replaced, removed, and never by a link that leads away
 *
 * A path is looked up below a place that is known (the user's home, /etc, /var): a link on the way
 * may not lead out of it, and none at its end is followed. Who else could write to the folder
 * could say what root or the user runs: such a folder is refused. Modes are what is asked for,
 * whatever the umask is (verb_setup() sets it to 0).
 *
 * Called by: setup*.c. Threads: none.
 */
#ifndef TEROK_SETUP_IO_H
#define TEROK_SETUP_IO_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/problem.h"

#define SETUP_PATH_LEN  1200
#define SETUP_STAGE_LEN 272
#define SETUP_FILE_MAX  (1 << 20)

/**
 * setup_read() - all of a regular file: malloc'd, with a NUL behind it
 * @st: what it is; may be NULL
 *
 * Return: 0; -ENOENT; -ELOOP it is a link; -EINVAL no regular file; -EFBIG; all with @why.
 */
int setup_read(const char *path, char **ret, size_t *size, struct stat *st, struct problem *why);

/**
 * setup_write() - make or replace a file: at any moment it is the old one or the new one, whole
 * @like: mode, owner and group that it is to have; owner and group are left to the caller's if 0
 */
int setup_write(const char *path, const char *text, size_t size, const struct stat *like,
		struct problem *why);

/**
 * setup_stage() - what a file is called while it is written, in its folder
 *
 * Neither podman nor systemd reads such a name. Who dies there leaves it behind.
 */
const char *setup_stage(char buf[static SETUP_STAGE_LEN], const char *name);

/** setup_mkdir() - one folder in one that is there; one that is there already is no error */
int setup_mkdir(const char *path, mode_t mode, struct problem *why);

/** setup_chmod() - of a folder that is the caller's */
int setup_chmod(const char *path, mode_t mode, struct problem *why);

/** setup_unlink(), setup_rmdir() - gone already is no error; -ENOTEMPTY */
int setup_unlink(const char *path, struct problem *why);
int setup_rmdir(const char *path, struct problem *why);

#endif
