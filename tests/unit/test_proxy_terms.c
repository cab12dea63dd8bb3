// SPDX-License-Identifier: Apache-2.0
/*
 * test_proxy_terms.c - proxy/store/ssh_seal.c: who can only write to the store changes nothing of what a
 * key may be used for
 */
#include "store_box.h"

#include "proxy/signer/keyring.h"
#include "proxy/store/within.h"

#define TERMS(sql) "UPDATE ssh_key_terms SET " sql " WHERE scope = 'p'"

static int64_t id;

/* A key that p may use twice, after somebody was asked, and q for everything. */
static void key_is_there(void)
{
	const struct ssh_key_terms terms = { .destinations = "{\"namespaces\":[\"git\"]}",
					     .confirm = true,
					     .per_minute = 3,
					     .total = 2,
					     .expires = 4000000000 };
	const struct ssh_key_terms none = {};
	const struct ssh_key key = { .type = "ed25519",
				     .blob = (const uint8_t *)"blob",
				     .blob_size = 4,
				     .comment = "",
				     .fingerprint = "SHA256:a" };
	struct secret *der = secret_from("der", 3);

	assert_non_null(der);
	store = unlocked(STORE_WRITE);
	if (ssh_key_add(store, &key, der, &id, &why) ||
	    ssh_key_assign(store, "p", id, &terms, &why) ||
	    ssh_key_assign(store, "q", id, &none, &why))
		fail_msg("%s", why.text);
	secret_free(der);
}

static int check(const struct ssh_key *key, void *user)
{
	uint8_t half[SSH_KEY_HALF];

	*(int *)user = ssh_key_check(store, key, half, &why);
	return 1;
}

/* What the signer finds: 1: no such key. */
static int checked(const char *project)
{
	int r = 1;

	if (ssh_key_each(store, project, check, &r, &why) < 0)
		fail_msg("%s", why.text);
	return r;
}

static void what_was_said_with_the_key_holds(void **state)
{
	(void)state;
	key_is_there();
	assert_int_equal(checked("p"), 0);
	assert_int_equal(checked("q"), 0);
	assert_int_equal(checked("r"), 1);
	assert_int_equal(ssh_key_spend(store, "p", id, &why), 0); /* nothing of it is a term */
	assert_int_equal(checked("p"), 0);
	assert_int_equal(store_give_key(store, STORE_SSH, NULL), 0);
	assert_int_equal(checked("p"), -EKEYREJECTED);
}

static void what_was_changed_without_it_is_nobodys(void **state)
{
	static const char *const loosen[] = {
		TERMS("destinations = NULL"),
		TERMS("destinations = '{}'"),
		TERMS("confirm = 0"),
		TERMS("per_minute = 0"),
		TERMS("per_minute = 4"),
		TERMS("total = 0"),
		TERMS("expires = 0"),
		"DELETE FROM ssh_key_terms WHERE scope = 'p'",
		"UPDATE ssh_key_seals SET seal = (SELECT seal FROM ssh_key_seals WHERE scope = 'q')"
		" WHERE scope = 'p'",
		"UPDATE ssh_key_seals SET seal = x'00' WHERE scope = 'p'",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(loosen) / sizeof(*loosen); i++) {
		int r;

		key_is_there();
		assert_int_equal(checked("p"), 0);
		by_hand(loosen[i]);
		r = checked("p");
		if (r != -EBADMSG)
			fail_msg("%s: %d", loosen[i], r);
		assert_int_equal(checked("q"), 0);
		by_hand("DELETE FROM ssh_keys; DELETE FROM ssh_key_assignments");
		store_free(TAKE_PTR(store));
	}
}

static void a_project_is_given_a_key_by_who_has_the_stores(void **state)
{
	(void)state;
	key_is_there();
	by_hand("INSERT INTO ssh_key_assignments (scope, key_id) SELECT 'r', id FROM ssh_keys");
	assert_int_equal(checked("r"), -EPERM);
	by_hand("INSERT INTO ssh_key_seals (scope, key_id, seal)"
		" SELECT 'r', key_id, seal FROM ssh_key_seals WHERE scope = 'q'");
	assert_int_equal(checked("r"), -EBADMSG);
	by_hand("DELETE FROM ssh_key_seals WHERE scope IN ('p', 'r')");
	assert_int_equal(checked("p"), -EPERM);
	/* whoever opens it to write does not take it for what was there before */
	store_free(TAKE_PTR(store));
	store = unlocked(STORE_WRITE);
	assert_int_equal(checked("r"), -EPERM);
	assert_int_equal(checked("p"), -EPERM);
	assert_int_equal(checked("q"), 0);
}

static void a_seal_stays_when_all_is_sealed_anew_and_goes_with_its_key(void **state)
{
	struct keys_change change = {};
	struct keys keys = {};

	(void)state;
	for (int root = 0; root < 2; root++) {
		key_is_there();
		change.root = root;
		assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
		assert_int_equal(keys_rotate(store, &keys, NULL, &change, &why), 1);
		keys_done(&keys);
		assert_int_equal(checked("p"), 0);
		assert_int_equal(number("SELECT count(*) FROM ssh_key_seals"), 2);
		assert_int_equal(ssh_key_unassign(store, "q", id, &why), 1);
		assert_int_equal(number("SELECT count(*) FROM ssh_key_seals"), 1);
		assert_int_equal(ssh_key_delete(store, id, &why), 1);
		assert_int_equal(number("SELECT count(*) FROM ssh_key_seals"), 0);
		store_free(TAKE_PTR(store));
	}
}

/* As it was before there were seals: what says so is wrapped with the key of SSH. */
static void make_before(void)
{
	struct ring *ring = &store->ring[STORE_SSH];
	const struct seal_place place = { "class_keys", "ssh", "1" };
	uint8_t wrapped[SEAL_KEY + SEAL_SPARE];
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(ring_look(store, ring, &why), 0);
	assert_int_equal(seal_bytes((const uint8_t *)ring->key->bytes, 1, &place,
				    ring->newest->bytes, SEAL_KEY, wrapped),
			 0);
	assert_int_equal(db_prepare(store->db,
				    "UPDATE class_keys SET wrapped = ? WHERE class = 'ssh'", &stmt,
				    &why),
			 0);
	sqlite3_bind_blob(stmt, 1, wrapped, sizeof(wrapped), SQLITE_STATIC);
	assert_int_equal(db_step(stmt, &why), 0);
	sqlite3_finalize(stmt);
	store_free(TAKE_PTR(store));
	by_hand("DROP TABLE ssh_key_seals; DROP TRIGGER seal_gone; PRAGMA user_version = 101");
}

static void a_store_of_before_is_taken_as_it_is_once(void **state)
{
	(void)state;
	key_is_there();
	make_before();
	store = opened(STORE_WRITE);
	assert_int_equal(checked("p"), -EPERM); /* of whoever has no key */
	assert_int_equal(keys_unlock(store, &make, BOTH, &why), 0);
	assert_int_equal(checked("p"), 0);
	assert_int_equal(checked("q"), 0);
	store_free(TAKE_PTR(store));
	/* the number of the layout is anybody's to write: what is wrapped is not */
	by_hand(
	    "DROP TABLE ssh_key_seals; DROP TRIGGER seal_gone; PRAGMA user_version = 101;" TERMS(
		"confirm = 0"));
	store = unlocked(STORE_WRITE);
	assert_int_equal(checked("p"), -EPERM);
	assert_int_equal(checked("q"), -EPERM);
}

static void a_key_that_an_older_program_leaves_has_the_terms_it_leaves_there(void **state)
{
	(void)state;
	key_is_there();
	by_hand("INSERT INTO ssh_keys (id, key_type, private_der, public_blob, fingerprint)"
		" VALUES (9, 'ed25519', 'plain', 'blob', 'SHA256:b');"
		"INSERT INTO ssh_key_assignments (scope, key_id) VALUES ('old', 9)");
	assert_int_equal(checked("old"), 0);
	store_free(TAKE_PTR(store));
	store = unlocked(STORE_WRITE); /* who seals it seals these as well */
	assert_int_equal(number("SELECT count(*) FROM ssh_keys WHERE private_der = 'plain'"), 0);
	assert_int_equal(checked("old"), 0);
	by_hand("INSERT INTO ssh_key_terms VALUES ('old', 9, '{}', 0, 0, 0, 0, 0)");
	assert_int_equal(checked("old"), -EBADMSG);
}

#define PLAIN                                                                                      \
	"CREATE TABLE aside AS SELECT id, private_der FROM ssh_keys;"                              \
	"UPDATE ssh_keys SET private_der = 'plain'; DELETE FROM ssh_key_seals;"
#define BACK                                                                                       \
	"UPDATE ssh_keys SET private_der ="                                                        \
	" (SELECT private_der FROM aside WHERE aside.id = ssh_keys.id)"

static void
what_is_sealed_while_a_row_has_another_key_is_none_of_the_key_that_comes_back(void **state)
{
	(void)state;
	key_is_there();
	store_free(TAKE_PTR(store));
	by_hand(PLAIN TERMS("confirm = 0"));
	store = unlocked(STORE_WRITE); /* as somebody who adds another key does */
	assert_int_equal(number("SELECT count(*) FROM ssh_key_seals"), 2);
	by_hand(BACK);
	assert_int_equal(checked("p"), -EBADMSG);
	assert_int_equal(checked("q"), -EBADMSG);
}

/* What the signer has of p: is the key there, and does it ask a person? */
static const struct held *held(struct keyrings *rings, const struct key *key)
{
	struct keyring *ring;

	if (keyring_get(rings, "p", &ring, &why))
		fail_msg("%s", why.text);
	return keyring_find(ring, wire_out_span(&key->blob));
}

static void a_key_that_the_signer_has_is_not_for_terms_of_what_lies_in_its_place(void **state)
{
	const struct ssh_key_terms terms = { .confirm = true };
	struct keyrings rings = {};
	struct ssh_key row = { .type = "ed25519", .comment = "" };
	_cleanup_secret_ struct secret *der = NULL;
	struct key *key;
	struct span blob;

	(void)state;
	assert_int_equal(key_make(KEY_ED25519, &key, &why), 0);
	der = key_der(key);
	assert_non_null(der);
	blob = wire_out_span(&key->blob);
	row.blob = blob.at;
	row.blob_size = blob.n;
	row.fingerprint = key->fingerprint;
	store = unlocked(STORE_WRITE);
	assert_int_equal(ssh_key_add(store, &row, der, &id, &why), 0);
	assert_int_equal(ssh_key_assign(store, "p", id, &terms, &why), 0);
	rings.store = unlocked(STORE_READ);
	assert_true(held(&rings, key)->limits.confirm);
	by_hand(PLAIN TERMS("confirm = 0"));
	assert_null(held(&rings, key));
	by_hand(BACK);
	assert_null(held(&rings, key));
	assert_int_equal(ssh_key_assign(store, "p", id, &terms, &why), 0);
	assert_true(held(&rings, key)->limits.confirm);
	by_hand(TERMS("confirm = 0"));
	assert_null(held(&rings, key));
	keyrings_done(&rings);
	store_free(rings.store);
	key_unref(key);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_was_said_with_the_key_holds),
		CASE(what_was_changed_without_it_is_nobodys),
		CASE(a_project_is_given_a_key_by_who_has_the_stores),
		CASE(a_seal_stays_when_all_is_sealed_anew_and_goes_with_its_key),
		CASE(a_store_of_before_is_taken_as_it_is_once),
		CASE(a_key_that_an_older_program_leaves_has_the_terms_it_leaves_there),
		CASE(what_is_sealed_while_a_row_has_another_key_is_none_of_the_key_that_comes_back),
		CASE(a_key_that_the_signer_has_is_not_for_terms_of_what_lies_in_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
