/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_source.h - a key's text, and files that nobody else may read
 *
 * Threads: none shared.
 */
#ifndef STORE_KEYS_SOURCE_H
#define STORE_KEYS_SOURCE_H

#include "secret.h"

/** keys_text_read() - STORE_KEY_SIZE bytes, or twice as many digits; -EINVAL: neither; -ENOMEM */
int keys_text_read(const struct secret *text, struct secret **ret);

/* Bits of a mode that a file may not have. */
#define KEYS_FORBIDDEN 077
#define KEYS_FORBIDDEN_CREDENTIAL                                                                  \
	027 /* whom systemd lets read by an access list shows as the group */

/**
 * keys_private_read() - what is in a file that only we (and root) can read, less a newline
 *
 * Return: 0; -ENOENT; -EPERM: others may read it; -EINVAL: no regular file; -EFBIG.
 */
int keys_private_read(const char *path, unsigned forbidden, size_t max, struct secret **ret,
		      struct problem *why);

#endif
