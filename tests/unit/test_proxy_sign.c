// SPDX-License-Identifier: Apache-2.0
/*
 * test_proxy_sign.c - proxy/signer/: keys and their signatures, what is signed for what, where a
 * connection leads, what a key may be used for, ssh-keys.json
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/evp.h>

#include "base/event.h"
#include "proxy/signer/bind.h"
#include "proxy/signer/key_file.h"
#include "proxy/signer/keyring.h"
#include "proxy/signer/keys_json.h"
#include "proxy/signer/purpose.h"

#define SESSION "0123456789abcdef0123456789abcdef"

static struct key *ed, *rsa, *p256, *p384, *p521, *host;

static int setup(void **state)
{
	struct problem why;

	(void)state;
	return key_make(KEY_ED25519, &ed, &why) || key_make(KEY_RSA, &rsa, &why) ||
	       key_make(KEY_P256, &p256, &why) || key_make(KEY_P384, &p384, &why) ||
	       key_make(KEY_P521, &p521, &why) || key_make(KEY_ED25519, &host, &why);
}

static int teardown(void **state)
{
	(void)state;
	key_unref(ed);
	key_unref(rsa);
	key_unref(p256);
	key_unref(p384);
	key_unref(p521);
	key_unref(host);
	return 0;
}

static struct span blob(const struct key *key)
{
	return wire_out_span(&key->blob);
}

/* --- keys --------------------------------------------------------------------------------- */

static void each_kind_signs_and_is_verified(void **state)
{
	const struct key *const keys[] = { ed, rsa, p256, p384, p521 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct wire_out signature = {};

		assert_int_equal(key_sign(keys[i], span_text("data"), 0, &signature), 0);
		assert_int_equal(
		    key_verify(blob(keys[i]), wire_out_span(&signature), span_text("data")), 0);
		assert_int_equal(
		    key_verify(blob(keys[i]), wire_out_span(&signature), span_text("date")),
		    -EKEYREJECTED);
		assert_int_not_equal(key_verify(blob(keys[(i + 1) % 5]), wire_out_span(&signature),
						span_text("data")),
				     0);
		wire_out_done(&signature);
	}
}

static void rsa_signs_with_sha_2_only(void **state)
{
	static const struct {
		uint32_t flags;
		const char *algorithm;
	} cases[] = { { 0, "rsa-sha2-256" },
		      { KEY_RSA_SHA2_256, "rsa-sha2-256" },
		      { KEY_RSA_SHA2_512, "rsa-sha2-512" },
		      { KEY_RSA_SHA2_256 | KEY_RSA_SHA2_512, "rsa-sha2-512" } };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct wire_out signature = {};
		struct wire wire;

		assert_int_equal(key_sign(rsa, span_text("data"), cases[i].flags, &signature), 0);
		wire = wire_begin(wire_out_span(&signature));
		assert_true(span_is(wire_string(&wire), cases[i].algorithm));
		assert_int_equal(
		    key_verify(blob(rsa), wire_out_span(&signature), span_text("data")), 0);
		wire_out_done(&signature);
	}
}

static void a_signature_of_sha_1_is_none(void **state)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct wire_out signature = {};
	unsigned char raw[1024];
	size_t n = sizeof(raw);

	(void)state;
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha1(), NULL, rsa->pkey), 1);
	assert_int_equal(EVP_DigestSign(ctx, raw, &n, (const unsigned char *)"data", 4), 1);
	EVP_MD_CTX_free(ctx);
	wire_put_text(&signature, "ssh-rsa");
	wire_put_string(&signature, span_of(raw, n));
	assert_int_equal(key_verify(blob(rsa), wire_out_span(&signature), span_text("data")),
			 -EOPNOTSUPP);
	wire_out_done(&signature);
}

static void a_key_of_another_kind_or_size_is_refused(void **state)
{
	EVP_PKEY *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)768);
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	struct problem why = {};
	struct key *key;

	(void)state;
	assert_int_equal(key_new(small, &key, &why), -EOPNOTSUPP);
	assert_true(*why.text);
	assert_int_equal(key_new(other, &key, &why), -EOPNOTSUPP);
	EVP_PKEY_free(small);
	EVP_PKEY_free(other);
}

static void a_key_comes_back_from_its_bytes(void **state)
{
	const struct key *const keys[] = { ed, rsa, p256, p384, p521 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct secret *der = key_der(keys[i]), *text = key_text(keys[i]);
		struct key *again, *read;
		struct problem why;

		assert_non_null(der);
		assert_non_null(text);
		assert_int_equal(key_from_der((uint8_t *)der->bytes, der->len, &again, &why), 0);
		assert_true(span_same(blob(again), blob(keys[i])));
		assert_int_equal(key_file_parse(text, NULL, &read, &why), 0);
		assert_string_equal(read->fingerprint, keys[i]->fingerprint);
		assert_int_not_equal(
		    key_from_der((uint8_t *)der->bytes, der->len - 1, &again, &why), 0);
		key_unref(again);
		key_unref(read);
		secret_free(der);
		secret_free(text);
	}
}

/* --- what for ----------------------------------------------------------------------------- */

static void login_put(struct wire_out *out, const char *user, struct span key, struct span bound)
{
	wire_put_text(out, SESSION);
	wire_put_u8(out, 50);
	wire_put_text(out, user);
	wire_put_text(out, "ssh-connection");
	wire_put_text(out, bound.n ? "publickey-hostbound-v00@openssh.com" : "publickey");
	wire_put_u8(out, 1);
	wire_put_text(out, "ssh-ed25519");
	wire_put_string(out, key);
	if (bound.n)
		wire_put_string(out, bound);
}

static void text_put(struct wire_out *out, const char *name)
{
	char hash[64] = "";

	wire_put_bytes(out, span_text("SSHSIG"));
	wire_put_text(out, name);
	wire_put_text(out, "");
	wire_put_text(out, "sha512");
	wire_put_string(out, span_of(hash, sizeof(hash)));
}

static void a_login_and_a_text_are_known_and_nothing_that_is_nearly_one(void **state)
{
	struct wire_out data = {};
	struct purpose purpose;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct span whole;

		if (i < 2)
			login_put(&data, "git", blob(ed), i ? blob(host) : (struct span){});
		else
			text_put(&data, "git");
		whole = wire_out_span(&data);
		purpose_read(whole, &purpose);
		assert_int_equal(purpose.kind, i < 2 ? PURPOSE_LOGIN : PURPOSE_TEXT);
		if (i < 2)
			assert_true(span_is(purpose.user, "git"));
		assert_int_equal(!!purpose.host.at, i == 1);
		for (size_t n = 0; n < whole.n; n++) {
			purpose_read(span_of(whole.at, n), &purpose);
			assert_int_equal(purpose.kind, PURPOSE_UNKNOWN);
		}
		wire_put_u8(&data, 0);
		purpose_read(wire_out_span(&data), &purpose);
		assert_int_equal(purpose.kind, PURPOSE_UNKNOWN);
		wire_out_done(&data);
	}
}

/* --- where to ----------------------------------------------------------------------------- */

static int bind_host(struct bindings *bindings, const struct key *of, const struct key *signer,
		     const char *session, bool forwarded)
{
	struct wire_out contents = {}, signature = {};
	int r;

	assert_int_equal(key_sign(signer, span_text(session), 0, &signature), 0);
	wire_put_string(&contents, blob(of));
	wire_put_text(&contents, session);
	wire_put_string(&contents, wire_out_span(&signature));
	wire_put_u8(&contents, forwarded);
	r = bind_add(bindings, wire_out_span(&contents));
	wire_out_done(&contents);
	wire_out_done(&signature);
	return r;
}

static void a_host_proves_where_a_connection_leads(void **state)
{
	const struct key *const hosts[] = { host, rsa, p256, p384, p521 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct bindings bindings = {};

		assert_int_equal(bind_host(&bindings, hosts[i], hosts[i], SESSION, false), 0);
		assert_int_equal(bindings.n, 1);
		assert_memory_equal(bind_last(&bindings)->session, SESSION, strlen(SESSION));
		bind_done(&bindings);
	}
}

static void what_no_host_signed_is_not_believed(void **state)
{
	struct bindings bindings = {};

	(void)state;
	assert_int_equal(bind_host(&bindings, host, ed, SESSION, false), -EKEYREJECTED);
	assert_int_equal(bind_add(&bindings, span_text("nothing")), -EBADMSG);
	assert_int_equal(bindings.n, 0);
}

static void after_a_login_a_connection_is_bound_no_more(void **state)
{
	struct bindings bindings = {};

	(void)state;
	assert_int_equal(bind_host(&bindings, host, host, SESSION, true), 0);
	assert_int_equal(bind_host(&bindings, host, host, SESSION, true), 0); /* it is there */
	assert_int_equal(bindings.n, 1);
	assert_int_equal(bind_host(&bindings, ed, ed, SESSION, true), -EPERM);
	assert_int_equal(bind_host(&bindings, ed, ed, "another", false), 0);
	assert_int_equal(bind_host(&bindings, rsa, rsa, "a third", false), -EPERM);
	assert_int_equal(bindings.n, 2);
	bind_done(&bindings);
}

static void hops_have_an_end(void **state)
{
	struct bindings bindings = {};
	char session[20];

	(void)state;
	for (int i = 0; i < BIND_MAX; i++) {
		snprintf(session, sizeof(session), "hop %d", i);
		assert_int_equal(bind_host(&bindings, host, host, session, true), 0);
	}
	assert_int_equal(bind_host(&bindings, host, host, "one more", true), -E2BIG);
	bind_done(&bindings);
}

/* --- what a key may be used for ------------------------------------------------------------- */

static int limits_from(const char *text, struct limits *ret)
{
	struct json_object *object = NULL;
	struct problem why = {};
	int r;

	assert_int_equal(json_parse(text, strlen(text), &object), 0);
	r = limits_read(object, ret, &why);
	json_object_put(object);
	if (r)
		assert_true(*why.text);
	return r;
}

static void a_limit_below_nothing_is_none_that_a_row_can_have(void **state)
{
	struct ssh_key_terms terms = { .destinations = "{\"namespaces\":[\"git\"]}" };
	struct limits limits = {};
	struct problem why = {};

	(void)state;
	assert_int_equal(limits_of_terms(&terms, &limits, &why), 0);
	limits_done(&limits);
	limits = (struct limits){};
	terms.per_minute = -1;
	assert_int_equal(limits_of_terms(&terms, &limits, &why), -EINVAL);
	terms.destinations = NULL;
	assert_int_equal(limits_of_terms(&terms, &limits, &why), -EINVAL);
	assert_non_null(strstr(why.text, "limit"));
	terms.per_minute = 0;
	terms.total = INT64_MIN;
	assert_int_equal(limits_of_terms(&terms, &limits, &why), -EINVAL);
}

static void destination_limits(const char *user, struct limits *ret)
{
	char text[1024], base64[256];

	EVP_EncodeBlock((unsigned char *)base64, host->blob.bytes, (int)host->blob.n);
	snprintf(
	    text, sizeof(text),
	    "{\"destinations\":[{\"host\":\"far\",\"user\":\"%s\",\"keys\":[\"ssh-ed25519 %s\"]}]}",
	    user, base64);
	assert_int_equal(limits_from(text, ret), 0);
	assert_int_equal(ret->n_destinations, 1);
}

static int allow(const struct limits *limits, const struct bindings *bindings,
		 const struct wire_out *data)
{
	struct purpose purpose;
	struct problem why = {};
	int r;

	purpose_read(wire_out_span(data), &purpose);
	r = limits_allow(limits, blob(ed), bindings, &purpose, NULL, &why);
	if (r)
		assert_true(*why.text);
	return r;
}

static void a_destination_is_a_host_that_proved_itself_and_a_user(void **state)
{
	struct wire_out login = {}, bound = {}, elsewhere = {}, other = {};
	struct bindings to = {}, wrong = {}, hop = {}, none = {};
	struct limits limits = {};

	(void)state;
	destination_limits("git", &limits);
	login_put(&login, "git", blob(ed), (struct span){});
	login_put(&bound, "git", blob(ed), blob(host));
	login_put(&elsewhere, "git", blob(ed), blob(p256));
	login_put(&other, "root", blob(ed), (struct span){});
	assert_int_equal(bind_host(&to, host, host, SESSION, false), 0);
	assert_int_equal(allow(&limits, &to, &login), 0);
	assert_int_equal(allow(&limits, &to, &bound), 0);
	assert_int_equal(allow(&limits, &to, &elsewhere), -EACCES);
	assert_int_equal(allow(&limits, &to, &other), -EACCES);
	assert_int_equal(allow(&limits, &none, &login), -EACCES);
	assert_int_equal(bind_host(&wrong, rsa, rsa, SESSION, false), 0);
	assert_int_equal(allow(&limits, &wrong, &login), -EACCES);
	assert_false(limits_reach(&limits, &wrong));
	assert_true(limits_reach(&limits, &to));
	assert_true(limits_reach(&limits, &none));
	/* by a forwarded agent, also at that host */
	assert_int_equal(bind_host(&hop, rsa, rsa, "first", true), 0);
	assert_int_equal(bind_host(&hop, host, host, SESSION, false), 0);
	assert_int_equal(allow(&limits, &hop, &login), -EACCES);
	bind_done(&to);
	bind_done(&wrong);
	bind_done(&hop);
	wire_out_done(&login);
	wire_out_done(&bound);
	wire_out_done(&elsewhere);
	wire_out_done(&other);
	limits_done(&limits);
}

static void a_login_of_another_connection_is_not_this_one(void **state)
{
	struct bindings bindings = {};
	struct limits limits = {};
	struct wire_out login = {};

	(void)state;
	destination_limits("git", &limits);
	login_put(&login, "git", blob(ed), (struct span){});
	assert_int_equal(bind_host(&bindings, host, host, "another connection", false), 0);
	assert_int_equal(allow(&limits, &bindings, &login), -EACCES);
	bind_done(&bindings);
	wire_out_done(&login);
	limits_done(&limits);
}

static void a_namespace_lets_texts_of_it_be_signed_and_nothing_else(void **state)
{
	struct wire_out git = {}, file = {}, login = {}, odd = {};
	struct bindings none = {};
	struct limits limits = {}, all = {};

	(void)state;
	assert_int_equal(limits_from("{\"namespaces\":[\"git\"]}", &limits), 0);
	text_put(&git, "git");
	text_put(&file, "file");
	login_put(&login, "git", blob(ed), (struct span){});
	wire_put_text(&odd, "odd");
	assert_int_equal(allow(&limits, &none, &git), 0);
	assert_int_equal(allow(&limits, &none, &file), -EACCES);
	assert_int_equal(allow(&limits, &none, &login), -EACCES);
	assert_int_equal(allow(&limits, &none, &odd), -EACCES);
	/* without limits all of it is, but a login that names another key */
	assert_int_equal(allow(&all, &none, &odd), 0);
	assert_int_equal(allow(&all, &none, &login), 0);
	wire_out_done(&login);
	login_put(&login, "git", blob(rsa), (struct span){});
	assert_int_equal(allow(&all, &none, &login), -EACCES);
	wire_out_done(&git);
	wire_out_done(&file);
	wire_out_done(&login);
	wire_out_done(&odd);
	limits_done(&limits);
}

static void a_limit_that_is_not_as_it_must_be_is_an_error(void **state)
{
	static const char *const wrong[] = {
		"{\"destinations\":[]}",
		"{\"destinations\":{}}",
		"{\"destinations\":[{\"host\":\"h\"}]}",
		"{\"destinations\":[{\"host\":\"h\",\"keys\":[]}]}",
		"{\"destinations\":[{\"host\":\"h\",\"keys\":[\"ssh-ed25519 AAAA\"]}]}",
		"{\"destinations\":[{\"host\":\"\",\"keys\":[\"x\"]}]}",
		"{\"namespaces\":[]}",
		"{\"namespaces\":[1]}",
		"{\"namespaces\":\"git\"}",
		"{\"namespaces\":[\"a\\u0000b\"]}",
		"{\"confirm\":1}",
		"{\"confirm\":null}",
		"{\"per_minute\":0}",
		"{\"per_minute\":-1}",
		"{\"per_minute\":1000001}",
		"{\"per_minute\":\"1\"}",
		"{\"total\":0}",
		"{\"total\":1.5}",
	};
	struct limits limits = {};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(limits_from(wrong[i], &limits), -EINVAL);
	assert_int_equal(limits_from("{\"per_minute\":1000000,\"other\":[]}", &limits), 0);
	limits_done(&limits);
}

static void limits_are_written_as_they_are_read(void **state)
{
	struct limits limits = {}, again = {};
	struct json json = {};

	(void)state;
	destination_limits("git", &limits);
	limits.confirm = true;
	limits.per_minute = 3;
	limits.total = 5;
	json_open_object(&json, NULL);
	limits_write(&limits, &json);
	json_close_object(&json);
	assert_int_equal(limits_from(json_done(&json), &again), 0);
	assert_int_equal(again.n_destinations, 1);
	assert_string_equal(again.destination[0].user, "git");
	assert_true(span_same(wire_out_span(&again.destination[0].key[0]), blob(host)));
	assert_true(again.confirm && again.per_minute == 3 && again.total == 5);
	json_free(&json);
	limits_done(&limits);
	limits_done(&again);
}

static void a_minute_has_so_many_and_they_come_back_one_by_one(void **state)
{
	struct held held = { .limits = { .per_minute = 3 } };
	uint64_t now = 1000 * SECOND_NS;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(held_take(&held, now), 0);
	assert_int_equal(held_take(&held, now), -EBUSY);
	assert_int_equal(held_take(&held, now + 19 * SECOND_NS), -EBUSY);
	assert_int_equal(held_take(&held, now + 20 * SECOND_NS), 0);
	assert_int_equal(held_take(&held, now + 20 * SECOND_NS), -EBUSY);
	held.limits.per_minute = 0;
	for (int i = 0; i < 100; i++)
		assert_int_equal(held_take(&held, now), 0);
}

/* --- ssh-keys.json -------------------------------------------------------------------------- */

static char folder[40], path[80];

static int folder_make(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/terok-sign-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/ssh-keys.json", folder);
	return 0;
}

static int folder_remove(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void put_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
}

static void file_is(const char *text)
{
	char have[1024] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_true(fread(have, 1, sizeof(have) - 1, f) < sizeof(have));
	fclose(f);
	assert_string_equal(have, text);
}

static void an_entry_is_made_added_and_replaced_by_its_private_key(void **state)
{
	struct keys_entry one = { .private_key = "/k/1", .public_key = "/k/1.pub" };
	struct keys_entry two = { .private_key = "/k/2", .public_key = "/k/2.pub" };
	struct keys_entries entries = {};
	struct problem why;
	struct stat st;

	(void)state;
	assert_int_equal(keys_json_put(path, "p", &one, &why), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(keys_json_put(path, "p", &two, &why), 0);
	one.public_key = "/k/other.pub";
	assert_int_equal(keys_json_put(path, "p", &one, &why), 0);
	assert_int_equal(keys_json_load(path, "p", &entries, &why), 0);
	assert_int_equal(entries.n, 2);
	assert_string_equal(entries.entry[0].public_key, "/k/other.pub");
	assert_string_equal(entries.entry[1].private_key, "/k/2");
	keys_entries_done(&entries);
	assert_int_equal(keys_json_remove(path, "p", "/k/1", &why), 1);
	assert_int_equal(keys_json_remove(path, "p", "/k/1", &why), 0);
	assert_int_equal(keys_json_remove(path, "p", "/k/2", &why), 1);
	file_is("{\n}\n");
}

static void an_empty_file_is_one_without_keys(void **state)
{
	struct keys_entry one = { .private_key = "/k/1", .public_key = "/k/1.pub" };
	struct keys_entries entries = {};
	struct problem why;

	(void)state;
	put_file("");
	assert_int_equal(keys_json_load(path, "p", &entries, &why), 0);
	assert_int_equal(entries.n, 0);
	assert_int_equal(keys_json_put(path, "p", &one, &why), 0);
	file_is("{\n  \"p\":[\n    {\n      \"private_key\":\"/k/1\",\n"
		"      \"public_key\":\"/k/1.pub\"\n    }\n  ]\n}\n");
}

static void what_is_no_json_is_refused_and_left_as_it_is(void **state)
{
	static const char *const wrong[] = { "{", "[]", "{\"p\":1}", "nothing" };
	struct keys_entry one = { .private_key = "/k/1", .public_key = "/k/1.pub" };
	struct problem why;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		put_file(wrong[i]);
		assert_int_equal(keys_json_put(path, "p", &one, &why), -EINVAL);
		file_is(wrong[i]);
	}
}

static void an_entry_that_is_wrong_is_left_out_alone(void **state)
{
	static const char text[] =
	    "{\"p\":[{\"private_key\":\"/k/1\",\"public_key\":\"/k/1.pub\"},"
	    "{\"private_key\":\"k/2\"},7,{\"private_key\":\"/k/3\",\"confirm\":\"yes\"},"
	    "{\"private_key\":\"/k/4\",\"total\":3},{\"public_key\":\"/k/5\"},"
	    "{\"private_key\":\"/k/6\",\"confirm\":true}],\"q\":{},\"r\":7}";
	struct keys_entries entries = {};
	struct problem why = {};

	(void)state;
	assert_int_equal(keys_json_parse(text, strlen(text), "p", &entries, &why), 0);
	assert_int_equal(entries.n, 2);
	assert_int_equal(entries.left_out, 5);
	assert_true(*why.text);
	assert_true(entries.entry[1].limits.confirm);
	keys_entries_done(&entries);
	assert_int_equal(keys_json_parse(text, strlen(text), "q", &entries, &why), 0);
	assert_int_equal(entries.n, 0);
	assert_int_equal(keys_json_parse(text, strlen(text), "none", &entries, &why), 0);
	assert_int_equal(entries.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_signs_and_is_verified),
		cmocka_unit_test(rsa_signs_with_sha_2_only),
		cmocka_unit_test(a_signature_of_sha_1_is_none),
		cmocka_unit_test(a_key_of_another_kind_or_size_is_refused),
		cmocka_unit_test(a_key_comes_back_from_its_bytes),
		cmocka_unit_test(a_login_and_a_text_are_known_and_nothing_that_is_nearly_one),
		cmocka_unit_test(a_host_proves_where_a_connection_leads),
		cmocka_unit_test(a_limit_below_nothing_is_none_that_a_row_can_have),
		cmocka_unit_test(what_no_host_signed_is_not_believed),
		cmocka_unit_test(after_a_login_a_connection_is_bound_no_more),
		cmocka_unit_test(hops_have_an_end),
		cmocka_unit_test(a_destination_is_a_host_that_proved_itself_and_a_user),
		cmocka_unit_test(a_login_of_another_connection_is_not_this_one),
		cmocka_unit_test(a_namespace_lets_texts_of_it_be_signed_and_nothing_else),
		cmocka_unit_test(a_limit_that_is_not_as_it_must_be_is_an_error),
		cmocka_unit_test(limits_are_written_as_they_are_read),
		cmocka_unit_test(a_minute_has_so_many_and_they_come_back_one_by_one),
		cmocka_unit_test_setup_teardown(
		    an_entry_is_made_added_and_replaced_by_its_private_key, folder_make,
		    folder_remove),
		cmocka_unit_test_setup_teardown(an_empty_file_is_one_without_keys, folder_make,
						folder_remove),
		cmocka_unit_test_setup_teardown(what_is_no_json_is_refused_and_left_as_it_is,
						folder_make, folder_remove),
		cmocka_unit_test(an_entry_that_is_wrong_is_left_out_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
