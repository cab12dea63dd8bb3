// SPDX-License-Identifier: Apache-2.0
/* test_proxy_store.c - proxy/store/: the file, its layouts, and what is kept in it */
#include "store_box.h"

/* --- the file --------------------------------------------------------------------------- */

static void a_store_is_made_where_there_is_none(void **state)
{
	struct stat st;

	(void)state;
	store = opened(STORE_READ); /* whoever is first */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(key_file, sizeof(key_file), "%s/c", dir);
	assert_int_equal(stat(key_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(number("SELECT count(*) FROM credentials"), 0);
	assert_int_equal(number("SELECT count(*) FROM proxy_tokens"), 0);
	assert_int_equal(number("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(load(store, "default", "claude"), -ENOENT);
	assert_int_equal(put(store, "default", "claude", JSON), -EROFS);
}

static void a_folder_that_others_write_to_is_none(void **state)
{
	char folder[96];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/c", dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(store_open(path, STORE_WRITE, &store, &why), -EPERM);
	assert_int_equal(store_open(path, STORE_READ, &store, &why), -EPERM);
	assert_int_equal(access(path, F_OK), -1);
}

static void what_others_could_read_they_cannot_any_more(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	sqlite3 *db = NULL; /* of a client of before, which runs */

	(void)state;
	store_free(opened(STORE_WRITE));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM credentials", NULL, NULL, NULL),
			 SQLITE_OK);
	for (int again = 0; again < 2; again++) {
		for (int i = 0; i < 3; i++) {
			snprintf(key_file, sizeof(key_file), "%s%s", path, ends[i]);
			assert_int_equal(chmod(key_file, 0644), 0);
		}
		store_free(opened(again ? STORE_READ : STORE_WRITE));
		for (int i = 0; i < 3; i++) {
			struct stat st;

			snprintf(key_file, sizeof(key_file), "%s%s", path, ends[i]);
			assert_int_equal(stat(key_file, &st), 0);
			assert_int_equal(st.st_mode & 07777, 0600);
		}
	}
	sqlite3_close(db);
}

static void what_is_no_database_is_said_and_left_as_it_is(void **state)
{
	struct stat st;
	char text[40];
	int fd;

	(void)state;
	store_free(opened(STORE_WRITE));
	fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "this is encrypted, and as a whole", 33), 33);
	assert_int_equal(store_open(path, STORE_WRITE, &store, &why), -EUCLEAN);
	assert_non_null(strstr(why.text, path));
	assert_int_equal(store_open(path, STORE_READ, &store, &why), -EUCLEAN);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 33);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 33);
	assert_memory_equal(text, "this is encrypted, and as a whole", 33);
	close(fd);
}

static void a_page_that_is_broken_is_an_error_of_who_reads_it(void **state)
{
	char page[4096];
	struct stat st;
	int fd, bad = 0;

	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	store_free(store);
	store = NULL;
	assert_int_equal(stat(path, &st), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	memset(page, 0x5a, sizeof(page));
	for (off_t at = sizeof(page); at < st.st_size; at += sizeof(page))
		assert_int_equal(pwrite(fd, page, sizeof(page), at), sizeof(page));
	close(fd);
	if (store_open(path, STORE_READ, &store, &why) == -EUCLEAN)
		bad++;
	else if (keys_unlock(store, NULL, BOTH, &why) == -EUCLEAN)
		bad++;
	else if (load(store, "default", "claude") == -EUCLEAN)
		bad++;
	assert_int_equal(bad, 1);
	assert_true(*why.text);
}

static void one_of_a_newer_program_is_refused_by_its_number(void **state)
{
	static const int numbers[] = { 4, 100, 103, 1000 };

	(void)state;
	store_free(opened(STORE_WRITE));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char sql[64], text[16];

		snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", numbers[i]);
		snprintf(text, sizeof(text), "layout %d", numbers[i]);
		by_hand(sql);
		assert_int_equal(store_open(path, STORE_WRITE, &store, &why), -EPROTO);
		assert_non_null(strstr(why.text, text));
		assert_int_equal(store_open(path, STORE_READ, &store, &why), -EPROTO);
		assert_int_equal(number("PRAGMA user_version"), numbers[i]);
	}
}

/* --- layouts of before ------------------------------------------------------------------- */

#define S_TABLES                                                                                   \
	"PRAGMA journal_mode = WAL;"                                                               \
	"CREATE TABLE credentials (credential_set TEXT NOT NULL, provider TEXT NOT NULL,"          \
	" data TEXT NOT NULL, PRIMARY KEY (credential_set, provider));"                            \
	"INSERT INTO credentials VALUES ('default', 'claude', '" JSON "');"

static void make_file(const char *sql)
{
	char folder[96];

	snprintf(folder, sizeof(folder), "%s/c", dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	by_hand(sql);
}

static void tables_of_before_are_read_and_written_as_they_are(void **state)
{
	struct token token;

	(void)state;
	make_file(S_TABLES
		  "CREATE TABLE proxy_tokens (token TEXT PRIMARY KEY, project TEXT NOT NULL,"
		  " task TEXT NOT NULL, credential_set TEXT NOT NULL, provider TEXT NOT NULL);"
		  "INSERT INTO proxy_tokens VALUES ('terok-p-a', 'p', 't', 'default', 'claude')");
	store = opened(STORE_READ);
	holds(store, "default", "claude", JSON); /* without a key */
	assert_int_equal(token_lookup(store, "terok-p-a", 9, &token, &why), 0);
	assert_string_equal(token.task, "t");
	by_hand("INSERT OR REPLACE INTO credentials VALUES ('default', 'gh', '{\"token\":\"t\"}');"
		"INSERT INTO proxy_tokens VALUES ('terok-p-b', 'p', 't', 'default', 'gh')");
	holds(store, "default", "gh", "{\"token\":\"t\"}");
	assert_int_equal(token_lookup(store, "terok-p-b", 9, &token, &why), 0);
}

#define H_KEYS(column)                                                                             \
	"CREATE TABLE ssh_keys (id INTEGER PRIMARY KEY AUTOINCREMENT, key_type TEXT NOT NULL"      \
	" CHECK(key_type IN ('ed25519','rsa')), " column " BLOB NOT NULL,"                         \
	" public_blob BLOB NOT NULL, comment TEXT NOT NULL DEFAULT '',"                            \
	" fingerprint TEXT NOT NULL UNIQUE,"                                                       \
	" created_at TEXT NOT NULL DEFAULT (datetime('now')));"                                    \
	"CREATE TABLE ssh_key_assignments (scope TEXT NOT NULL, key_id INTEGER NOT NULL"           \
	" REFERENCES ssh_keys(id) ON DELETE CASCADE, assigned_at TEXT NOT NULL"                    \
	" DEFAULT (datetime('now')), PRIMARY KEY(scope, key_id));"                                 \
	"INSERT INTO ssh_keys (id, key_type, " column ", public_blob, comment, fingerprint)"       \
	" VALUES (4, 'ed25519', 'private-4', 'public-4', 'tk-main:p', 'abcdef04'),"                \
	" (7, 'rsa', 'private-7', 'public-7', '', 'SHA256:seven');"                                \
	"INSERT INTO ssh_key_assignments (scope, key_id, assigned_at)"                             \
	" VALUES ('p', 7, '2026-01-01'), ('p', 4, '2026-01-02'), ('q', 4, '2026-01-03');"

#define H_TOKENS(second)                                                                           \
	"CREATE TABLE proxy_tokens (token TEXT PRIMARY KEY, scope TEXT NOT NULL, " second          \
	" TEXT NOT NULL, credential_set TEXT NOT NULL, provider TEXT NOT NULL);"                   \
	"INSERT INTO proxy_tokens VALUES ('terok-p-a', 'p', 't', 'default', 'claude');"

struct seen {
	int n;
	int64_t ids[8];
	char fingerprints[8][64];
};

static int see(const struct ssh_key *key, void *user)
{
	struct seen *seen = user;

	seen->ids[seen->n] = key->id;
	snprintf(seen->fingerprints[seen->n++], 64, "%s", key->fingerprint);
	return 0;
}

static void each_layout_of_the_vault_keeps_its_rows(void **state)
{
	static const char *const layouts[] = {
		S_TABLES H_KEYS("private_pem") H_TOKENS("task"),
		S_TABLES H_KEYS("private_der") H_TOKENS("task") "PRAGMA user_version = 1",
		S_TABLES H_KEYS("private_der") H_TOKENS("subject") "PRAGMA user_version = 2",
		S_TABLES H_KEYS("private_der") H_TOKENS("subject") "PRAGMA user_version = 3",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
		struct secret *private = NULL;
		struct seen seen = {};
		struct token token;
		int64_t id = 0;

		make_file(layouts[i]);
		store = i % 2 ? opened(STORE_WRITE) : opened(STORE_READ);
		holds(store, "default", "claude", JSON);
		assert_int_equal(token_lookup(store, "terok-p-a", 9, &token, &why), 0);
		assert_string_equal(token.project, "p");
		assert_string_equal(token.task, "t");
		assert_int_equal(ssh_key_each(store, "p", see, &seen, &why), 0);
		assert_int_equal(seen.n, 2);
		assert_int_equal(seen.ids[0], 7); /* as they were assigned */
		assert_int_equal(seen.ids[1], 4);
		assert_string_equal(seen.fingerprints[0], "SHA256:seven");
		assert_int_equal(strncmp(seen.fingerprints[1], "SHA256:", 7), 0);
		assert_int_equal(strlen(seen.fingerprints[1]), 50);
		assert_int_equal(ssh_key_private(store, 4, &private, &why), 0);
		assert_memory_equal(private->bytes, "private-4", 9);
		secret_freep(&private);
		store_free(store);

		/* another type of key, which theirs has no place for; and cascades still go */
		store = unlocked(STORE_WRITE);
		private = secret_from("private-9", 9);
		assert_int_equal(ssh_key_add(store,
					     &(struct ssh_key){ .type = "ecdsa",
								.blob = (const uint8_t *)"b",
								.blob_size = 1,
								.comment = "",
								.fingerprint = "SHA256:x" },
					     private, &id, &why),
				 0);
		secret_freep(&private);
		assert_int_equal(ssh_key_delete(store, 4, &why), 1);
		assert_int_equal(number("SELECT count(*) FROM ssh_key_assignments"), 1);
		assert_int_equal(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
		assert_false(in_files("swordfish"));
		assert_false(in_files("private-"));
		assert_int_equal(ssh_key_private(store, 7, &private, &why), 0);
		assert_memory_equal(private->bytes, "private-7", 9);
		secret_free(private);
		assert_int_equal(teardown(NULL), 0);
		assert_int_equal(setup(NULL), 0);
	}
}

/* --- credentials -------------------------------------------------------------------------- */

static void what_is_stored_is_there_again_and_replaced_and_deleted(void **state)
{
	char names[256] = "";
	struct store *reader;

	(void)state;
	store = unlocked(STORE_WRITE);
	reader = unlocked(STORE_READ);
	assert_int_equal(put(store, "default", "gh", "{\"type\":\"pat\",\"token\":\"t\"}"), 0);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	assert_int_equal(put(store, "other", "claude", "{\"key\":\"k\"}"), 0);
	holds(reader, "default", "claude", JSON);
	holds(reader, "other", "claude", "{\"key\":\"k\"}");
	assert_int_equal(put(store, "default", "claude", "{\"key\":\"k2\"}"), 0);
	holds(reader, "default", "claude", "{\"key\":\"k2\"}");
	assert_int_equal(credential_each(reader, "default", add_name, names, &why), 0);
	assert_string_equal(names, "default/claude default/gh ");
	*names = '\0';
	assert_int_equal(credential_each(reader, NULL, add_name, names, &why), 0);
	assert_string_equal(names, "default/claude default/gh other/claude ");
	assert_int_equal(credential_delete(store, "default", "claude", &why), 1);
	assert_int_equal(credential_delete(store, "default", "claude", &why), 0);
	assert_int_equal(load(reader, "default", "claude"), -ENOENT);
	holds(reader, "other", "claude", "{\"key\":\"k\"}");
	assert_int_equal(put(store, "%core", "claude", JSON), -EINVAL);
	assert_int_equal(put(store, "default", "a b", JSON), -EINVAL);
	assert_int_equal(put(store, "default", "claude", "{}"), -EINVAL);
	store_free(reader);
}

static void one_who_waits_is_told_that_somebody_wrote(void **state)
{
	struct store *reader;

	(void)state;
	store = unlocked(STORE_WRITE);
	reader = opened(STORE_READ);
	assert_int_equal(store_changed(reader), 0);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	assert_int_equal(store_changed(reader), 1);
	assert_int_equal(store_changed(reader), 0);
	store_free(reader);
}

static void no_byte_of_a_secret_is_in_a_file(void **state)
{
	char names[256] = "";

	(void)state;
	make_file(S_TABLES);
	assert_true(in_files("swordfish"));
	store = opened(STORE_WRITE);
	assert_int_equal(credential_each(store, NULL, add_name, names, &why), 0);
	assert_string_equal(names, "default/claude! ");
	assert_int_equal(keys_unlock(store, &make, BOTH, &why), 0); /* who can seal does */
	assert_false(in_files("swordfish"));
	holds(store, "default", "claude", JSON);
	by_hand("UPDATE credentials SET data = '{\"key\":\"barracuda\"}'");
	assert_int_equal(store_seal(store, &why), 1);
	assert_false(in_files("barracuda"));
	assert_int_equal(store_seal(store, &why), 0);
	assert_int_equal(put(store, "default", "gh", "{\"key\":\"haddock-3\"}"), 0);
	assert_false(in_files("haddock"));
}

static void one_that_was_moved_to_another_row_is_none(void **state)
{
	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	by_hand("INSERT INTO credentials SELECT 'default', 'gh', data FROM credentials;"
		"INSERT INTO credentials VALUES ('default', 'x', 'terok-sealed:1:AAAA'),"
		" ('default', 'y', 'terok-sealed:1:AAAA\n'), ('default', 'z', 'terok-sealed:1:')");
	assert_int_equal(load(store, "default", "gh"), -EBADMSG);
	assert_int_equal(load(store, "default", "x"), -EBADMSG);
	assert_int_equal(load(store, "default", "y"), -EBADMSG);
	assert_int_equal(load(store, "default", "z"), -EBADMSG);
	holds(store, "default", "claude", JSON);
}

/* --- keys of SSH -------------------------------------------------------------------------- */

static int add_key(const char *print, const char *comment, size_t blob, int64_t *id)
{
	static const uint8_t bytes[SSH_KEY_BLOB_MAX + 1];
	struct secret *private = secret_from("private", 7);
	int r = ssh_key_add(store,
			    &(struct ssh_key){ .type = "rsa",
					       .blob = bytes,
					       .blob_size = blob,
					       .comment = comment,
					       .fingerprint = print },
			    private, id, &why);

	secret_free(private);
	return r;
}

static int keep(const struct ssh_key *key, void *user)
{
	struct ssh_key *kept = user;

	*kept = *key;
	kept->terms.destinations = key->terms.destinations ? "some" : NULL;
	return 1;
}

static void a_key_is_its_projects_for_what_is_said_there(void **state)
{
	const struct ssh_key_terms terms = {
		.destinations = "[]", .confirm = true, .per_minute = 3, .total = 2, .expires = 99
	};
	const struct ssh_key_terms none = {};
	struct ssh_key key = {};
	int64_t id = 0, again = 0;

	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(add_key("SHA256:a", "one", 1, &id), 0);
	assert_int_equal(add_key("SHA256:a", "two", 1, &again), 0); /* it keeps its place */
	assert_int_equal(id, again);
	assert_int_equal(ssh_key_each(store, "p", keep, &key, &why), 0); /* it is nobody's */
	assert_int_equal(ssh_key_each(store, NULL, keep, &key, &why), 1);
	assert_null(key.project);
	assert_int_equal(ssh_key_assign(store, "p", id, &terms, &why), 0);
	assert_int_equal(ssh_key_assign(store, "q", id, &none, &why), 0);
	assert_int_equal(ssh_key_assign(store, "%core", id, &none, &why), -EINVAL);
	assert_true(ssh_key_assign(store, "p", id + 7, &none, &why) < 0);
	assert_int_equal(ssh_key_each(store, "p", keep, &key, &why), 1);
	assert_true(key.terms.confirm && key.terms.destinations);
	assert_int_equal(key.terms.per_minute, 3);
	assert_int_equal(key.terms.expires, 99);
	assert_int_equal(ssh_key_spend(store, "p", id, &why), 0);
	assert_int_equal(ssh_key_spend(store, "p", id, &why), 0);
	assert_int_equal(ssh_key_spend(store, "p", id, &why), -EDQUOT);
	assert_int_equal(ssh_key_spend(store, "q", id, &why), 0);
	assert_int_equal(ssh_key_spend(store, "r", id, &why), -EDQUOT);
	assert_int_equal(ssh_key_assign(store, "p", id, &terms, &why), 0); /* what was used stays */
	assert_int_equal(ssh_key_spend(store, "p", id, &why), -EDQUOT);
	assert_int_equal(ssh_key_unassign(store, "p", id, &why), 1);
	assert_int_equal(ssh_key_unassign(store, "p", id, &why), 0);
	assert_int_equal(number("SELECT count(*) FROM ssh_key_terms"), 1);
	assert_int_equal(ssh_key_delete(store, id, &why), 1);
	assert_int_equal(ssh_key_delete(store, id, &why), 0);
	assert_int_equal(number("SELECT count(*) FROM ssh_key_terms"), 0);
	assert_int_equal(number("SELECT count(*) FROM ssh_key_assignments"), 0);
}

static void so_many_keys_of_such_a_size_and_no_more(void **state)
{
	char comment[SSH_KEY_COMMENT_MAX + 2] = "", sql[512];
	int64_t id = 0;

	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(add_key("SHA256:a", "", SSH_KEY_BLOB_MAX, &id), 0);
	assert_int_equal(add_key("SHA256:b", "", SSH_KEY_BLOB_MAX + 1, &id), -EINVAL);
	assert_int_equal(add_key("SHA256:b", "", 0, &id), -EINVAL);
	assert_int_equal(add_key("SHA256:b", "a\nb", 1, &id), -EINVAL);
	memset(comment, 'c', SSH_KEY_COMMENT_MAX);
	assert_int_equal(add_key("SHA256:b", comment, 1, &id), 0);
	comment[SSH_KEY_COMMENT_MAX] = 'c';
	assert_int_equal(add_key("SHA256:c", comment, 1, &id), -EINVAL);
	snprintf(sql, sizeof(sql),
		 "WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		 " INSERT INTO ssh_keys (key_type, private_der, public_blob, fingerprint)"
		 " SELECT 'rsa', 'terok-sealed:1:', 'b', i FROM n",
		 SSH_KEYS_MAX);
	by_hand(sql);
	assert_int_equal(add_key("SHA256:c", "", 1, &id), 0);
	assert_int_equal(add_key("SHA256:d", "", 1, &id), -E2BIG);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_store_is_made_where_there_is_none),
		CASE(a_folder_that_others_write_to_is_none),
		CASE(what_others_could_read_they_cannot_any_more),
		CASE(what_is_no_database_is_said_and_left_as_it_is),
		CASE(a_page_that_is_broken_is_an_error_of_who_reads_it),
		CASE(one_of_a_newer_program_is_refused_by_its_number),
		CASE(tables_of_before_are_read_and_written_as_they_are),
		CASE(each_layout_of_the_vault_keeps_its_rows),
		CASE(what_is_stored_is_there_again_and_replaced_and_deleted),
		CASE(one_who_waits_is_told_that_somebody_wrote),
		CASE(no_byte_of_a_secret_is_in_a_file),
		CASE(one_that_was_moved_to_another_row_is_none),
		CASE(a_key_is_its_projects_for_what_is_said_there),
		CASE(so_many_keys_of_such_a_size_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
