/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h - bytes that nobody else is to see: in pages of their own, which are not swapped, not
 * in a core dump and not in a child, and are wiped when they go
 *
 * Owns: the pages, and a few spare ones, wiped, for the next. Called by: all that has a key, a
 * credential or a passphrase in its hands. Threads: one for all secrets.
 */
#ifndef STORE_SECRET_H
#define STORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/problem.h"

#define SECRET_MAX (1 << 20) /* bytes of any one: the largest credential and key are far below */

struct secret {
	char *bytes; /* @len of them are used; a NUL is always behind @size */
	size_t len;
	size_t size;   /* there is room for; do not write */
	size_t mapped; /* secret.c's */
};

/**
 * secret_new() - room for @size bytes, which are NUL; len is @size, and may be made smaller
 *
 * Pages that cannot be locked are had unlocked, which the log says once, and secret_is_locked().
 * Return: the caller's to secret_free(); NULL: no memory, or larger than SECRET_MAX.
 */
struct secret *secret_new(size_t size);

/** secret_from() - a copy of @n bytes; the caller wipes those */
struct secret *secret_from(const void *bytes, size_t n);

/** secret_read() - to the end of @fd, less a newline there; more than @max bytes are -EFBIG */
int secret_read(int fd, size_t max, struct secret **ret, struct problem *why);

/** secret_free() - wipe it and give its pages back. NULL: nothing */
void secret_free(struct secret *secret);
DEFINE_CLEANUP(struct secret, secret_free)
#define _cleanup_secret_ _cleanup_(secret_freep)

/** secret_is_locked() - could every secret of this process be kept from swap so far? */
bool secret_is_locked(void);

#endif
