// SPDX-License-Identifier: Apache-2.0
/* test_proxy_seal.c - proxy/store/: seal.c, secret.c and credential_json.c, without a store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/confine.h"
#include "proxy/store/credential.h"
#include "proxy/store/keys_source.h"
#include "proxy/store/seal.h"

static const uint8_t key[SEAL_KEY] = "0123456789abcdef0123456789abcde";
static const struct seal_place place = { "credentials", "default", "claude" };
static const char text[] = "{\"type\":\"api_key\",\"key\":\"k\"}";
static struct problem why;

static void sealed_of(uint8_t ret[sizeof(text) + SEAL_SPARE])
{
	assert_int_equal(seal_bytes(key, 7, &place, text, sizeof(text), ret), 0);
}

static void what_is_sealed_opens_as_it_was(void **state)
{
	uint8_t sealed[sizeof(text) + SEAL_SPARE], again[sizeof(sealed)];
	struct secret *opened = NULL;

	(void)state;
	sealed_of(sealed);
	sealed_of(again);
	assert_true(seal_is(sealed, sizeof(sealed)));
	assert_int_equal(seal_generation(sealed, sizeof(sealed)), 7);
	assert_memory_not_equal(sealed, again, sizeof(sealed)); /* a nonce is never used twice */
	assert_null(memmem(sealed, sizeof(sealed), "api_key", 7));
	assert_int_equal(seal_open(key, &place, sealed, sizeof(sealed), &opened), 0);
	assert_int_equal(opened->len, sizeof(text));
	assert_memory_equal(opened->bytes, text, sizeof(text));
	secret_free(opened);
	assert_int_equal(seal_bytes(key, 0xffffffff, &place, "", 0, sealed), 0);
	assert_int_equal(seal_generation(sealed, SEAL_SPARE), 0xffffffff);
	assert_int_equal(seal_open(key, &place, sealed, SEAL_SPARE, &opened), 0);
	assert_int_equal(opened->len, 0);
	secret_free(opened);
}

static void it_opens_nowhere_else_and_with_no_other_key(void **state)
{
	const struct seal_place others[] = {
		{ "credentials", "default", "claud" },  { "credentials", "default", NULL },
		{ "credentials", "defaul", "tclaude" }, { "ssh_keys", "default", "claude" },
		{ "credentials", "claude", "default" },
	};
	uint8_t sealed[sizeof(text) + SEAL_SPARE], other[SEAL_KEY];
	struct secret *opened = NULL;

	(void)state;
	sealed_of(sealed);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(seal_open(key, &others[i], sealed, sizeof(sealed), &opened),
				 -EBADMSG);
	memcpy(other, key, sizeof(key));
	other[31] ^= 1;
	assert_int_equal(seal_open(other, &place, sealed, sizeof(sealed), &opened), -EBADMSG);
	assert_null(opened);
}

static void no_bit_of_it_can_be_changed(void **state)
{
	uint8_t sealed[sizeof(text) + SEAL_SPARE];
	struct secret *opened = NULL;

	(void)state;
	sealed_of(sealed);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 0x10;
		assert_int_equal(seal_open(key, &place, sealed, sizeof(sealed), &opened), -EBADMSG);
		sealed[i] ^= 0x10;
		assert_int_equal(seal_open(key, &place, sealed, i, &opened), -EBADMSG);
	}
	assert_int_equal(seal_open(key, &place, sealed, sizeof(sealed), &opened), 0);
	secret_free(opened);
}

static void as_text_it_is_only_what_we_write(void **state)
{
	uint8_t sealed[sizeof(text) + SEAL_SPARE], *back = NULL;
	char *line, bad[256];
	size_t n = 0;

	(void)state;
	sealed_of(sealed);
	line = seal_text(sealed, sizeof(sealed));
	assert_non_null(line);
	assert_int_equal(strncmp(line, "terok-sealed:1:", 15), 0);
	assert_int_equal(seal_from_text(line, strlen(line), &back, &n), 0);
	assert_int_equal(n, sizeof(sealed));
	assert_memory_equal(back, sealed, n);
	free(back);
	for (size_t i = 0; i < strlen(line); i++) {
		snprintf(bad, sizeof(bad), "%s", line);
		bad[i] = i < 15 ? 'x' : '\n';
		assert_int_equal(seal_from_text(bad, strlen(bad), &back, &n), -EBADMSG);
		if (i < 15 + (SEAL_SPARE - 15) / 3 * 4 || (i - 15) % 4)
			assert_int_equal(seal_from_text(line, i, &back, &n), -EBADMSG);
	}
	assert_int_equal(seal_from_text("terok-sealed:1:====", 19, &back, &n), -EBADMSG);
	free(line);
}

static void each_class_has_a_key_of_its_own(void **state)
{
	uint8_t a[SEAL_KEY], b[SEAL_KEY], again[SEAL_KEY];

	(void)state;
	assert_int_equal(seal_derive(key, "a", a), 0);
	assert_int_equal(seal_derive(key, "b", b), 0);
	assert_int_equal(seal_derive(key, "a", again), 0);
	assert_memory_equal(a, again, SEAL_KEY);
	assert_memory_not_equal(a, b, SEAL_KEY);
	assert_memory_not_equal(a, key, SEAL_KEY);
}

/* What the kernel says of the pages at @at. */
static void flags_of(const void *at, char *ret, size_t size)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool here = false;

	*ret = '\0';
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (unsigned long)at >= from && (unsigned long)at < to;
		if (here && !strncmp(line, "VmFlags:", 8))
			snprintf(ret, size, "%s", line);
	}
	fclose(maps);
}

#ifndef CONFINE_SANITIZED
/* A user, whom the limit is for, with two secrets that cannot be. */
static int without_locks(int told)
{
	const struct rlimit none = { 0, 0 };
	struct secret *one, *two;

	if (dup2(told, 2) < 0 || setrlimit(RLIMIT_MEMLOCK, &none) ||
	    (!geteuid() && setresuid(65534, 65534, 65534)))
		return 2;
	one = secret_new(SECRET_MAX); /* no spare page, which is locked already */
	two = secret_new(SECRET_MAX);
	return !one || !two || secret_is_locked();
}

static void who_cannot_lock_its_secrets_says_so_once(void **state)
{
	char said[512] = "";
	int ends[2], status = -1;
	const char *line;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if (!fork())
		_exit(without_locks(ends[1]));
	close(ends[1]);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
	close(ends[0]);
	line = strstr(said, "not kept from swap");
	assert_non_null(line);
	assert_null(strstr(line + 1, "not kept from swap"));
}
#endif

static void a_secret_is_locked_not_dumped_and_not_in_a_child(void **state)
{
	struct secret *secret = secret_from("swordfish", 9);
	const char *at = secret ? secret->bytes : NULL;
	char flags[512];
	int status = -1;

	(void)state;
	assert_non_null(secret);
	flags_of(secret->bytes, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd")); /* not in a core dump */
	assert_non_null(strstr(flags, " wf")); /* wiped on fork */
#ifndef CONFINE_SANITIZED
	/* that of a sanitizer locks nothing */
	assert_true(!secret_is_locked() || strstr(flags, " lo"));
#endif
	if (!fork())
		_exit(memmem(at, 10, "sword", 5) || secret->len ? 1 : 0);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_memory_equal(secret->bytes, "swordfish", 10); /* and a NUL */
	secret_free(secret);
	assert_null(secret_new(SECRET_MAX + 1));
	secret = secret_new(SECRET_MAX);
	assert_non_null(secret);
	secret_free(secret);
}

static void a_secret_is_read_to_its_end_less_a_newline(void **state)
{
	static const struct {
		const char *given;
		int result;
		size_t len;
	} cases[] = { { "abcd\n", 0, 4 }, { "abcd", 0, 4 },       { "abc\n\n", 0, 4 },
		      { "", 0, 0 },       { "abcde", -EFBIG, 0 }, { "abcdefgh", -EFBIG, 0 },
		      { "\n", 0, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct secret *secret = NULL;
		int ends[2];

		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		assert_int_equal(write(ends[1], cases[i].given, strlen(cases[i].given)),
				 strlen(cases[i].given));
		close(ends[1]);
		assert_int_equal(secret_read(ends[0], 4, &secret, &why), cases[i].result);
		close(ends[0]);
		if (secret)
			assert_int_equal(secret->len, cases[i].len);
		secret_free(secret);
	}
}

static void the_text_of_a_key_is_digits_or_its_bytes(void **state)
{
	static const char *const bad[] = {
		"",
		"0123",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
	};
	struct secret *digits =
	    secret_from("00ff456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef", 64);
	struct secret *bytes = secret_from("0123456789abcdef0123456789abcdef", 32), *ret = NULL;

	(void)state;
	assert_int_equal(keys_text_read(digits, &ret), 0);
	assert_int_equal(ret->len, 32);
	assert_memory_equal(ret->bytes, "\x00\xff\x45", 3);
	secret_freep(&ret);
	assert_int_equal(keys_text_read(bytes, &ret), 0);
	assert_memory_equal(ret->bytes, bytes->bytes, 32);
	secret_freep(&ret);
	secret_free(digits);
	secret_free(bytes);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		digits = secret_from(bad[i], strlen(bad[i]));
		assert_int_equal(keys_text_read(digits, &ret), -EINVAL);
		secret_free(digits);
	}
}

/* --- credentials ----------------------------------------------------------------------- */

static int read_json(const char *json, struct credential_use *ret)
{
	return credential_read(json, strlen(json), ret, &why);
}

static void a_credential_is_one_of_the_shapes(void **state)
{
	static const struct {
		const char *json;
		enum credential_kind kind;
		const char *value;
	} cases[] = {
		{ "{\"type\":\"oauth\",\"access_token\":\"a\",\"refresh_token\":\"r\","
		  "\"expires_at\":1.5e9}",
		  CREDENTIAL_OAUTH, "a" },
		{ "{\"access_token\":\"a\"}", CREDENTIAL_OAUTH, "a" },
		{ "{\"type\":null,\"access_token\":\"a\"}", CREDENTIAL_OAUTH, "a" },
		{ "{\"type\":\"api_key\",\"key\":\"k\"}", CREDENTIAL_API_KEY, "k" },
		{ "{\"type\":\"api_key\",\"key\":\"k\",\"access_token\":\"a\"}", CREDENTIAL_API_KEY,
		  "k" },
		{ "{\"type\":\"pat\",\"token\":\"t\",\"key\":\"k\"}", CREDENTIAL_PAT, "t" },
		{ "{\"type\":\"pat\",\"token\":\"\",\"key\":\"k\"}", CREDENTIAL_PAT, "k" },
		{ "{\"type\":\"pat\",\"token\":7,\"key\":\"k\"}", CREDENTIAL_PAT, "k" },
		{ "{\"type\":\"other\",\"token\":\"t\"}", CREDENTIAL_OTHER, "t" },
		{ "{\"key\":\"k\"}", CREDENTIAL_OTHER, "k" },
		{ " {\"key\":\"\\u0041\\/\",\"key\":\"b\\\"\"} ", CREDENTIAL_OTHER, "b\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct credential_use use = {};

		if (read_json(cases[i].json, &use))
			fail_msg("%s: %s", cases[i].json, why.text);
		assert_int_equal(use.kind, cases[i].kind);
		assert_int_equal(use.value->len, strlen(cases[i].value));
		assert_memory_equal(use.value->bytes, cases[i].value, use.value->len);
		credential_use_done(&use);
	}
}

static void parts_of_oauth_are_taken(void **state)
{
	struct credential_use use = {};

	(void)state;
	assert_int_equal(
	    read_json("{\"type\":\"oauth\",\"access_token\":\"a\",\"expires_at\":1700000000.5,"
		      "\"refresh_token\":\"r\",\"beta_header\":\"b, c\"}",
		      &use),
	    0);
	assert_memory_equal(use.refresh->bytes, "r", 2);
	assert_string_equal(use.beta, "b, c");
	assert_true(use.expires_at == 1700000000.5);
	credential_use_done(&use);
	assert_int_equal(read_json("{\"type\":\"oauth\",\"access_token\":\"a\",\"expires_at\":null,"
				   "\"refresh_token\":null}",
				   &use),
			 0);
	assert_null(use.refresh);
	assert_true(use.expires_at == 0);
	credential_use_done(&use);
}

static void what_cannot_be_used_is_refused_without_a_byte_of_it(void **state)
{
	static const char *const bad[] = {
		"",
		"sesame",
		"[]",
		"{}",
		"{\"type\":\"oauth\",\"key\":\"sesame\"}",
		"{\"type\":\"api_key\",\"key\":\"\"}",
		"{\"type\":\"api_key\",\"key\":\"sesame\\n\"}",
		"{\"type\":\"api_key\",\"key\":\"ses ame\"}",
		"{\"type\":\"api_key\",\"key\":\"sesame\\u0000\"}",
		"{\"type\":\"api_key\",\"key\":\"sesame\xc3\xa4\"}",
		"{\"type\":\"api_key\",\"key\":7}",
		"{\"type\":7,\"key\":\"sesame\"}",
		"{\"type\":\"api_key\",\"key\":\"sesame\"} x",
		"{\"type\":\"oauth\",\"access_token\":\"sesame\",\"expires_at\":\"soon\"}",
		"{\"type\":\"oauth\",\"access_token\":\"a\",\"refresh_token\":\"ses\\rame\"}",
		"{\"type\":\"oauth\",\"access_token\":\"a\",\"beta_header\":\"ses\\rame\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct credential_use use = {};

		if (read_json(bad[i], &use) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_null(use.value);
		assert_null(strstr(why.text, "ses"));
	}
}

static void the_largest_credential_is_one_and_a_larger_one_is_none(void **state)
{
	char *json = malloc(CREDENTIAL_MAX + 2);
	struct credential_use use = {};

	(void)state;
	memset(json, ' ', CREDENTIAL_MAX + 1);
	memcpy(json, "{\"key\":\"k\"}", 11);
	assert_int_equal(credential_read(json, CREDENTIAL_MAX, &use, &why), 0);
	credential_use_done(&use);
	assert_int_equal(credential_read(json, CREDENTIAL_MAX + 1, &use, &why), -EINVAL);
	free(json);
}

static void a_renewed_one_keeps_all_else(void **state)
{
	static const char old[] =
	    "{\"type\":\"oauth\",\"access_token\":\"a\",\"refresh_token\":\"r\","
	    "\"expires_at\":1,\"scopes\":[\"x\",{\"y\":null}],\"na\\\"me\":\"\\u00e4\"}";
	struct secret *json = secret_from(old, strlen(old)), *next = NULL;
	struct secret *access = secret_from("a\"2\\", 4), *refresh = secret_from("r2", 2);
	struct secret *bad = secret_from("a\n", 2);
	struct credential_use use = {};

	(void)state;
	assert_int_equal(credential_renew(json, access, NULL, 99, &next, &why), 0);
	assert_int_equal(credential_read(next->bytes, next->len, &use, &why), 0);
	assert_memory_equal(use.value->bytes, "a\"2\\", 5);
	assert_memory_equal(use.refresh->bytes, "r", 2);
	assert_true(use.expires_at == 99);
	assert_non_null(memmem(next->bytes, next->len, "\"scopes\": [\"x\",{\"y\":null}]", 26));
	assert_non_null(memmem(next->bytes, next->len, "\"na\\\"me\": \"\\u00e4\"", 18));
	credential_use_done(&use);
	secret_freep(&next);
	assert_int_equal(credential_renew(json, access, refresh, 99, &next, &why), 0);
	assert_int_equal(credential_read(next->bytes, next->len, &use, &why), 0);
	assert_memory_equal(use.refresh->bytes, "r2", 3);
	credential_use_done(&use);
	secret_freep(&next);
	assert_int_equal(credential_renew(json, bad, refresh, 99, &next, &why), -EINVAL);
	assert_int_equal(credential_renew(access, access, refresh, 99, &next, &why), -EINVAL);
	secret_free(json);
	secret_free(access);
	secret_free(refresh);
	secret_free(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_opens_as_it_was),
		cmocka_unit_test(it_opens_nowhere_else_and_with_no_other_key),
		cmocka_unit_test(no_bit_of_it_can_be_changed),
		cmocka_unit_test(as_text_it_is_only_what_we_write),
		cmocka_unit_test(each_class_has_a_key_of_its_own),
		cmocka_unit_test(a_secret_is_locked_not_dumped_and_not_in_a_child),
#ifndef CONFINE_SANITIZED
		cmocka_unit_test(who_cannot_lock_its_secrets_says_so_once),
#endif
		cmocka_unit_test(a_secret_is_read_to_its_end_less_a_newline),
		cmocka_unit_test(the_text_of_a_key_is_digits_or_its_bytes),
		cmocka_unit_test(a_credential_is_one_of_the_shapes),
		cmocka_unit_test(parts_of_oauth_are_taken),
		cmocka_unit_test(what_cannot_be_used_is_refused_without_a_byte_of_it),
		cmocka_unit_test(the_largest_credential_is_one_and_a_larger_one_is_none),
		cmocka_unit_test(a_renewed_one_keeps_all_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
