/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_text.h - the files that setup installs: their text, their version, whose a file is
 *
 * The texts are the files that `make install` puts into share/terok/hooks and the folders of
 * units; the Makefile puts them into this program as well. Where programs are is filled in.
 *
 * A version is a number that the text has: a unit in its first line, "# terok-NAME-version: N",
 * a hook in what its program gets, "env": ["TEROK_HOOK_VERSION=N"].
 *
 * Called by: setup*.c. Threads: none.
 */
#ifndef TEROK_SETUP_TEXT_H
#define TEROK_SETUP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"

#define SETUP_DIR_LEN 1024

enum setup_kind { SETUP_HOOK = 1, SETUP_UNIT, SETUP_USER_UNIT };

struct setup_file {
	const char *name; /* NULL ends the table */
	enum setup_kind kind;
	const char *text; /* with @SBINDIR@, @BINDIR@, @LIBEXECDIR@ */
};

extern const struct setup_file setup_files[];

/* Where programs are: folders. */
struct setup_programs {
	char sbin[SETUP_DIR_LEN], bin[SETUP_DIR_LEN], libexec[SETUP_DIR_LEN];
};

/**
 * setup_programs_find() - where they are, from where this program is
 *
 * Installed: where `make install` puts the others. Else, as in a build folder, beside it.
 * Return: 0; -ENOENT the hook program is not there; -EINVAL a folder that no unit could name.
 */
int setup_programs_find(struct setup_programs *ret, struct problem *why);

/** setup_fill() - the text of @file with these folders: malloc'd */
int setup_fill(const struct setup_file *file, const struct setup_programs *programs, char **ret);

/** setup_version() - the number that @text has; -ENOENT: none that can be read */
int setup_version(enum setup_kind kind, const char *text, size_t size);

/**
 * setup_hook_program() - the program that a hook's text has run: an absolute path
 *
 * podman passes over a hook whose path is not there, and starts the container: so that of
 * createRuntime, without which nothing starts unguarded, is env(1), which then fails.
 * Return: 0; -ENOENT: none is named.
 */
int setup_hook_program(const char *text, size_t size, char ret[static SETUP_DIR_LEN]);

/** setup_sum() - to know a text again: of all of it, or of all but where programs are */
uint64_t setup_sum(const char *text, size_t size);
uint64_t setup_sum_anywhere(const char *text, size_t size);

/** setup_known() - is it a text that this project installed before texts had versions? */
bool setup_known(const char *name, const char *text, size_t size);

/** setup_outdated_names - hook files of before, which call what is no more; NULL ends them */
extern const char *const setup_outdated_names[];

#endif
