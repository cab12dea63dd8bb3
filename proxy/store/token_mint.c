// SPDX-License-Identifier: Apache-2.0
/* token_mint.c - tokens that are made, listed and withdrawn, by people */
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "token_row.h"
#include "within.h"

#define PREFIX "terok-p-"
#define RANDOM 16 /* bytes; two digits each */

static int new_text(char ret[TOKEN_SIZE])
{
	uint8_t bytes[RANDOM];

	if (RAND_priv_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	strcpy(ret, PREFIX);
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(ret + strlen(PREFIX) + 2 * i, "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

static int put_row(struct store *store, const struct token *token, struct problem *why)
{
	const char *const texts[] = { token->text, token->project, token->task, token->set,
				      token->provider };
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r =
	    db_prepare(store->db,
		       "INSERT INTO proxy_tokens (token, project, task, credential_set, provider) "
		       "VALUES (?, ?, ?, ?, ?)",
		       &stmt, why);

	if (r)
		return r;
	for (int i = 0; i < 5; i++)
		sqlite3_bind_text(stmt, i + 1, texts[i], -1, SQLITE_STATIC);
	return db_step(stmt, why);
}

static int put_terms(struct store *store, const struct token *token, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(
	    store->db,
	    "INSERT INTO token_terms (token, created, expires, container, methods, paths,"
	    " budget, used) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
	    &stmt, why);

	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, token->text, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, token->created);
	sqlite3_bind_int64(stmt, 3, token->expires);
	sqlite3_bind_text(stmt, 4, token->container, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 5, token->methods, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 6, token->paths, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 7, token->budget);
	return db_step(stmt, why);
}

int token_mint(struct store *store, struct token *want, struct problem *why)
{
	int64_t n = 0;
	int r = token_row_check(want, why);

	if (r)
		return r;
	if (new_text(want->text))
		return problem(why, -EIO, "no random bytes for a token");
	if (!want->created)
		want->created = time(NULL);
	want->used = 0;
	r = store_begin(store, why);
	if (r)
		return r;
	r = store_number(store, "SELECT count(*) FROM proxy_tokens", NULL, &n, why);
	if (!r && n >= TOKENS_MAX)
		r = problem(why, -E2BIG,
			    "%s has %d tokens: no more are made; try: token revoke --expired",
			    store->path, TOKENS_MAX);
	if (!r)
		r = put_row(store, want, why);
	if (!r)
		r = put_terms(store, want, why);
	index_done(
	    &store->index); /* that we have written is nothing that the file's version says */
	return store_end(store, r, why);
}

int token_each(struct store *store, int (*fn)(const struct token *token, void *user), void *user,
	       struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(store->db,
			   TOKEN_ROW_SQL " ORDER BY t.project, t.task, t.provider, t.token", &stmt,
			   why);

	while (!r && (r = db_step(stmt, why)) > 0) {
		struct token token;

		/* what cannot be a token opens nothing; it does not hide the others */
		r = token_row_take(stmt, &token, why) ? 0 : fn(&token, user);
	}
	return r;
}

/* Those that @which means: SQL behind WHERE, of the columns that TOKEN_ROW_SQL names. */
static const char *where(const struct token_which *which)
{
	if (which->text)
		return "substr(t.token, 1, length(?1)) = ?1";
	if (which->project)
		return "t.project = ?1 AND t.task = ?2";
	return "e.expires > 0 AND e.expires <= ?3";
}

static int run_for(struct store *store, const char *sql, const struct token_which *which,
		   int64_t *ret, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	char text[512];
	int r;

	snprintf(text, sizeof(text), sql, where(which));
	r = db_prepare(store->db, text, &stmt, why);
	if (r)
		return r;
	/* of those that are not in the text nothing is said: it does not matter */
	sqlite3_bind_text(stmt, 1, which->text ?: which->project, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, which->task, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, time(NULL));
	r = db_step(stmt, why);
	if (r > 0)
		*ret = sqlite3_column_int64(stmt, 0);
	return r < 0 ? r : 0;
}

int token_withdraw(struct store *store, const struct token_which *which, struct problem *why)
{
	static const char from[] =
	    "FROM proxy_tokens t LEFT JOIN token_terms e ON e.token = t.token "
	    "WHERE %s";
	char count[256], take[256];
	int64_t n = 0;
	int r;

	if (!which->text && !(which->project && which->task) && !which->expired)
		return problem(why, -EINVAL, "which tokens is not said");
	r = store_begin(store, why);
	if (r)
		return r;
	snprintf(count, sizeof(count), "SELECT count(*) %s", from);
	snprintf(take, sizeof(take), "DELETE FROM proxy_tokens WHERE token IN (SELECT t.token %s)",
		 from);
	r = run_for(store, count, which, &n, why);
	if (!r && which->text && n > 1)
		r = problem(why, -EEXIST, "%lld tokens begin so: give more of it", (long long)n);
	if (!r)
		r = run_for(store, take, which, &n, why);
	index_done(&store->index);
	return store_end(store, r ?: (int)n, why);
}

const char *token_mask(const char *text, char *ret)
{
	snprintf(ret, TOKEN_SIZE, "%.*s", TOKEN_SHOWN, text);
	return ret;
}
