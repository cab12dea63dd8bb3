// SPDX-License-Identifier: Apache-2.0
#include "assertion.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base64url.h"

#define HALF       32 /* bytes of r, and of s */
#define SIGNATURE  (2 * HALF)
#define DER_MAX    (SIGNATURE + 16)
#define TIME_MAX   (INT64_C(1) << 40) /* seconds since 1970: sums of them stay numbers */
#define BASE64(n)  (4 * ((n) / 3 + 1) + 1)
#define BOUND_NAME "x5t#S256"

DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)
DEFINE_CLEANUP(ECDSA_SIG, ECDSA_SIG_free)

/* --- keys ------------------------------------------------------------------------------ */

/* What a key is called: the digest of its public half. */
static bool key_id(const EVP_PKEY *key, char ret[static BASE64(32)])
{
	_cleanup_free_ uint8_t *der = NULL;
	uint8_t digest[32];
	int n = i2d_PUBKEY(key, &der);

	if (n <= 0 || EVP_Digest(der, n, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	base64url_write(digest, sizeof(digest), ret);
	return true;
}

static int sign(EVP_PKEY *key, const char *text, size_t size, uint8_t ret[static SIGNATURE])
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *signer = EVP_MD_CTX_new();
	_cleanup_(ECDSA_SIG_freep) ECDSA_SIG *signature = NULL;
	uint8_t der[DER_MAX];
	const uint8_t *at = der;
	size_t n = sizeof(der);

	if (!signer || EVP_DigestSignInit(signer, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(signer, der, &n, (const uint8_t *)text, size) != 1)
		return -EIO;
	signature = d2i_ECDSA_SIG(NULL, &at, n);
	if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret, HALF) != HALF ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret + HALF, HALF) != HALF)
		return -EIO;
	return 0;
}

/* The two halves as OpenSSL wants them. */
static int der_of(const uint8_t raw[static SIGNATURE], uint8_t ret[static DER_MAX])
{
	_cleanup_(ECDSA_SIG_freep) ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, HALF, NULL), *s = BN_bin2bn(raw + HALF, HALF, NULL);

	if (!signature || !r || !s || ECDSA_SIG_set0(signature, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return -ENOMEM;
	}
	return i2d_ECDSA_SIG(signature, &ret);
}

static bool signed_by(EVP_PKEY *key, const char *text, size_t size, const uint8_t *der, int n)
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *verifier = EVP_MD_CTX_new();
	bool is;

	is = verifier && EVP_PKEY_is_a(key, "EC") &&
	     EVP_DigestVerifyInit(verifier, NULL, EVP_sha256(), NULL, key) == 1 &&
	     EVP_DigestVerify(verifier, der, n, (const uint8_t *)text, size) == 1;
	ERR_clear_error();
	return is;
}

/* --- making one ------------------------------------------------------------------------ */

static int make_jti(char ret[static 33])
{
	uint8_t bytes[16];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static const char *claims(struct json *json, const struct assertion_wish *wish, const char *jti)
{
	char bound[BASE64(LEAF_THUMBPRINT)];

	json_open_object(json, NULL);
	json_add_string(json, "iss", wish->client);
	json_add_string(json, "sub", wish->client);
	json_add_string(json, "aud", wish->audience);
	json_add_string(json, "jti", jti);
	json_add_int(json, "iat", wish->now);
	json_add_int(json, "exp", wish->now + wish->life_s);
	if (wish->thumbprint) {
		base64url_write(wish->thumbprint, LEAF_THUMBPRINT, bound);
		json_open_object(json, "cnf");
		json_add_string(json, BOUND_NAME, bound);
		json_close_object(json);
	}
	json_close_object(json);
	return json_done(json);
}

int assertion_make(EVP_PKEY *key, const struct assertion_wish *wish, char **ret,
		   struct problem *why)
{
	char text[ASSERTION_MAX], head[160], kid[BASE64(32)], jti[33];
	_cleanup_json_ struct json json = {};
	uint8_t signature[SIGNATURE];
	const char *body;
	size_t n;

	if (!key_id(key, kid) || make_jti(jti))
		return problem(why, -EIO, "no assertion could be made");
	snprintf(head, sizeof(head), "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
	body = claims(&json, wish, jti);
	if (!body)
		return problem(why, -ENOMEM, "no memory for an assertion");
	if (strlen(body) > ASSERTION_MAX / 2)
		return problem(why, -EINVAL, "an audience of %zu bytes is too long",
			       strlen(wish->audience));
	base64url_write(head, strlen(head), text);
	strcat(text, ".");
	base64url_write(body, strlen(body), text + strlen(text));
	if (sign(key, text, strlen(text), signature))
		return problem(why, -EIO, "an assertion could not be signed");
	strcat(text, ".");
	n = strlen(text);
	base64url_write(signature, sizeof(signature), text + n);
	*ret = strdup(text);
	return *ret ? 0 : problem(why, -ENOMEM, "no memory for an assertion");
}

/* --- reading one ----------------------------------------------------------------------- */

struct part {
	const char *at;
	size_t n;
};

static int parts_of(const char *text, size_t size, struct part ret[static 3])
{
	const char *end = text + size;

	for (int i = 0; i < 3; i++) {
		const char *dot = memchr(text, '.', end - text);

		if ((i < 2) != (dot != NULL))
			return -EBADMSG;
		ret[i] = (struct part){ text, (dot ?: end) - text };
		text = dot ? dot + 1 : end;
	}
	return 0;
}

static int object_of(const struct part *part, struct json_object **ret)
{
	char text[ASSERTION_MAX];
	ssize_t n = base64url_read(part->at, part->n, text, sizeof(text));
	int r = n < 0 ? (int)n : json_parse(text, n, ret);

	return r ?: json_object_is_type(*ret, json_type_object) ? 0 : -EBADMSG;
}

static bool is(struct json_object *from, const char *key, const char *text)
{
	struct json_object *have = json_member(from, key, json_type_string);

	return have && (size_t)json_object_get_string_len(have) == strlen(text) &&
	       !strcmp(json_object_get_string(have), text);
}

/* A key that the head brings with it, or names somewhere else, is never looked at. */
static int head_check(struct json_object *head, const struct assertion_keys *keys,
		      struct assertion_keys *ret, struct problem *why)
{
	struct json_object *kid;

	if (!is(head, "alg", "ES256"))
		return problem(why, -EBADMSG, "its algorithm is not ES256");
	if (json_object_object_get_ex(head, "crit", NULL))
		return problem(why, -EBADMSG, "it wants something understood that is not");
	*ret = *keys;
	if (!json_object_object_get_ex(head, "kid", &kid))
		return 0;
	ret->n = 0;
	for (unsigned i = 0; i < keys->n; i++) {
		char id[BASE64(32)];

		if (!key_id(keys->key[i], id) || !is(head, "kid", id))
			continue;
		ret->key[ret->n] = keys->key[i];
		ret->until[ret->n++] = keys->until[i];
	}
	return ret->n ? 0 : problem(why, -EKEYREJECTED, "no key of ours is called as it says");
}

/* @until: the end of the key that did it */
static int signature_check(const char *text, const struct part part[static 3],
			   const struct assertion_keys *keys, int64_t now, int64_t *until,
			   struct problem *why)
{
	uint8_t raw[SIGNATURE], der[DER_MAX];
	ssize_t n = base64url_read(part[2].at, part[2].n, raw, sizeof(raw));
	int size = n == SIGNATURE ? der_of(raw, der) : -EBADMSG;

	if (size < 0)
		return problem(why, size, "its signature is no text of %d bytes", SIGNATURE);
	for (unsigned i = 0; i < keys->n; i++) {
		*until = keys->until[i] ?: TIME_MAX;
		if (now < *until && signed_by(keys->key[i], text, part[2].at - 1 - text, der, size))
			return 0;
	}
	return problem(why, -EKEYREJECTED, "nobody that we know signed it");
}

static int time_of(struct json_object *from, const char *key, int64_t *ret)
{
	struct json_object *value = json_member(from, key, json_type_int);

	if (!value)
		return -EBADMSG;
	*ret = json_object_get_int64(value);
	return *ret > 0 && *ret < TIME_MAX ? 0 : -EBADMSG;
}

int assertion_times(const struct assertion *assertion, int64_t now, struct problem *why)
{
	int64_t iat = assertion->iat, nbf = assertion->nbf, exp = assertion->exp;

	if (iat > now + ASSERTION_SKEW_S || nbf > now + ASSERTION_SKEW_S)
		return problem(why, -EKEYEXPIRED, "it is of %lld s from now",
			       (long long)((nbf > iat ? nbf : iat) - now));
	if (exp <= now)
		return problem(why, -EKEYEXPIRED, "its time was over %lld s ago",
			       (long long)(now - exp));
	if (exp - iat > ASSERTION_LIFE_S)
		return problem(why, -EKEYEXPIRED, "it would live for %lld s",
			       (long long)(exp - iat));
	return 0;
}

static int take_times(struct json_object *body, struct assertion *ret, struct problem *why)
{
	if (time_of(body, "iat", &ret->iat) || time_of(body, "exp", &ret->exp) ||
	    (json_object_object_get_ex(body, "nbf", NULL) && time_of(body, "nbf", &ret->nbf)))
		return problem(why, -EBADMSG, "its times are no numbers");
	return 0;
}

static bool is_for(struct json_object *body, const char *audience)
{
	struct json_object *all = json_member(body, "aud", json_type_array);

	if (!all)
		return is(body, "aud", audience);
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *one = json_object_array_get_idx(all, i);

		if (json_object_is_type(one, json_type_string) &&
		    !strcmp(json_object_get_string(one), audience))
			return true;
	}
	return false;
}

static int take_text(struct json_object *body, const char *key, char *ret, size_t room)
{
	struct json_object *value = json_member(body, key, json_type_string);
	size_t n = value ? (size_t)json_object_get_string_len(value) : 0;

	if (!n || n >= room)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		if (json_object_get_string(value)[i] < '!' ||
		    json_object_get_string(value)[i] > '~')
			return -EBADMSG;
	memcpy(ret, json_object_get_string(value), n + 1);
	return 0;
}

static int take_bound(struct json_object *body, struct assertion *ret, struct problem *why)
{
	struct json_object *cnf;
	const char *text;

	if (!json_object_object_get_ex(body, "cnf", &cnf))
		return 0;
	text = json_text(cnf, BOUND_NAME);
	if (!text ||
	    base64url_read(text, strlen(text), ret->thumbprint, LEAF_THUMBPRINT) != LEAF_THUMBPRINT)
		return problem(why, -EBADMSG, "it is bound to what we do not know");
	ret->bound = true;
	return 0;
}

static int body_check(const struct part *part, const char *audience, int64_t now,
		      struct assertion *ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *body = NULL;

	if (object_of(part, &body))
		return problem(why, -EBADMSG, "its claims are no object");
	if (take_text(body, "iss", ret->client, sizeof(ret->client)) ||
	    !is(body, "sub", ret->client))
		return problem(why, -EBADMSG, "iss and sub are not one client");
	if (take_text(body, "jti", ret->jti, sizeof(ret->jti)))
		return problem(why, -EBADMSG, "it has no jti of 1 to %d printable characters",
			       ASSERTION_JTI_MAX);
	if (!is_for(body, audience))
		return problem(why, -EACCES, "it is for somebody else");
	return take_times(body, ret, why)
		   ?: assertion_times(ret, now, why)
			  ?: take_bound(body, ret, why);
}

int assertion_read(const char *text, size_t size, const struct assertion_keys *keys,
		   const char *audience, int64_t now, struct assertion *ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *head = NULL;
	struct assertion_keys chosen;
	struct part part[3];
	int64_t until = TIME_MAX;
	int r;

	*ret = (struct assertion){};
	if (size > ASSERTION_MAX || parts_of(text, size, part) || object_of(&part[0], &head))
		return problem(why, -EBADMSG, "it is no JWT");
	r = head_check(head, keys, &chosen, why)
		?: signature_check(text, part, &chosen, now, &until, why)
			?: body_check(&part[1], audience, now, ret, why);
	if (r)
		*ret = (struct assertion){};
	else if (ret->exp > until) /* also for whoever keeps it */
		ret->exp = until;
	return r;
}
