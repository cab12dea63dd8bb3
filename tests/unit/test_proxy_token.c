// SPDX-License-Identifier: Apache-2.0
/* test_proxy_token.c - proxy/store/token*.c: phantom tokens, their terms and their look-up */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/db.h"
#include "proxy/store/token.h"

static char dir[64], path[96];
static struct store *store, *other; /* two that have it open, as two programs have */
static struct problem why;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/terok-test-tokens-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/credentials.db", dir);
	return store_open(path, STORE_WRITE, &store, &why)
		   ?: store_open(path, STORE_READ, &other, &why);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	store_free(other);
	store_free(store);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct token wanted(void)
{
	return (struct token){ .project = "proj",
			       .task = "task-1",
			       .set = "default",
			       .provider = "claude",
			       .budget = TOKEN_UNLIMITED };
}

static int lookup(struct store *in, const char *text, struct token *ret)
{
	return token_lookup(in, text, strlen(text), ret, &why);
}

/* As a client of before does it, in a process of its own would be the same. */
static void by_hand(const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, 5000), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void a_token_is_as_the_contract_has_it_and_never_twice_the_same(void **state)
{
	struct token one = wanted(), two = wanted(), found;
	regex_t form;

	(void)state;
	assert_int_equal(regcomp(&form, "^terok-p-[0-9a-f]{32}$", REG_EXTENDED | REG_NOSUB), 0);
	assert_int_equal(token_mint(store, &one, &why), 0);
	assert_int_equal(token_mint(store, &two, &why), 0);
	assert_int_equal(regexec(&form, one.text, 0, NULL, 0), 0);
	regfree(&form);
	assert_string_not_equal(one.text, two.text);
	assert_int_equal(lookup(store, one.text, &found), 0);
	assert_memory_equal(&found, &one, sizeof(one));
	assert_int_equal(lookup(other, two.text, &found), 0);
	assert_string_equal(found.project, "proj");
	assert_true(found.created >= time(NULL) - 60);
}

static void what_is_no_token_is_not_found(void **state)
{
	struct token one = wanted(), found;
	char text[TOKEN_SIZE + 8];

	(void)state;
	assert_int_equal(lookup(store, "terok-p-00000000000000000000000000000000", &found),
			 -ENOENT);
	assert_int_equal(token_mint(store, &one, &why), 0);
	assert_int_equal(token_lookup(store, one.text, 0, &found, &why), -ENOENT);
	assert_int_equal(token_lookup(store, one.text, strlen(one.text) - 1, &found, &why),
			 -ENOENT);
	snprintf(text, sizeof(text), "%s0", one.text);
	assert_int_equal(lookup(store, text, &found), -ENOENT);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(lookup(store, text, &found), -ENOENT);
	one.text[12] ^= 1;
	assert_int_equal(lookup(store, one.text, &found), -ENOENT);
}

static void another_process_sees_it_come_and_go_at_once(void **state)
{
	const struct token_which which = { .project = "proj", .task = "task-1" };
	struct token one = wanted(), two = wanted(), found;

	(void)state;
	assert_int_equal(lookup(other, "terok-p-x", &found), -ENOENT); /* it has looked */
	assert_int_equal(token_mint(store, &one, &why), 0);
	assert_int_equal(lookup(other, one.text, &found), 0);
	strcpy(two.task, "task-2");
	assert_int_equal(token_mint(store, &two, &why), 0);
	assert_int_equal(token_withdraw(store, &which, &why), 1);
	assert_int_equal(lookup(other, one.text, &found), -ENOENT);
	assert_int_equal(lookup(store, one.text, &found), -ENOENT);
	assert_int_equal(lookup(other, two.text, &found), 0);
	assert_int_equal(token_withdraw(store, &which, &why), 0);
}

static void one_is_withdrawn_by_what_people_see_of_it(void **state)
{
	struct token one = wanted(), two = wanted(), found;
	struct token_which which = { .text = "terok-p-" };
	char shown[TOKEN_SIZE];

	(void)state;
	assert_int_equal(token_mint(store, &one, &why), 0);
	assert_int_equal(token_mint(store, &two, &why), 0);
	assert_int_equal(token_withdraw(store, &which, &why), -EEXIST);
	assert_int_equal(lookup(store, one.text, &found), 0);
	which.text = token_mask(one.text, shown);
	assert_int_equal(strlen(shown), TOKEN_SHOWN);
	assert_int_equal(token_withdraw(store, &which, &why), 1);
	assert_int_equal(lookup(store, one.text, &found), -ENOENT);
	assert_int_equal(lookup(store, two.text, &found), 0);
	which = (struct token_which){};
	assert_int_equal(token_withdraw(store, &which, &why), -EINVAL);
}

static void its_time_ends(void **state)
{
	const struct token_which which = { .expired = true };
	struct token one = wanted(), two = wanted(), found;

	(void)state;
	one.expires = time(NULL) + 3600;
	assert_int_equal(token_mint(store, &one, &why), 0);
	two.expires = time(NULL) - 1;
	assert_int_equal(token_mint(store, &two, &why), 0);
	assert_int_equal(lookup(store, one.text, &found), 0);
	assert_int_equal(lookup(store, two.text, &found), -EKEYEXPIRED);
	assert_int_equal(token_withdraw(store, &which, &why), 1);
	assert_int_equal(lookup(store, two.text, &found), -ENOENT);
	assert_int_equal(lookup(store, one.text, &found), 0);
}

static void a_row_of_a_client_of_before_is_a_token_without_terms(void **state)
{
	struct token found;

	(void)state;
	by_hand("INSERT INTO proxy_tokens VALUES "
		"('terok-p-0123456789abcdef0123456789abcdef', 'p', 't', 'default', 'gh')");
	assert_int_equal(lookup(other, "terok-p-0123456789abcdef0123456789abcdef", &found), 0);
	assert_string_equal(found.provider, "gh");
	assert_int_equal(found.budget, TOKEN_UNLIMITED);
	assert_int_equal(found.expires, 0);
	assert_int_equal(token_allows(&found, "DELETE", "/../x", &why), 0);
	assert_true(token_is_for(&found, "anywhere"));
}

static int count_one(const struct token *token, void *user)
{
	(void)token;
	++*(int *)user;
	return 0;
}

static void a_client_of_before_that_revokes_takes_the_terms_as_well(void **state)
{
	struct token one = wanted();
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	int n = 0;

	(void)state;
	one.budget = 3;
	assert_int_equal(token_mint(store, &one, &why), 0);
	assert_int_equal(token_each(store, count_one, &n, &why), 0);
	assert_int_equal(n, 1);
	by_hand("DELETE FROM proxy_tokens WHERE project = 'proj' AND task = 'task-1'");
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_prepare_v2(db, "SELECT count(*) FROM token_terms", -1, &stmt, NULL);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	assert_int_equal(token_spend(store, &one, 1, &why), -ENOENT);
}

static void terms_that_cannot_be_read_are_no_freedom(void **state)
{
	struct token one = wanted(), found;
	char sql[256];

	(void)state;
	strcpy(one.paths, "/v1/**");
	assert_int_equal(token_mint(store, &one, &why), 0);
	snprintf(sql, sizeof(sql), "UPDATE token_terms SET paths = printf('%%.2000c', 'x')");
	by_hand(sql);
	assert_int_equal(lookup(store, one.text, &found), -EBADMSG);
}

static void a_budget_is_spent_once_whoever_spends_it(void **state)
{
	struct store *third = NULL;
	struct token one = wanted(), none = wanted();

	(void)state;
	assert_int_equal(store_open(path, STORE_WRITE, &third, &why), 0);
	one.budget = 10;
	assert_int_equal(token_mint(store, &one, &why), 0);
	assert_int_equal(token_spend(store, &one, 4, &why), 4);
	assert_int_equal(token_spend(third, &one, 4, &why), 4);
	assert_int_equal(token_spend(store, &one, 4, &why), 2);
	assert_int_equal(token_spend(third, &one, 4, &why), 0);
	assert_int_equal(token_spend(store, &one, -3, &why), -3);
	assert_int_equal(token_spend(third, &one, 4, &why), 3);
	assert_int_equal(token_spend(other, &one, 1, &why), -EROFS);
	assert_int_equal(token_mint(store, &none, &why), 0);
	assert_int_equal(token_spend(other, &none, 1000, &why), 1000);
	store_free(third);
}

static int allows(const char *methods, const char *paths, const char *method, const char *target)
{
	struct token token = {};

	strcpy(token.methods, methods);
	strcpy(token.paths, paths);
	return token_allows(&token, method, target, &why);
}

static void a_scope_is_methods_and_paths(void **state)
{
	(void)state;
	assert_int_equal(allows("", "", "BREW", "*"), 0);
	assert_int_equal(allows("GET HEAD", "", "GET", "/x"), 0);
	assert_int_equal(allows("GET HEAD", "", "HEAD", "/x"), 0);
	assert_int_equal(allows("GET HEAD", "", "POST", "/x"), -EACCES);
	assert_int_equal(allows("GET HEAD", "", "GE", "/x"), -EACCES);
	assert_int_equal(allows("GET HEAD", "", "get", "/x"), -EACCES);
	assert_int_equal(allows("GET HEAD", "", "GET HEAD", "/x"), -EACCES);
	assert_int_equal(allows("GET HEAD", "", "", "/x"), -EACCES);
	assert_int_equal(allows("", "/v1/messages", "POST", "/v1/messages"), 0);
	assert_int_equal(allows("", "/v1/messages", "POST", "/v1/messages?beta=true"), 0);
	assert_int_equal(allows("", "/v1/messages", "POST", "/v1/messages/x"), -EACCES);
	assert_int_equal(allows("", "/v1/messages", "POST", "/V1/messages"), -EACCES);
	assert_int_equal(allows("", "/a/** /v1/*/x", "GET", "/v1/5/x"), 0);
	assert_int_equal(allows("", "/a/** /v1/*/x", "GET", "/a/b/c"), 0);
	assert_int_equal(allows("", "/a/** /v1/*/x", "GET", "/v1/5/6/x"), -EACCES);
	assert_int_equal(allows("", "/a/**", "GET", "/a/%62%20c"), 0); /* as it is, with escapes */
	assert_int_equal(allows("", "/a/**", "GET", "*"), -EACCES);
	assert_int_equal(allows("", "/a/**", "GET", "http://x/a/b"), -EACCES);
}

static void a_path_that_can_be_read_as_another_is_not_allowed(void **state)
{
	static const char *const bad[] = {
		"/a/../admin",
		"/a/./b",
		"/a/..",
		"/a/.",
		"/a/%2e%2e/admin",
		"/a/.%2E/admin",
		"/a/..;x/b",
		"/a//b",
		"/a%2fb",
		"/a/%5c..",
		"/a/\\..\\b",
		"/a/%252e%252e/b",
		"/a/%",
		"/a/%4",
		"/a/%zz",
		"/a/%00",
		"/a/%0a",
		"/a/b#c",
		"/a/b c",
		"/a/%3fx",
		"//a/b",
		"",
		"a/b",
		"/a/b/.;/c",
	};

	(void)state;
	assert_int_equal(allows("", "/**", "GET", "/a/b"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (allows("", "/** /a/**", "GET", bad[i]) != -EACCES)
			fail_msg("'%s' was allowed", bad[i]);
	assert_int_equal(allows("", "/a/**", "GET", "/a/..."), 0);
	assert_int_equal(allows("", "/a/**", "GET", "/a/.git"), 0);
}

static void one_of_a_container_is_good_there_alone(void **state)
{
	struct token one = wanted(), found;

	(void)state;
	strcpy(one.container, "box");
	assert_int_equal(token_mint(store, &one, &why), 0);
	assert_int_equal(lookup(other, one.text, &found), 0);
	assert_true(token_is_for(&found, "box"));
	assert_false(token_is_for(&found, "box2"));
	assert_false(token_is_for(&found, ""));
}

static void what_cannot_be_a_token_is_not_made(void **state)
{
	static const char *const names[] = { "",    "%core", "-x",  ".x",
					     "a b", "a/b",   "a\n", "\xc3\xa4" };
	struct token bad;
	int n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		bad = wanted();
		strcpy(bad.project, names[i]);
		assert_int_equal(token_mint(store, &bad, &why), -EINVAL);
		bad = wanted();
		strcpy(bad.task, names[i]);
		assert_int_equal(token_mint(store, &bad, &why), -EINVAL);
		bad = wanted();
		strcpy(bad.provider, names[i]);
		assert_int_equal(token_mint(store, &bad, &why), -EINVAL);
	}
	bad = wanted();
	memset(bad.project, 'a', STORE_NAME_MAX + 1);
	assert_int_equal(token_mint(store, &bad, &why), -EINVAL);
	bad.project[STORE_NAME_MAX] = '\0';
	assert_int_equal(token_mint(store, &bad, &why), 0);
	bad = wanted();
	strcpy(bad.methods, "GET  HEAD");
	assert_int_equal(token_mint(store, &bad, &why), -EINVAL);
	bad = wanted();
	strcpy(bad.paths, "v1");
	assert_int_equal(token_mint(store, &bad, &why), -EINVAL);
	strcpy(bad.paths, "/v1/../x%2f");
	assert_int_equal(token_mint(store, &bad, &why), -EINVAL);
	bad = wanted();
	bad.budget = -2;
	assert_int_equal(token_mint(store, &bad, &why), -EINVAL);
	assert_int_equal(token_each(store, count_one, &n, &why), 0);
	assert_int_equal(n, 1);
}

static void so_many_tokens_and_no_more(void **state)
{
	struct token one = wanted(), over = wanted(), found;
	char sql[256];

	(void)state;
	snprintf(sql, sizeof(sql),
		 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		 " INSERT INTO proxy_tokens SELECT 'terok-p-' || i, 'p', 't', 's', 'v' FROM n",
		 TOKENS_MAX - 1);
	by_hand(sql);
	assert_int_equal(token_mint(store, &one, &why), 0);
	assert_int_equal(token_mint(store, &over, &why), -E2BIG);
	assert_int_equal(lookup(other, one.text, &found), 0);
	assert_int_equal(lookup(other, "terok-p-9999", &found), 0);
	assert_int_equal(lookup(other, over.text, &found), -ENOENT);
}

/* Whoever is killed, each token that was told is there, and no terms without one. */
static void makers_at_the_same_time_lose_nothing(void **state)
{
	int n = 0;

	(void)state;
	store_free(other);
	store_free(store); /* it goes over no fork */
	store = other = NULL;
	for (int i = 0; i < 4; i++)
		if (!fork()) {
			struct store *mine = NULL;
			int r = store_open(path, STORE_WRITE, &mine, NULL);

			for (int k = 0; !r && k < 25; k++) {
				struct token one = wanted();

				r = token_mint(mine, &one, NULL);
			}
			_exit(r ? 1 : 0);
		}
	for (int i = 0; i < 4; i++) {
		int status = -1;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(store_open(path, STORE_READ, &other, &why), 0);
	assert_int_equal(token_each(other, count_one, &n, &why), 0);
	assert_int_equal(n, 100);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_token_is_as_the_contract_has_it_and_never_twice_the_same),
		CASE(what_is_no_token_is_not_found),
		CASE(another_process_sees_it_come_and_go_at_once),
		CASE(one_is_withdrawn_by_what_people_see_of_it),
		CASE(its_time_ends),
		CASE(a_row_of_a_client_of_before_is_a_token_without_terms),
		CASE(a_client_of_before_that_revokes_takes_the_terms_as_well),
		CASE(terms_that_cannot_be_read_are_no_freedom),
		CASE(a_budget_is_spent_once_whoever_spends_it),
		CASE(a_scope_is_methods_and_paths),
		CASE(a_path_that_can_be_read_as_another_is_not_allowed),
		CASE(one_of_a_container_is_good_there_alone),
		CASE(what_cannot_be_a_token_is_not_made),
		CASE(so_many_tokens_and_no_more),
		CASE(makers_at_the_same_time_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
