// SPDX-License-Identifier: Apache-2.0
#include "openssh_key.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "key.h"
#include "wire.h"

#define BEGIN  "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END    "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC  "openssh-key-v1" /* and its NUL */
#define PADDED 256 /* bytes, at most, of what is written to fill a block: 1, 2, 3 ... */

bool openssh_key_is(const struct secret *text)
{
	return strstr(text->bytes, BEGIN);
}

/* --- the text --------------------------------------------------------------------------- */

static int unarmour(const struct secret *text, struct secret **ret)
{
	const char *at = strstr(text->bytes, BEGIN), *end = at ? strstr(at, END) : NULL;
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	struct secret *bytes = NULL;
	int n = 0, last = 0, r = -EBADMSG;

	if (!ctx || !end)
		goto out;
	at += sizeof(BEGIN) - 1;
	bytes = secret_new((size_t)(end - at) + 64);
	r = -ENOMEM;
	if (!bytes)
		goto out;
	EVP_DecodeInit(ctx);
	r = -EBADMSG;
	if (EVP_DecodeUpdate(ctx, (unsigned char *)bytes->bytes, &n, (const unsigned char *)at,
			     (int)(end - at)) < 0 ||
	    EVP_DecodeFinal(ctx, (unsigned char *)bytes->bytes + n, &last) < 0)
		goto out;
	bytes->len = (size_t)(n + last);
	*ret = TAKE_PTR(bytes);
	r = 0;
out:
	EVP_ENCODE_CTX_free(ctx);
	secret_free(bytes);
	return r;
}

/* --- kinds ------------------------------------------------------------------------------ */

/* Numbers of a key, wiped when they go. */
struct numbers {
	OSSL_PARAM_BLD *bld;
	BIGNUM *bn[8];
	unsigned n;
	bool failed;
};

static BIGNUM *push(struct numbers *numbers, const char *name, BIGNUM *bn)
{
	if (!bn || !OSSL_PARAM_BLD_push_BN(numbers->bld, name, bn))
		numbers->failed = true;
	if (bn)
		numbers->bn[numbers->n++] = bn;
	return bn;
}

/* In memory that is locked, as long as there is some. */
static BIGNUM *number(struct span bytes)
{
	BIGNUM *bn = BN_secure_new();

	return bn && BN_bin2bn(bytes.at, (int)bytes.n, bn) ? bn : NULL;
}

static EVP_PKEY *numbers_end(struct numbers *numbers, const char *type)
{
	EVP_PKEY *pkey = numbers->failed ? NULL : key_build(type, EVP_PKEY_KEYPAIR, numbers->bld);

	OSSL_PARAM_BLD_free(numbers->bld);
	while (numbers->n)
		BN_clear_free(numbers->bn[--numbers->n]);
	return pkey;
}

/* d modulo one less than a factor. */
static BIGNUM *exponent(const BIGNUM *d, const BIGNUM *factor, BN_CTX *ctx)
{
	BIGNUM *less = BN_secure_new(), *ret = BN_secure_new();

	if (!d || !factor || !ctx || !less || !ret || !BN_copy(less, factor) ||
	    !BN_sub_word(less, 1) || BN_is_zero(less) || !BN_mod(ret, d, less, ctx)) {
		BN_clear_free(ret);
		ret = NULL;
	}
	BN_clear_free(less);
	return ret;
}

static EVP_PKEY *rsa_read(struct wire *wire)
{
	struct span n = wire_string(wire), e = wire_string(wire), d = wire_string(wire);
	struct span iqmp = wire_string(wire), p = wire_string(wire), q = wire_string(wire);
	struct numbers numbers = {};
	BIGNUM *bd, *bp, *bq;
	BN_CTX *ctx;

	if (wire->bad || n.n > KEY_RSA_BITS_MAX / 8 + 1)
		return NULL;
	numbers.bld = OSSL_PARAM_BLD_new();
	ctx = BN_CTX_secure_new();
	if (!numbers.bld || !ctx)
		numbers.failed = true;
	if (numbers.bld && ctx) {
		push(&numbers, OSSL_PKEY_PARAM_RSA_N, number(n));
		push(&numbers, OSSL_PKEY_PARAM_RSA_E, number(e));
		bd = push(&numbers, OSSL_PKEY_PARAM_RSA_D, number(d));
		bp = push(&numbers, OSSL_PKEY_PARAM_RSA_FACTOR1, number(p));
		bq = push(&numbers, OSSL_PKEY_PARAM_RSA_FACTOR2, number(q));
		push(&numbers, OSSL_PKEY_PARAM_RSA_EXPONENT1, exponent(bd, bp, ctx));
		push(&numbers, OSSL_PKEY_PARAM_RSA_EXPONENT2, exponent(bd, bq, ctx));
		push(&numbers, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, number(iqmp));
	}
	BN_CTX_free(ctx);
	return numbers_end(&numbers, "RSA");
}

static EVP_PKEY *ecdsa_read(struct wire *wire, const char *type)
{
	static const char *const groups[][2] = { { "nistp256", "prime256v1" },
						 { "nistp384", "secp384r1" },
						 { "nistp521", "secp521r1" } };
	struct span curve = wire_string(wire), point = wire_string(wire), d = wire_string(wire);
	const char *group = NULL, *suffix = strrchr(type, '-') + 1;
	struct numbers numbers = {};

	for (size_t i = 0; i < 3; i++)
		if (span_is(curve, groups[i][0]) && !strcmp(suffix, groups[i][0]))
			group = groups[i][1];
	if (wire->bad || !group || d.n > 67)
		return NULL;
	numbers.bld = OSSL_PARAM_BLD_new();
	if (!numbers.bld ||
	    !OSSL_PARAM_BLD_push_utf8_string(numbers.bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) ||
	    !OSSL_PARAM_BLD_push_octet_string(numbers.bld, OSSL_PKEY_PARAM_PUB_KEY, point.at,
					      point.n))
		numbers.failed = true;
	else
		push(&numbers, OSSL_PKEY_PARAM_PRIV_KEY, number(d));
	return numbers_end(&numbers, "EC");
}

static EVP_PKEY *ed25519_read(struct wire *wire)
{
	struct span public = wire_string(wire), both = wire_string(wire);

	/* the seed, and the public key again */
	if (wire->bad || public.n != 32 || both.n != 64)
		return NULL;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, both.at, 32);
}

/* --- the whole -------------------------------------------------------------------------- */

static bool is_padding(const struct wire *wire)
{
	for (size_t i = 0; i < wire->left; i++)
		if (wire->at[i] != i + 1)
			return false;
	return !wire->bad && wire->left < PADDED;
}

/* What is private, as it is when nothing is encrypted. */
static int private_read(struct span bytes, EVP_PKEY **ret)
{
	struct wire wire = wire_begin(bytes);
	uint32_t check = wire_u32(&wire), again = wire_u32(&wire);
	struct span type = wire_string(&wire);
	EVP_PKEY *pkey = NULL;
	char name[32] = "";

	if (wire.bad || check != again || type.n >= sizeof(name))
		return -EBADMSG;
	memcpy(name, type.at, type.n);
	if (!strcmp(name, "ssh-ed25519"))
		pkey = ed25519_read(&wire);
	else if (!strcmp(name, "ssh-rsa"))
		pkey = rsa_read(&wire);
	else if (!strncmp(name, "ecdsa-sha2-nistp", 16))
		pkey = ecdsa_read(&wire, name);
	else
		return -EOPNOTSUPP;
	wire_string(&wire); /* a comment */
	if (pkey && is_padding(&wire)) {
		*ret = pkey;
		return 0;
	}
	EVP_PKEY_free(pkey);
	return -EBADMSG;
}

int openssh_key_read(const struct secret *text, EVP_PKEY **ret)
{
	_cleanup_secret_ struct secret *bytes = NULL;
	struct span cipher, kdf, private;
	struct wire wire;
	uint32_t n;
	int r = unarmour(text, &bytes);

	if (r)
		return r;
	wire = wire_of(bytes->bytes, bytes->len);
	if (!span_same(wire_bytes(&wire, sizeof(MAGIC)), span_of(MAGIC, sizeof(MAGIC))))
		return -EBADMSG;
	cipher = wire_string(&wire);
	kdf = wire_string(&wire);
	wire_string(&wire); /* how that works */
	n = wire_u32(&wire);
	wire_string(&wire); /* the public half, which the private one has as well */
	private = wire_string(&wire);
	if (!wire_ended(&wire) || n != 1)
		return -EBADMSG;
	if (!span_is(cipher, "none") || !span_is(kdf, "none"))
		return -ENOKEY;
	return private_read(private, ret);
}
