/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paths.h - where the files of sandboxes are, and of what serves them: an environment variable
 * of its own, else root's place, else XDG's, else below the home
 *
 * Threads: none (it reads the environment).
 */
#ifndef BASE_PATHS_H
#define BASE_PATHS_H

enum path_root {
	ROOT_CONFIG,      /* TEROK_SANDBOX_CONFIG_DIR */
	ROOT_STATE,       /* TEROK_SANDBOX_STATE_DIR */
	ROOT_RUNTIME,     /* TEROK_SANDBOX_RUNTIME_DIR */
	ROOT_CREDENTIALS, /* TEROK_CREDENTIALS_DIR */
	ROOT_UMBRELLA,    /* TEROK_CONFIG_DIR: what all programs of the family read */
	ROOT_MAX_
};

/**
 * path_below() - one of the roots, with @below (may be NULL) behind it
 *
 * "~" and "~USER" at the beginning of a variable's value are that home. Return: a path that
 * the caller frees; NULL without memory or without a home.
 */
char *path_below(enum path_root root, const char *below);

/** path_absolute() - a path that was said, from the current folder on; the caller's, NULL: no memory */
char *path_absolute(const char *path);

#endif
