/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h - one private key: its public blob and its signatures; and other people's, verified
 *
 * Ed25519, RSA and ECDSA on the three NIST curves; RSA signs with SHA-2 and with nothing else,
 * whatever is asked for. A key is made once and shared by reference. The only file that a
 * private key is used in. Threads: none shared.
 */
#ifndef SIGNER_KEY_H
#define SIGNER_KEY_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "wire.h"

#define KEY_FINGERPRINT  64   /* bytes of "SHA256:..." and a NUL */
#define KEY_RSA_BITS     1024 /* at least, as OpenSSH has it */
#define KEY_RSA_BITS_MAX 16384

/* Flags of a request to sign. */
#define KEY_RSA_SHA2_256 0x02
#define KEY_RSA_SHA2_512 0x04

enum key_kind { KEY_NONE, KEY_ED25519, KEY_RSA, KEY_P256, KEY_P384, KEY_P521 };

struct key {
	unsigned refs;
	enum key_kind kind;
	EVP_PKEY *pkey;
	struct wire_out blob; /* its public half, as SSH has it */
	char fingerprint[KEY_FINGERPRINT];
};

/**
 * key_new() - take a private key
 * @pkey: the key's on success only
 *
 * Return: 0; -EOPNOTSUPP: of a kind or size that we do not sign with; -ENOMEM; with @why.
 */
int key_new(EVP_PKEY *pkey, struct key **ret, struct problem *why);

/** key_from_der() - the same of PKCS#8 bytes; -EBADMSG: they are none */
int key_from_der(const uint8_t *der, size_t n, struct key **ret, struct problem *why);

struct key *key_ref(struct key *key);
void key_unref(struct key *key);

/** key_type() - "ssh-ed25519" and the like */
const char *key_type(const struct key *key);

/** key_sign() - append the signature of @data, algorithm and bytes, to @out. 0; -EIO; -ENOMEM */
int key_sign(const struct key *key, struct span data, uint32_t flags, struct wire_out *out);

/**
 * key_verify() - did the owner of the public key @blob sign @data?
 *
 * Return: 0; -EKEYREJECTED: no; -EBADMSG: no key, no signature; -EOPNOTSUPP: of a kind that we do not
 * know (certificates and SHA-1 among them).
 */
int key_verify(struct span blob, struct span signature, struct span data);

/** key_blob_check() - is @blob the public key of a kind that we verify? 0, -EBADMSG, -EOPNOTSUPP */
int key_blob_check(struct span blob);

/** key_build() - a key of OpenSSL's from its numbers; @selection: EVP_PKEY_KEYPAIR or ..._PUBLIC_KEY */
EVP_PKEY *key_build(const char *type, int selection, OSSL_PARAM_BLD *bld);

/** key_fingerprint() - "SHA256:" and the digest of a blob, as ssh-keygen(1) shows it */
void key_fingerprint(struct span blob, char ret[static KEY_FINGERPRINT]);

static inline void key_unrefp(struct key **key)
{
	key_unref(*key);
	*key = NULL;
}
#define _cleanup_key_ _cleanup_(key_unrefp)

#endif
