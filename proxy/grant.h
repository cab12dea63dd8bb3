/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant.h - what the store says of a token and of the credential behind it, kept until it changes
 *
 * Each look asks the store whether anybody has written (a few microseconds), so a token that was
 * withdrawn is none at the next request. Requests of a budget are taken from the store in blocks.
 *
 * Called by: server.c. Owns: secrets that were read, in their own pages. Threads: none.
 */
#ifndef PROXY_GRANT_H
#define PROXY_GRANT_H

#include "store/credential.h"
#include "store/store.h"
#include "store/token.h"

struct grants;

int grants_new(struct store *store, struct grants **ret);
/** grants_free() - what was taken of budgets and not used goes back. NULL: nothing */
void grants_free(struct grants *grants);

/** grants_forget() - what was read may be old: we have written ourselves */
void grants_forget(struct grants *grants);

/**
 * grants_token() - the token of that text
 *
 * Return: 0 with @ret, good until the next call of ours; as token_lookup(), with @why.
 */
int grants_token(struct grants *grants, const char *text, size_t n, const struct token **ret,
		 struct problem *why);

/** grants_spend() - one request of its budget. 0; -EDQUOT: there is none left; or as token_spend() */
int grants_spend(struct grants *grants, const struct token *token, struct problem *why);

/** grants_credential() - what that credential is used by. As credential_load() and credential_read() */
int grants_credential(struct grants *grants, const char *set, const char *provider,
		      const struct credential_use **ret, struct problem *why);

#endif
