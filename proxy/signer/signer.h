/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h - the process that has the keys: sessions of the front, and what a person is asked for them
 *
 * It talks to its front (words.h) and to nobody else; it ends when the front does. Sessions take
 * turns, and one that waits for a person keeps no other waiting. Owns: the sessions, the keys, the
 * store. Called by: main.c. Threads: none.
 */
#ifndef SIGNER_SIGNER_H
#define SIGNER_SIGNER_H

#include <stdbool.h>

#include "base/problem.h"

#define SIGNER_SESSIONS 4096 /* more than a front has */

struct signer_options {
	const char *store, *keys_file, *audit; /* paths; keys_file and audit may be NULL */
	const char *key_file;                  /* where the store's key is; NULL: keys_file() */
	const char *passphrase_file;           /* what it is made of; NULL: nobody said */
	bool local;                            /* without a token, by sockets of the host */
};

/** signer_run() - confine this process, serve the front at descriptor @fd until it goes; negative errno */
int signer_run(const struct signer_options *options, int fd, struct problem *why);

#endif
