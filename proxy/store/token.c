// SPDX-License-Identifier: Apache-2.0
/* token.c - look-ups and budgets: what is asked for each request */
#include "token.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "token_row.h"
#include "within.h"

static int index_make(struct store *store, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct index index = {};
	int r = store_version(store, &index.version, why);

	if (!r)
		r = db_prepare(store->db, "SELECT rowid, token FROM proxy_tokens", &stmt, why);
	while (!r && (r = db_step(stmt, why)) > 0) {
		const char *text = (const char *)sqlite3_column_text(stmt, 1);

		r = index_add(&index, text ?: "", sqlite3_column_bytes(stmt, 1),
			      sqlite3_column_int64(stmt, 0));
		if (r)
			problem(why, r, "no memory for the tokens");
	}
	if (r) {
		index_done(&index);
		return r;
	}
	index_sort(&index);
	index.made = true;
	index_done(&store->index);
	store->index = index;
	return 0;
}

/* 1: @ret is the row with this text; 0: another row, or none, has that place now. */
static int row_read(struct store *store, int64_t row, const char *text, size_t n, struct token *ret,
		    struct problem *why)
{
	_cleanup_rest_ sqlite3_stmt *stmt = NULL;
	int r = store_kept(store, KEPT_TOKEN, TOKEN_ROW_SQL " WHERE t.rowid = ?", &stmt, why);

	if (r)
		return r;
	sqlite3_bind_int64(stmt, 1, row);
	r = db_step(stmt, why);
	if (r <= 0)
		return r;
	if ((size_t)sqlite3_column_bytes(stmt, 0) != n ||
	    CRYPTO_memcmp(sqlite3_column_blob(stmt, 0), text, n))
		return 0;
	return token_row_take(stmt, ret, why) ?: 1;
}

/*
 * 1: it is in @ret; 0: there is none. Who is not in the index may have come since it was made;
 * what is remembered is of the file as it is now.
 */
static int find(struct store *store, const char *text, size_t n, struct token *ret,
		struct problem *why)
{
	struct index *index = &store->index;
	uint8_t digest[INDEX_DIGEST];
	const struct token *recent;
	int64_t version = 0;
	int r = index_digest(text, n, digest);

	if (r)
		return problem(why, r, "no digest could be made");
	r = store_version(store, &version, why);
	if (r)
		return r;
	if (version != index->recent_version)
		index_forget(index);
	index->recent_version = version;
	recent = index_recall(index, digest);
	if (recent) {
		*ret = *recent;
		return 1;
	}
	for (int again = 0; again < 2; again++) {
		int64_t row = index_find(index, digest);

		r = row < 0 ? 0 : row_read(store, row, text, n, ret, why);
		if (r || (index->made && index->version == version))
			break;
		r = index_make(store, why);
		if (r)
			return r;
		index->recent_version = version;
	}
	if (r > 0)
		index_remember(index, digest, ret);
	return r;
}

int token_lookup(struct store *store, const char *text, size_t n, struct token *ret,
		 struct problem *why)
{
	struct token token;
	int r;

	if (!n || n >= TOKEN_SIZE)
		return problem(why, -ENOENT, "no token has %zu bytes", n);
	r = find(store, text, n, &token, why);
	if (r <= 0)
		return r ?: problem(why, -ENOENT, "no such token");
	if (token.expires && token.expires <= time(NULL))
		return problem(why, -EKEYEXPIRED, "the token's time is over");
	*ret = token;
	return 0;
}

int token_spend(struct store *store, const struct token *token, int n, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int64_t left = 0;
	int r;

	if (token->budget == TOKEN_UNLIMITED)
		return n;
	r = store_begin(store, why);
	if (r)
		return r;
	r = store_number(store, "SELECT budget - used FROM token_terms WHERE token = ?",
			 token->text, &left, why);
	if (!r && n > left)
		n = left > 0 ? left : 0;
	if (!r && n) /* what is spent is not written again for each who asks */
		r = db_prepare(store->db,
			       "UPDATE token_terms SET used = max(0, used + ?1) WHERE token = ?2",
			       &stmt, why);
	if (!r && n) {
		sqlite3_bind_int(stmt, 1, n);
		sqlite3_bind_text(stmt, 2, token->text, -1, SQLITE_STATIC);
		r = db_step(stmt, why);
	}
	sqlite3_reset(stmt);
	r = store_end(store, r, why);
	return r < 0 ? r : n;
}
