// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_registry_jwt.c - what a client shows in place of a token: any text, and any claims that we signed
 *
 * The first byte says which. No text is believed that our key has not signed; claims that are
 * believed are of one client, of now, and of a day at most, whatever else stands beside them.
 */
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/registry/assertion.h"
#include "user/registry/base64url.h"

#define NOW 1800000000
#define AUD "https://cp"

static EVP_PKEY *key;
static struct assertion_keys keys;

static void sign(const char *body, size_t n, char *text)
{
	static const char head[] = "{\"alg\":\"ES256\"}";
	EVP_MD_CTX *signer = EVP_MD_CTX_new();
	uint8_t der[80], raw[64];
	const uint8_t *at = der;
	size_t size = sizeof(der);
	ECDSA_SIG *signature;

	base64url_write(head, strlen(head), text);
	strcat(text, ".");
	base64url_write(body, n, text + strlen(text));
	if (EVP_DigestSignInit(signer, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(signer, der, &size, (const uint8_t *)text, strlen(text)) != 1)
		abort();
	signature = d2i_ECDSA_SIG(NULL, &at, (long)size);
	BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32);
	ECDSA_SIG_free(signature);
	EVP_MD_CTX_free(signer);
	strcat(text, ".");
	base64url_write(raw, sizeof(raw), text + strlen(text));
}

static void believed(const struct assertion *is)
{
	if (!*is->client || !*is->jti || strlen(is->jti) > ASSERTION_JTI_MAX ||
	    is->iat > NOW + ASSERTION_SKEW_S || is->exp <= NOW ||
	    is->exp - is->iat > ASSERTION_LIFE_S)
		abort();
	for (const char *c = is->jti; *c; c++)
		if (*c < '!' || *c > '~')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[3 * ASSERTION_MAX];
	struct assertion is;
	struct problem why;

	if (!key) {
		key = EVP_EC_gen("P-256");
		keys = (struct assertion_keys){ .key = { key }, .n = 1 };
	}
	if (!size || size > ASSERTION_MAX)
		return 0;
	if (*data == 's') {
		sign((const char *)data + 1, size - 1, text);
		if (!assertion_read(text, strlen(text), &keys, AUD, NOW, &is, &why))
			believed(&is);
	} else if (!assertion_read((const char *)data + 1, size - 1, &keys, AUD, NOW, &is, &why)) {
		abort(); /* a key of this process alone: nobody has signed that */
	}
	return 0;
}
