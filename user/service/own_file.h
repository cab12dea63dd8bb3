/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_file.h - files that decide what others may do: ours alone, read whole, one writer at a time
 *
 * Threads: none shared.
 */
#ifndef SERVICE_OWN_FILE_H
#define SERVICE_OWN_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/problem.h"

/**
 * own_file_read() - what a file holds, if nobody but us (or root) can have written it
 * @max: more bytes are an error
 * @st:  what it was when it was read, st_nlink 0 if there is none; may be NULL
 *
 * Return: 0 with bytes and a NUL behind them, the caller's to free, NULL if there is no file;
 * -EPERM: others may write to it; -EFBIG; -EINVAL: no regular file; or what the kernel says; with @why.
 */
int own_file_read(const char *path, size_t max, char **ret, size_t *size, struct stat *st,
		  struct problem *why);

#define OWN_FILE_WAIT_S 5 /* for another writer: what it does takes milliseconds */

/* A file's folder and the lock of its writers; -1 is none. */
struct own_file {
	int dir, lock;
	char *name; /* below dir */
};

#define OWN_FILE_NONE ((struct own_file){ .dir = -1, .lock = -1 })

/**
 * own_file_begin() - wait until nobody else writes @path, and be the one who does
 *
 * Its folder is made if it is not there, and is 0700 from now. The lock, FILE.lock, is that of
 * older programs too, and is waited for OWN_FILE_WAIT_S. Return: 0 with @ret the caller's to
 * own_file_done(); -EBUSY: who has it is in @why, if that is known; or another negative errno with @why.
 */
int own_file_begin(const char *path, struct own_file *ret, struct problem *why);

void own_file_done(struct own_file *file);

#endif
