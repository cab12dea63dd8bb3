// SPDX-License-Identifier: Apache-2.0
#include "key.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ED25519_SIGNATURE 64
#define RSA_EXPONENT_MAX  8 /* bytes */

static const struct kind {
	const char *type, *curve, *group; /* SSH's name, its curve, OpenSSL's name of that */
	const EVP_MD *(*digest)(void);
} kinds[] = {
	[KEY_ED25519] = { "ssh-ed25519", NULL, NULL, NULL },
	[KEY_RSA] = { "ssh-rsa", NULL, NULL, NULL },
	[KEY_P256] = { "ecdsa-sha2-nistp256", "nistp256", "prime256v1", EVP_sha256 },
	[KEY_P384] = { "ecdsa-sha2-nistp384", "nistp384", "secp384r1", EVP_sha384 },
	[KEY_P521] = { "ecdsa-sha2-nistp521", "nistp521", "secp521r1", EVP_sha512 },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static void pkey_freep(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}
static void bn_freep(BIGNUM **bn)
{
	BN_free(*bn);
}
static void digest_freep(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}
static void bld_freep(OSSL_PARAM_BLD **bld)
{
	OSSL_PARAM_BLD_free(*bld);
}
static void ecdsa_freep(ECDSA_SIG **signature)
{
	ECDSA_SIG_free(*signature);
}
#define _cleanup_pkey_   _cleanup_(pkey_freep)
#define _cleanup_bn_     _cleanup_(bn_freep)
#define _cleanup_digest_ _cleanup_(digest_freep)
#define _cleanup_bld_    _cleanup_(bld_freep)
#define _cleanup_ecdsa_  _cleanup_(ecdsa_freep)

/* --- the public half ------------------------------------------------------------------ */

static void put_bn(struct wire_out *out, const BIGNUM *bn)
{
	uint8_t bytes[KEY_RSA_BITS_MAX / 8 + 1];
	int n = BN_num_bytes(bn);

	if (n > (int)sizeof(bytes)) {
		out->failed = true;
		return;
	}
	BN_bn2bin(bn, bytes);
	wire_put_mpint(out, span_of(bytes, (size_t)n));
}

static int put_rsa(struct wire_out *out, const EVP_PKEY *pkey)
{
	_cleanup_bn_ BIGNUM *e = NULL, *n = NULL;

	if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) ||
	    !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n))
		return -EOPNOTSUPP;
	put_bn(out, e);
	put_bn(out, n);
	return 0;
}

static int put_point(struct wire_out *out, EVP_PKEY *pkey, const char *curve)
{
	unsigned char *point = NULL;
	size_t n = EVP_PKEY_get1_encoded_public_key(pkey, &point);

	if (!n || *point != POINT_CONVERSION_UNCOMPRESSED) {
		OPENSSL_free(point);
		return -EOPNOTSUPP;
	}
	wire_put_text(out, curve);
	wire_put_string(out, span_of(point, n));
	OPENSSL_free(point);
	return 0;
}

static int put_ed25519(struct wire_out *out, const EVP_PKEY *pkey)
{
	uint8_t raw[32];
	size_t n = sizeof(raw);

	if (!EVP_PKEY_get_raw_public_key(pkey, raw, &n) || n != sizeof(raw))
		return -EOPNOTSUPP;
	wire_put_string(out, span_of(raw, n));
	return 0;
}

static enum key_kind kind_of(const EVP_PKEY *pkey)
{
	char group[32] = "";
	int bits = EVP_PKEY_get_bits(pkey);

	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_ED25519: return KEY_ED25519;
	case EVP_PKEY_RSA:
		return bits >= KEY_RSA_BITS && bits <= KEY_RSA_BITS_MAX ? KEY_RSA : KEY_NONE;
	case EVP_PKEY_EC: break;
	default: return KEY_NONE;
	}
	if (!EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL))
		return KEY_NONE;
	for (enum key_kind kind = KEY_P256; kind < KINDS; kind++)
		if (!strcmp(kinds[kind].group, group))
			return kind;
	return KEY_NONE;
}

static int blob_make(struct key *key)
{
	int r;

	wire_put_text(&key->blob, kinds[key->kind].type);
	if (key->kind == KEY_ED25519)
		r = put_ed25519(&key->blob, key->pkey);
	else if (key->kind == KEY_RSA)
		r = put_rsa(&key->blob, key->pkey);
	else
		r = put_point(&key->blob, key->pkey, kinds[key->kind].curve);
	return r ?: key->blob.failed ? -ENOMEM : 0;
}

void key_fingerprint(struct span blob, char ret[static KEY_FINGERPRINT])
{
	unsigned char digest[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!EVP_Digest(blob.at, blob.n, digest, &n, EVP_sha256(), NULL))
		n = 0;
	EVP_EncodeBlock(text, digest, (int)n);
	snprintf(ret, KEY_FINGERPRINT, "SHA256:%.*s", (int)strcspn((char *)text, "="), text);
}

/* --- a key ---------------------------------------------------------------------------- */

int key_new(EVP_PKEY *pkey, struct key **ret, struct problem *why)
{
	struct key *key = calloc(1, sizeof(*key));
	int r;

	if (!key)
		return problem(why, -ENOMEM, "no memory for a key");
	key->refs = 1;
	key->kind = kind_of(pkey);
	if (key->kind == KEY_NONE) {
		free(key);
		return problem(why, -EOPNOTSUPP,
			       "it is none of Ed25519, RSA (%d bits or more) and ECDSA (nistp256, "
			       "384, 521)",
			       KEY_RSA_BITS);
	}
	key->pkey = pkey;
	r = blob_make(key);
	if (r) {
		key->pkey = NULL; /* the caller's still */
		key_unref(key);
		return problem(why, r, "its public half cannot be had");
	}
	key_fingerprint(wire_out_span(&key->blob), key->fingerprint);
	*ret = key;
	return 0;
}

int key_from_der(const uint8_t *der, size_t n, struct key **ret, struct problem *why)
{
	const unsigned char *at = der;
	EVP_PKEY *pkey = n < WIRE_MAX ? d2i_AutoPrivateKey(NULL, &at, (long)n) : NULL;
	int r;

	if (!pkey || at != der + n) {
		EVP_PKEY_free(pkey);
		return problem(why, -EBADMSG, "it is no PKCS#8 key");
	}
	r = key_new(pkey, ret, why);
	if (r)
		EVP_PKEY_free(pkey);
	return r;
}

struct key *key_ref(struct key *key)
{
	key->refs++;
	return key;
}

void key_unref(struct key *key)
{
	if (!key || --key->refs)
		return;
	EVP_PKEY_free(key->pkey); /* which wipes what is private */
	wire_out_done(&key->blob);
	free(key);
}

const char *key_type(const struct key *key)
{
	return kinds[key->kind].type;
}

/* --- signing -------------------------------------------------------------------------- */

/* What asked for nothing, or for SHA-1, gets SHA-256. */
static const EVP_MD *digest_for(enum key_kind kind, uint32_t flags, const char **algorithm)
{
	*algorithm = kinds[kind].type;
	if (kind != KEY_RSA)
		return kinds[kind].digest ? kinds[kind].digest() : NULL;
	*algorithm = flags & KEY_RSA_SHA2_512 ? "rsa-sha2-512" : "rsa-sha2-256";
	return flags & KEY_RSA_SHA2_512 ? EVP_sha512() : EVP_sha256();
}

static int put_ecdsa(struct wire_out *out, const uint8_t *der, size_t n)
{
	_cleanup_ecdsa_ ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)n);
	_cleanup_wire_ struct wire_out pair = {};

	if (!signature)
		return -EIO;
	put_bn(&pair, ECDSA_SIG_get0_r(signature));
	put_bn(&pair, ECDSA_SIG_get0_s(signature));
	if (pair.failed)
		return -ENOMEM;
	wire_put_string(out, wire_out_span(&pair));
	return 0;
}

int key_sign(const struct key *key, struct span data, uint32_t flags, struct wire_out *out)
{
	_cleanup_digest_ EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t bytes[KEY_RSA_BITS_MAX / 8];
	size_t n = sizeof(bytes);
	const char *algorithm;
	const EVP_MD *digest = digest_for(key->kind, flags, &algorithm);
	int r = 0;

	if (!ctx || EVP_DigestSignInit(ctx, NULL, digest, NULL, key->pkey) != 1 ||
	    EVP_DigestSign(ctx, bytes, &n, data.at, data.n) != 1)
		return -EIO;
	wire_put_text(out, algorithm);
	if (key->kind >= KEY_P256)
		r = put_ecdsa(out, bytes, n);
	else
		wire_put_string(out, span_of(bytes, n));
	return r ?: out->failed ? -ENOMEM : 0;
}

/* --- other people's ------------------------------------------------------------------- */

EVP_PKEY *key_build(const char *type, int selection, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = bld ? OSSL_PARAM_BLD_to_param(bld) : NULL;
	EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
	EVP_PKEY *pkey = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		EVP_PKEY_fromdata(ctx, &pkey, selection, params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

static EVP_PKEY *rsa_of(struct wire *wire)
{
	struct span e = wire_string(wire), n = wire_string(wire);
	_cleanup_bn_ BIGNUM *be = NULL, *bn = NULL;
	_cleanup_bld_ OSSL_PARAM_BLD *bld = NULL;

	if (!wire_ended(wire) || !e.n || e.n > RSA_EXPONENT_MAX || n.n > KEY_RSA_BITS_MAX / 8 + 1)
		return NULL;
	be = BN_bin2bn(e.at, (int)e.n, NULL);
	bn = BN_bin2bn(n.at, (int)n.n, NULL);
	if (!be || !bn || !BN_is_odd(be) || BN_num_bits(bn) < KEY_RSA_BITS)
		return NULL;
	bld = OSSL_PARAM_BLD_new();
	if (!bld || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) ||
	    !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn))
		return NULL;
	return key_build("RSA", EVP_PKEY_PUBLIC_KEY, bld);
}

static EVP_PKEY *ec_of(struct wire *wire, const struct kind *kind)
{
	struct span curve = wire_string(wire), point = wire_string(wire);
	_cleanup_bld_ OSSL_PARAM_BLD *bld = NULL;

	if (!wire_ended(wire) || !span_is(curve, kind->curve) || !point.n ||
	    *point.at != POINT_CONVERSION_UNCOMPRESSED)
		return NULL;
	bld = OSSL_PARAM_BLD_new();
	if (!bld ||
	    (!OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, kind->group, 0) ||
	     !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.at, point.n)))
		return NULL;
	return key_build("EC", EVP_PKEY_PUBLIC_KEY, bld);
}

/* A public key from its blob. 0 with @kind; -EBADMSG; -EOPNOTSUPP. */
static int pkey_of(struct span blob, EVP_PKEY **ret, enum key_kind *kind)
{
	struct wire wire = wire_begin(blob);
	struct span type = wire_string(&wire), raw;

	for (*kind = KEY_ED25519; *kind < KINDS && !span_is(type, kinds[*kind].type);)
		++*kind;
	if (wire.bad)
		return -EBADMSG;
	if (*kind == KINDS)
		return -EOPNOTSUPP;
	if (*kind == KEY_ED25519) {
		raw = wire_string(&wire);
		*ret = wire_ended(&wire)
			   ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw.at, raw.n)
			   : NULL;
	} else if (*kind == KEY_RSA) {
		*ret = rsa_of(&wire);
	} else {
		*ret = ec_of(&wire, &kinds[*kind]);
	}
	return *ret ? 0 : -EBADMSG;
}

int key_blob_check(struct span blob)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	enum key_kind kind;

	return pkey_of(blob, &pkey, &kind);
}

/* Two numbers as DER, the caller's to free; 0: they are none. */
static int ecdsa_der(struct span raw, unsigned char **ret)
{
	_cleanup_ecdsa_ ECDSA_SIG *signature = ECDSA_SIG_new();
	struct wire wire = wire_begin(raw);
	struct span r = wire_string(&wire), s = wire_string(&wire);
	BIGNUM *br, *bs;
	int n;

	if (!signature || !wire_ended(&wire) || r.n > 67 || s.n > 67)
		return 0;
	br = BN_bin2bn(r.at, (int)r.n, NULL);
	bs = BN_bin2bn(s.at, (int)s.n, NULL);
	if (!br || !bs || !ECDSA_SIG_set0(signature, br, bs)) {
		BN_free(br);
		BN_free(bs);
		return 0;
	}
	n = i2d_ECDSA_SIG(signature, ret);
	return n > 0 ? n : 0;
}

static int verify_with(EVP_PKEY *pkey, const EVP_MD *digest, struct span raw, struct span data)
{
	_cleanup_digest_ EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx || EVP_DigestVerifyInit(ctx, NULL, digest, NULL, pkey) != 1)
		return -EIO;
	return EVP_DigestVerify(ctx, raw.at, raw.n, data.at, data.n) == 1 ? 0 : -EKEYREJECTED;
}

int key_verify(struct span blob, struct span signature, struct span data)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	struct wire wire = wire_begin(signature);
	struct span algorithm = wire_string(&wire), raw = wire_string(&wire);
	unsigned char *der = NULL;
	const EVP_MD *digest;
	const char *expected;
	enum key_kind kind;
	int r = pkey_of(blob, &pkey, &kind), n;

	if (r)
		return r;
	if (!wire_ended(&wire))
		return -EBADMSG;
	digest =
	    digest_for(kind, span_is(algorithm, "rsa-sha2-512") ? KEY_RSA_SHA2_512 : 0, &expected);
	if (!span_is(algorithm, expected))
		return -EOPNOTSUPP;
	if (kind == KEY_ED25519 && raw.n != ED25519_SIGNATURE)
		return -EBADMSG;
	if (kind < KEY_P256)
		return verify_with(pkey, digest, raw, data);
	n = ecdsa_der(raw, &der);
	r = n ? verify_with(pkey, digest, span_of(der, (size_t)n), data) : -EBADMSG;
	OPENSSL_free(der);
	return r;
}
