/* SPDX-License-Identifier: Apache-2.0 */
/*
 * given.h - secrets that people give: in a file, on standard input, at a terminal that shows nothing
 *
 * Never on a command line, which everybody can read. Called by: verbs. Threads: none.
 */
#ifndef PROXY_GIVEN_H
#define PROXY_GIVEN_H

#include "store/secret.h"

/**
 * given_secret() - a secret, less a newline at its end
 * @file:   where it is; NULL or "-": standard input, where a person is asked if that is a terminal
 * @prompt: what a person is asked for
 *
 * Return: 0 with @ret the caller's to secret_free(); -EFBIG: more than @max bytes; -EINVAL: none at
 * all; -ECANCELED: the person would not; or what the kernel says; with @why.
 */
int given_secret(const char *file, const char *prompt, size_t max, struct secret **ret,
		 struct problem *why);

/** given_at_terminal() - the same from the terminal alone; -ENOTTY: there is none */
int given_at_terminal(const char *prompt, size_t max, struct secret **ret, struct problem *why);

#endif
