/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known.h - what the store says of a token and of the credential behind it, kept until it changes
 *
 * Each look asks the store whether anybody has written (for nothing, while nobody has), so a token that was
 * withdrawn is none at the next request. Requests of a budget are taken from the store in blocks.
 *
 * Called by: server.c. Owns: secrets that were read, in their own pages. Threads: none.
 */
#ifndef PROXY_KNOWN_H
#define PROXY_KNOWN_H

#include "store/credential.h"
#include "store/store.h"
#include "store/token.h"

struct known;

int known_new(struct store *store, struct known **ret);
/** known_free() - what was taken of budgets and not used goes back. NULL: nothing */
void known_free(struct known *known);

/** known_forget() - what was read may be old: we have written ourselves */
void known_forget(struct known *known);

/**
 * known_token() - the token of that text
 *
 * Return: 0 with @ret, good until the next call of ours; as token_lookup(), with @why.
 */
int known_token(struct known *known, const char *text, size_t n, const struct token **ret,
		struct problem *why);

/** known_spend() - one request of its budget. 0; -EDQUOT: there is none left; or as token_spend() */
int known_spend(struct known *known, const struct token *token, struct problem *why);

/** known_credential() - what that credential is used by. As credential_load() and credential_read() */
int known_credential(struct known *known, const char *set, const char *provider,
		     const struct credential_use **ret, struct problem *why);

#endif
