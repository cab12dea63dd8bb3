// SPDX-License-Identifier: Apache-2.0
/* test_registry_assertion.c - user/registry/assertion.c: who is let in by a text that somebody signed */
#include "registry_box.h"

#include <openssl/ecdsa.h>

#include "user/registry/assertion.h"
#include "user/registry/base64url.h"
#include "user/registry/cert.h"

#define NOW 1800000000
#define AUD ASSERTION_AUDIENCE

static EVP_PKEY *key, *other;
static struct assertion_keys keys;
static struct assertion got;
static uint8_t thumbprint[LEAF_THUMBPRINT] = { 1, 2, 3 };

static int setup(void **state)
{
	(void)state;
	keys = (struct assertion_keys){ .n = 1 };
	return cert_new_key(&key, &why) ?: cert_new_key(&other, &why) ?: (keys.key[0] = key, 0);
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return 0;
}

static int read_at(const char *text, int64_t now)
{
	return assertion_read(text, strlen(text), &keys, AUD, now, &got, &why);
}

static char *made(EVP_PKEY *by, const uint8_t *bound)
{
	const struct assertion_wish wish = { "clawker-agent", AUD, bound, NOW, ASSERTION_LIFE_S };
	char *text = NULL;

	assert_int_equal(assertion_make(by, &wish, &text, &why), 0);
	return text;
}

/* Any head and body, signed by @by as ES256 is; NULL: "" is the signature. */
static const char *text_of(const char *head, const char *body, EVP_PKEY *by)
{
	static char text[4 * ASSERTION_MAX];
	uint8_t der[80], raw[64];
	size_t n = sizeof(der);
	const uint8_t *at = der;
	EVP_MD_CTX *signer;
	ECDSA_SIG *signature;

	base64url_write(head, strlen(head), text);
	strcat(text, ".");
	base64url_write(body, strlen(body), text + strlen(text));
	if (!by)
		return strcat(text, ".");
	signer = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(signer, NULL, EVP_sha256(), NULL, by), 1);
	assert_int_equal(EVP_DigestSign(signer, der, &n, (uint8_t *)text, strlen(text)), 1);
	signature = d2i_ECDSA_SIG(NULL, &at, n);
	BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32);
	ECDSA_SIG_free(signature);
	EVP_MD_CTX_free(signer);
	strcat(text, ".");
	base64url_write(raw, sizeof(raw), text + strlen(text));
	return text;
}

#define HEAD "{\"alg\":\"ES256\"}"
#define CLAIMS(more)                                                                               \
	"{\"iss\":\"clawker-agent\",\"sub\":\"clawker-agent\",\"aud\":\"" AUD                      \
	"\",\"jti\":\"j\"" more "}"
#define TIMES ",\"iat\":1800000000,\"exp\":1800003600"

static int read_body(const char *body)
{
	return read_at(text_of(HEAD, body, key), NOW);
}

static void what_we_make_we_read(void **state)
{
	_cleanup_free_ char *text = made(key, thumbprint);

	(void)state;
	assert_int_equal(read_at(text, NOW), 0);
	assert_string_equal(got.client, "clawker-agent");
	assert_int_equal(strlen(got.jti), 32);
	assert_int_equal(got.iat, NOW);
	assert_int_equal(got.exp, NOW + 86400);
	assert_true(got.bound);
	assert_memory_equal(got.thumbprint, thumbprint, sizeof(thumbprint));
}

static void two_of_them_never_have_one_jti(void **state)
{
	_cleanup_free_ char *a = made(key, NULL), *b = made(key, NULL);
	struct assertion first;

	(void)state;
	assert_int_equal(read_at(a, NOW), 0);
	first = got;
	assert_int_equal(read_at(b, NOW), 0);
	assert_string_not_equal(first.jti, got.jti);
	assert_false(got.bound);
}

static void the_signature_of_nobody_we_know_is_none(void **state)
{
	_cleanup_free_ char *text = made(other, NULL), *mine = made(key, NULL);
	const struct assertion_keys nobody = {};

	(void)state;
	assert_int_equal(read_at(text, NOW), -EKEYREJECTED);
	/* without a kid all keys are tried, and none of them is it */
	assert_int_equal(read_at(text_of(HEAD, CLAIMS(TIMES), other), NOW), -EKEYREJECTED);
	assert_int_equal(read_at(text_of(HEAD, CLAIMS(TIMES), key), NOW), 0);
	assert_int_equal(assertion_read(mine, strlen(mine), &nobody, AUD, NOW, &got, &why),
			 -EKEYREJECTED);
	assert_string_equal(got.client, "");
	keys.key[keys.n++] = other;
	assert_int_equal(read_at(text, NOW), 0);
}

static void a_key_that_has_an_end_is_believed_until_then(void **state)
{
	_cleanup_free_ char *text = made(other, NULL), *mine = made(key, NULL);
	int64_t end = NOW + ASSERTION_LIFE_S / 2;

	(void)state;
	keys.until[keys.n] = end;
	keys.key[keys.n++] = other;
	assert_int_equal(read_at(text, end - 1), 0);
	assert_int_equal(got.exp, end); /* whoever keeps what was read does not keep it longer */
	assert_int_equal(assertion_times(&got, end, &why), -EKEYEXPIRED);
	assert_int_equal(read_at(text, end), -EKEYREJECTED);
	assert_int_equal(read_at(text_of(HEAD, CLAIMS(TIMES), other), end), -EKEYREJECTED);
	assert_int_equal(read_at(mine, end), 0);
	assert_int_equal(got.exp, NOW + ASSERTION_LIFE_S);
}

static void every_bit_of_it_is_signed(void **state)
{
	_cleanup_free_ char *text = made(key, NULL);

	(void)state;
	for (size_t i = 0; text[i]; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		assert_true(read_at(text, NOW) < 0);
		text[i] = was;
	}
	assert_int_equal(read_at(text, NOW), 0);
}

static void no_other_algorithm_is_one(void **state)
{
	static const char *const heads[] = {
		"{\"alg\":\"none\"}",
		"{\"alg\":\"HS256\"}",
		"{\"alg\":\"es256\"}",
		"{\"alg\":\"ES384\"}",
		"{}",
		"[]",
		"{\"alg\":null}",
		"{\"alg\":[\"ES256\"]}",
		"{\"alg\":\"ES256\",\"crit\":[\"x\"]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		assert_int_equal(read_at(text_of(heads[i], CLAIMS(TIMES), key), NOW), -EBADMSG);
		assert_int_equal(read_at(text_of(heads[i], CLAIMS(TIMES), NULL), NOW), -EBADMSG);
	}
	assert_int_equal(read_at(text_of(HEAD, CLAIMS(TIMES), NULL), NOW), -EBADMSG);
}

static void a_key_that_it_brings_is_not_looked_at(void **state)
{
	(void)state;
	assert_int_equal(
	    read_at(text_of("{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"},\"jku\":\"https://x\"}",
			    CLAIMS(TIMES), other),
		    NOW),
	    -EKEYREJECTED);
	assert_int_equal(
	    read_at(text_of("{\"alg\":\"ES256\",\"kid\":\"../../key\"}", CLAIMS(TIMES), key), NOW),
	    -EKEYREJECTED);
}

static void it_is_of_now_give_or_take_a_minute(void **state)
{
	_cleanup_free_ char *text = made(key, NULL);

	(void)state;
	assert_int_equal(read_at(text, NOW - 60), 0);
	assert_int_equal(read_at(text, NOW - 61), -EKEYEXPIRED);
	assert_int_equal(read_at(text, NOW + 86399), 0);
	assert_int_equal(read_at(text, NOW + 86400), -EKEYEXPIRED);
	assert_int_equal(read_body(CLAIMS(TIMES ",\"nbf\":1800000060")), 0);
	assert_int_equal(read_body(CLAIMS(TIMES ",\"nbf\":1800000061")), -EKEYEXPIRED);
}

static void nothing_lives_longer_than_a_day(void **state)
{
	(void)state;
	assert_int_equal(read_body(CLAIMS(",\"iat\":1800000000,\"exp\":1800086400")), 0);
	assert_int_equal(read_body(CLAIMS(",\"iat\":1800000000,\"exp\":1800086401")), -EKEYEXPIRED);
	/* nor by having begun long ago */
	assert_int_equal(read_body(CLAIMS(",\"iat\":1,\"exp\":1800086401")), -EKEYEXPIRED);
}

static void times_are_numbers_and_all_there(void **state)
{
	static const char *const bad[] = {
		CLAIMS(""),
		CLAIMS(",\"iat\":1800000000"),
		CLAIMS(",\"exp\":1800003600"),
		CLAIMS(",\"iat\":\"1800000000\",\"exp\":1800003600"),
		CLAIMS(",\"iat\":-1,\"exp\":1800003600"),
		CLAIMS(",\"iat\":1800000000,\"exp\":1e30"),
		CLAIMS(",\"iat\":1800000000,\"exp\":9223372036854775807"),
		CLAIMS(",\"iat\":1800000000,\"exp\":99999999999999999999999"),
		CLAIMS(TIMES ",\"nbf\":null"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(read_body(bad[i]), -EBADMSG);
}

#define WITH(iss, sub, aud, jti)                                                                   \
	"{\"iss\":" iss ",\"sub\":" sub ",\"aud\":" aud ",\"jti\":" jti TIMES "}"

static void it_is_of_one_client_for_us(void **state)
{
	(void)state;
	assert_int_equal(read_body(WITH("\"a\"", "\"a\"", "[\"x\",\"" AUD "\"]", "\"j\"")), 0);
	assert_int_equal(read_body(WITH("\"a\"", "\"b\"", "\"" AUD "\"", "\"j\"")), -EBADMSG);
	assert_int_equal(read_body(WITH("\"\"", "\"\"", "\"" AUD "\"", "\"j\"")), -EBADMSG);
	assert_int_equal(read_body(WITH("7", "7", "\"" AUD "\"", "\"j\"")), -EBADMSG);
	assert_int_equal(read_body(WITH("\"a\\u0000b\"", "\"a\"", "\"" AUD "\"", "\"j\"")),
			 -EBADMSG);
	assert_int_equal(read_body(WITH("\"a\"", "\"a\"", "\"" AUD "/\"", "\"j\"")), -EACCES);
	assert_int_equal(read_body(WITH("\"a\"", "\"a\"", "[\"x\",7]", "\"j\"")), -EACCES);
	assert_int_equal(read_body(WITH("\"a\"", "\"a\"", "[]", "\"j\"")), -EACCES);
	assert_int_equal(read_body(WITH("\"a\"", "\"a\"", "\"" AUD "\"", "\"\"")), -EBADMSG);
	assert_int_equal(read_body(WITH("\"a\"", "\"a\"", "\"" AUD "\"", "\"j k\"")), -EBADMSG);
	assert_int_equal(read_body("[]"), -EBADMSG);
	assert_int_equal(read_body(CLAIMS(TIMES) "{}"), -EBADMSG);
}

static void a_jti_is_of_so_many_characters(void **state)
{
	char body[512], jti[ASSERTION_JTI_MAX + 2];

	(void)state;
	memset(jti, 'j', sizeof(jti));
	for (int more = 0; more < 2; more++) {
		jti[ASSERTION_JTI_MAX + more] = '\0';
		snprintf(body, sizeof(body),
			 "{\"iss\":\"a\",\"sub\":\"a\",\"aud\":\"%s\",\"jti\":\"%s\"" TIMES "}",
			 AUD, jti);
		assert_int_equal(read_body(body), more ? -EBADMSG : 0);
		jti[ASSERTION_JTI_MAX] = 'j';
	}
}

static void what_binds_it_is_a_thumbprint_or_it_is_refused(void **state)
{
	(void)state;
	assert_int_equal(read_body(CLAIMS(TIMES ",\"cnf\":{}")), -EBADMSG);
	assert_int_equal(read_body(CLAIMS(TIMES ",\"cnf\":{\"jkt\":\"x\"}")), -EBADMSG);
	assert_int_equal(read_body(CLAIMS(TIMES ",\"cnf\":{\"x5t#S256\":\"AAAA\"}")), -EBADMSG);
	assert_int_equal(read_body(CLAIMS(TIMES ",\"cnf\":\"x\"")), -EBADMSG);
}

static void what_is_too_long_or_has_not_three_parts_is_no_jwt(void **state)
{
	static char text[ASSERTION_MAX + 2];
	static const char *const bad[] = { "", ".", "..", "...", "a.b", "a.b.c.d", "=.=.=" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(read_at(bad[i], NOW), -EBADMSG);
	memset(text, 'A', ASSERTION_MAX + 1);
	assert_int_equal(read_at(text, NOW), -EBADMSG);
}

static void bytes_have_one_text(void **state)
{
	uint8_t bytes[8];
	char text[16];

	(void)state;
	base64url_write("\xfb\xff", 2, text);
	assert_string_equal(text, "-_8");
	assert_int_equal(base64url_read("-_8", 3, bytes, sizeof(bytes)), 2);
	assert_int_equal(base64url_read("-_9", 3, bytes, sizeof(bytes)), -EBADMSG);
	assert_int_equal(base64url_read("-_8=", 4, bytes, sizeof(bytes)), -EBADMSG);
	assert_int_equal(base64url_read("+/8", 3, bytes, sizeof(bytes)), -EBADMSG);
	assert_int_equal(base64url_read("A", 1, bytes, sizeof(bytes)), -EBADMSG);
	assert_int_equal(base64url_read("", 0, bytes, sizeof(bytes)), 0);
	assert_int_equal(base64url_read("AAAA", 4, bytes, 2), -EBADMSG);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_we_make_we_read),
		CASE(two_of_them_never_have_one_jti),
		CASE(the_signature_of_nobody_we_know_is_none),
		CASE(a_key_that_has_an_end_is_believed_until_then),
		CASE(every_bit_of_it_is_signed),
		CASE(no_other_algorithm_is_one),
		CASE(a_key_that_it_brings_is_not_looked_at),
		CASE(it_is_of_now_give_or_take_a_minute),
		CASE(nothing_lives_longer_than_a_day),
		CASE(times_are_numbers_and_all_there),
		CASE(it_is_of_one_client_for_us),
		CASE(a_jti_is_of_so_many_characters),
		CASE(what_binds_it_is_a_thumbprint_or_it_is_refused),
		CASE(what_is_too_long_or_has_not_three_parts_is_no_jwt),
		CASE(bytes_have_one_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
