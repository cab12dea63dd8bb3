/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir.h - folders that only their owner writes to, and files in them that are whole or not there
 *
 * Threads: none shared.
 */
#ifndef BASE_DIR_H
#define BASE_DIR_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/problem.h"

/** state_dir() - where what outlives the machine's uptime is kept: TEROK_STATE, /var/lib/terok */
const char *state_dir(void);

/** dir_make() - a folder and those above it, 0700 each that is new; dir_open() says what failed */
void dir_make(const char *path);

/** dir_make_for() - the folder of @file, safe as dir_open() has it; its error with @why */
int dir_make_for(const char *file, struct problem *why);

/**
 * dir_open() - open a folder below @at (AT_FDCWD: anywhere), making it, 0700, if it is missing
 *
 * Return: a descriptor, the caller's; -EPERM it is another user's or others may write to it
 * (a link is refused as well), or what the kernel says, with @why.
 */
int dir_open(int at, const char *path, struct problem *why);

/** dir_write() - all of these bytes into an open file; 0 or negative errno */
int dir_write(int fd, const char *text, size_t size);

/**
 * dir_replace() - give a file of an open folder these bytes, 0600: it has the old or the new ones
 *
 * Nothing is written if it has them already. Return: 0 or negative errno, with @why.
 */
int dir_replace(int dir, const char *name, const char *text, size_t size, struct problem *why);

#endif
