/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folders.h - what the signer gives up: files but those of keys, calls but those it makes
 *
 * It may read the folders in which keys lie that ssh-keys.json names when it begins, and work in those
 * of the store, of that file and of the audit file. A key that is named later and lies elsewhere takes
 * another signer: folders_lack() finds that. Threads: none.
 */
#ifndef SIGNER_FOLDERS_H
#define SIGNER_FOLDERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/problem.h"

#define FOLDERS_MAX 128 /* with keys in them */

struct folders {
	char *path[FOLDERS_MAX];
	struct {
		dev_t dev;
		ino_t ino; /* 0: it was not there */
	} was[FOLDERS_MAX];
	unsigned n;
};

/** folders_find() - those of all keys in the file at @json; what cannot be read has none */
void folders_find(struct folders *folders, const char *json);

/** folders_lack() - is @file in none of them, or in a folder that has taken the place of one? */
bool folders_lack(const struct folders *folders, const char *file);

void folders_done(struct folders *folders);

/**
 * folders_confine() - Landlock, then seccomp, for ever
 * @files: @n paths (NULL: none), in whose folders files are made, read and written
 *
 * Return: 0; negative errno with @why, and the caller does not go on.
 */
int folders_confine(const struct folders *folders, const char *const *files, unsigned n,
		    struct problem *why);

#endif
