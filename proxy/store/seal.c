// SPDX-License-Identifier: Apache-2.0
#include "seal.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX     (sizeof(SEAL_PREFIX) - 1)
#define GENERATION 4
#define NONCE      12
#define TAG        16
#define HEAD       (PREFIX + GENERATION + NONCE)

static inline void ctx_freep(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

bool seal_is(const void *bytes, size_t n)
{
	return n >= PREFIX && !memcmp(bytes, SEAL_PREFIX, PREFIX);
}

int64_t seal_generation(const uint8_t *sealed, size_t n)
{
	const uint8_t *g = sealed + PREFIX;

	if (n < SEAL_SPARE || !seal_is(sealed, n))
		return -EBADMSG;
	return (int64_t)g[0] << 24 | g[1] << 16 | g[2] << 8 | g[3];
}

/* A part of what is authenticated: its length before it, so that parts cannot run together. */
static bool add_part(EVP_CIPHER_CTX *ctx, const char *part)
{
	size_t n = part ? strlen(part) : 0;
	uint8_t size[4] = { n >> 24, n >> 16, n >> 8, n };
	int out;

	return EVP_CipherUpdate(ctx, NULL, &out, size, sizeof(size)) == 1 &&
	       (!n || EVP_CipherUpdate(ctx, NULL, &out, (const uint8_t *)part, n) == 1);
}

/* All that is not the bytes themselves: key, nonce, the head and the place. */
static EVP_CIPHER_CTX *begin(const uint8_t key[SEAL_KEY], const struct seal_place *place,
			     const uint8_t head[HEAD], int seal)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int out;

	if (ctx &&
	    EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, head + PREFIX + GENERATION,
			      seal) == 1 &&
	    EVP_CipherUpdate(ctx, NULL, &out, head, PREFIX + GENERATION) == 1 &&
	    add_part(ctx, place->table) && add_part(ctx, place->a) && add_part(ctx, place->b))
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

int seal_bytes(const uint8_t key[SEAL_KEY], uint32_t generation, const struct seal_place *place,
	       const void *bytes, size_t n, uint8_t *ret)
{
	const uint8_t g[GENERATION] = { generation >> 24, generation >> 16, generation >> 8,
					generation };
	_cleanup_(ctx_freep) EVP_CIPHER_CTX *ctx = NULL;
	int out = 0, end = 0;

	memcpy(ret, SEAL_PREFIX, PREFIX);
	memcpy(ret + PREFIX, g, GENERATION);
	if (n > SECRET_MAX || RAND_bytes(ret + PREFIX + GENERATION, NONCE) != 1)
		return -EIO;
	ctx = begin(key, place, ret, 1);
	if (!ctx || EVP_CipherUpdate(ctx, ret + HEAD, &out, bytes, n) != 1 ||
	    EVP_CipherFinal_ex(ctx, ret + HEAD + out, &end) != 1 || (size_t)(out + end) != n ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, ret + HEAD + n) != 1)
		return -EIO;
	return 0;
}

int seal_open(const uint8_t key[SEAL_KEY], const struct seal_place *place, const uint8_t *sealed,
	      size_t n, struct secret **ret)
{
	_cleanup_(ctx_freep) EVP_CIPHER_CTX *ctx = NULL;
	_cleanup_secret_ struct secret *secret = NULL;
	int out = 0, end = 0;

	if (seal_generation(sealed, n) < 0 || n - SEAL_SPARE > SECRET_MAX)
		return -EBADMSG;
	secret = secret_new(n - SEAL_SPARE);
	ctx = begin(key, place, sealed, 0);
	if (!secret || !ctx)
		return -ENOMEM;
	if (EVP_CipherUpdate(ctx, (uint8_t *)secret->bytes, &out, sealed + HEAD, secret->len) !=
		1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, (void *)(sealed + n - TAG)) != 1 ||
	    EVP_CipherFinal_ex(ctx, (uint8_t *)secret->bytes + out, &end) != 1)
		return -EBADMSG; /* and what was made of it is wiped */
	*ret = TAKE_PTR(secret);
	return 0;
}

char *seal_text(const uint8_t *sealed, size_t n)
{
	char *text = malloc(PREFIX + 4 * ((n - PREFIX + 2) / 3) + 1);

	if (text) {
		memcpy(text, SEAL_PREFIX, PREFIX);
		EVP_EncodeBlock((uint8_t *)text + PREFIX, sealed + PREFIX, n - PREFIX);
	}
	return text;
}

int seal_from_text(const char *text, size_t n, uint8_t **ret, size_t *size)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	_cleanup_free_ uint8_t *sealed = NULL;
	unsigned padding = 0;
	int decoded;

	if (!seal_is(text, n) || n == PREFIX || (n - PREFIX) % 4 || n > 2 * SECRET_MAX)
		return -EBADMSG;
	while (padding < 2 && text[n - 1 - padding] == '=')
		padding++;
	/* the decoder would overlook white space */
	for (size_t i = PREFIX; i < n - padding; i++)
		if (!text[i] || !strchr(digits, text[i]))
			return -EBADMSG;
	sealed = malloc(n);
	if (!sealed)
		return -ENOMEM;
	memcpy(sealed, SEAL_PREFIX, PREFIX);
	decoded = EVP_DecodeBlock(sealed + PREFIX, (const uint8_t *)text + PREFIX, n - PREFIX);
	if (decoded < 0 || PREFIX + decoded - padding < SEAL_SPARE)
		return -EBADMSG;
	*size = PREFIX + decoded - padding;
	*ret = TAKE_PTR(sealed);
	return 0;
}

int seal_derive(const uint8_t key[SEAL_KEY], const char *label, uint8_t ret[SEAL_KEY])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, SEAL_KEY),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)label,
						  strlen(label)),
		OSSL_PARAM_construct_end(),
	};
	bool done = ctx && EVP_KDF_derive(ctx, ret, SEAL_KEY, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return done ? 0 : -EIO;
}
