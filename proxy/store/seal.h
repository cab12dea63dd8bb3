/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - bytes that only who has a key can read, and only as what they were sealed as
 *
 * AES-256-GCM with a nonce by chance. What is authenticated beside the bytes is where they
 * belong: a table, and the row's names; sealed bytes that are moved to another row open nowhere.
 *   "terok-sealed:1:" then the generation of the key (4 bytes, the highest first), the nonce (12),
 *   the bytes, the tag (16); as text, all behind the prefix is base64
 *
 * Called by: the store. Owns nothing. Threads: any.
 */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secret.h"

#define SEAL_PREFIX "terok-sealed:1:"
#define SEAL_KEY    32
#define SEAL_SPARE  (sizeof(SEAL_PREFIX) - 1 + 4 + 12 + 16) /* bytes more than what is sealed */

/* Where sealed bytes belong; @b may be NULL. */
struct seal_place {
	const char *table, *a, *b;
};

/** seal_is() - does it begin as something sealed does? */
bool seal_is(const void *bytes, size_t n);

/** seal_generation() - of the key that sealed these; -EBADMSG: not sealed, or cut off */
int64_t seal_generation(const uint8_t *sealed, size_t n);

/** seal_bytes() - seal @n bytes into @ret, which has room for n + SEAL_SPARE; 0 or -EIO */
int seal_bytes(const uint8_t key[SEAL_KEY], uint32_t generation, const struct seal_place *place,
	       const void *bytes, size_t n, uint8_t *ret);

/**
 * seal_open() - the bytes again
 *
 * Return: 0, with @ret the caller's to secret_free(); -EBADMSG: another key, another place, or
 * not what was sealed; -ENOMEM.
 */
int seal_open(const uint8_t key[SEAL_KEY], const struct seal_place *place, const uint8_t *sealed,
	      size_t n, struct secret **ret);

/** seal_text() - sealed bytes as text, the caller's to free; NULL without memory */
char *seal_text(const uint8_t *sealed, size_t n);

/** seal_from_text() - and back, the caller's to free; 0, -EBADMSG, -ENOMEM */
int seal_from_text(const char *text, size_t n, uint8_t **ret, size_t *size);

/** seal_derive() - a key of @key for the purpose that @label names; 0 or -EIO */
int seal_derive(const uint8_t key[SEAL_KEY], const char *label, uint8_t ret[SEAL_KEY]);

#endif
