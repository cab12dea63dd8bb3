// SPDX-License-Identifier: Apache-2.0
#include "leaf.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(X509, X509_free)
DEFINE_CLEANUP(GENERAL_NAMES, GENERAL_NAMES_free)

static enum san take(const char *uri, size_t size, const char *prefix, char *ret, size_t room)
{
	size_t n = strlen(prefix);

	if (size < n || memcmp(uri, prefix, n))
		return SAN_MISSING;
	uri += n;
	size -= n;
	if (!size || size >= room || memchr(uri, '\0', size))
		return SAN_MALFORMED;
	memcpy(ret, uri, size);
	ret[size] = '\0';
	return SAN_FOUND;
}

void leaf_take_uri(struct leaf *leaf, const char *uri, size_t size)
{
	if (leaf->agent_san == SAN_MISSING)
		leaf->agent_san = take(uri, size, LEAF_AGENT, leaf->agent, sizeof(leaf->agent));
	if (leaf->container_san == SAN_MISSING)
		leaf->container_san =
		    take(uri, size, LEAF_CONTAINER, leaf->container, sizeof(leaf->container));
}

/* One CN, of text without a NUL, or none: who has two is called by neither. */
static void take_cn(const X509 *cert, char ret[static LEAF_CN_LEN])
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const ASN1_STRING *value;
	int n;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return;
	value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	n = ASN1_STRING_length(value);
	if (n <= 0 || n >= LEAF_CN_LEN || memchr(ASN1_STRING_get0_data(value), '\0', n))
		return;
	memcpy(ret, ASN1_STRING_get0_data(value), n);
	ret[n] = '\0';
}

int leaf_read(const void *der, size_t size, struct leaf *ret)
{
	_cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = NULL;
	_cleanup_(X509_freep) X509 *cert = NULL;
	const uint8_t *at = der;

	*ret = (struct leaf){};
	if (size && size <= LONG_MAX)
		cert = d2i_X509(NULL, &at, (long)size);
	if (!cert || at != (const uint8_t *)der + size)
		return -EBADMSG;
	if (EVP_Digest(der, size, ret->thumbprint, NULL, EVP_sha256(), NULL) != 1)
		return -EBADMSG;
	ret->present = true;
	take_cn(cert, ret->cn);
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_URI)
			leaf_take_uri(ret, (const char *)ASN1_STRING_get0_data(name->d.ia5),
				      ASN1_STRING_length(name->d.ia5));
	}
	return 0;
}

static const char digits[] = "0123456789abcdef";

void leaf_hex(const uint8_t thumbprint[static LEAF_THUMBPRINT], char ret[static LEAF_HEX_LEN])
{
	for (int i = 0; i < LEAF_THUMBPRINT; i++) {
		ret[2 * i] = digits[thumbprint[i] >> 4];
		ret[2 * i + 1] = digits[thumbprint[i] & 15];
	}
	ret[LEAF_HEX_LEN - 1] = '\0';
}

static uint8_t value_of(char digit)
{
	return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

bool leaf_unhex(const char *text, uint8_t ret[static LEAF_THUMBPRINT])
{
	if (strlen(text) != LEAF_HEX_LEN - 1 || strspn(text, digits) != LEAF_HEX_LEN - 1)
		return false;
	for (int i = 0; i < LEAF_THUMBPRINT; i++)
		ret[i] = (uint8_t)(value_of(text[2 * i]) << 4 | value_of(text[2 * i + 1]));
	return true;
}

bool leaf_same(const char *a, const char *b)
{
	size_t n = strlen(a);

	return n == strlen(b) && !CRYPTO_memcmp(a, b, n);
}
