/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_row.h - a row of tokens with its terms, and the other way; for token*.c alone
 *
 * Threads: as the store.
 */
#ifndef STORE_TOKEN_ROW_H
#define STORE_TOKEN_ROW_H

#include "base/db.h"
#include "token.h"

/* Columns as token_row_take() takes them; what follows names the table t. */
#define TOKEN_ROW_SQL                                                                              \
	"SELECT t.token, t.project, t.task, t.credential_set, t.provider, e.token IS NOT NULL,"    \
	" e.created, e.expires, e.container, e.methods, e.paths, e.budget, e.used"                 \
	" FROM proxy_tokens t LEFT JOIN token_terms e ON e.token = t.token"

/** token_row_take() - 0; -EBADMSG: what is in the row cannot be a token's */
int token_row_take(sqlite3_stmt *stmt, struct token *ret, struct problem *why);

/** token_row_check() - can a token be made as @want says? 0; -EINVAL */
int token_row_check(const struct token *want, struct problem *why);

#endif
