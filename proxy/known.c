// SPDX-License-Identifier: Apache-2.0
#include "known.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKENS_KEPT      256 /* a power of two; two tokens of one place take turns */
#define CREDENTIALS_KEPT 32
#define BLOCK            16 /* requests of a budget that are taken at once */

struct kept_token {
	struct token token;
	unsigned long version; /* of the store, when it was read; 0: never */
	int left;              /* taken of its budget and not used */
};

struct kept_credential {
	char set[STORE_NAME_SIZE], provider[STORE_NAME_SIZE];
	struct credential_use use;
	unsigned long version;
};

struct known {
	struct store *store;
	unsigned long version;
	struct kept_token token[TOKENS_KEPT];
	struct kept_credential credential[CREDENTIALS_KEPT];
};

int known_new(struct store *store, struct known **ret)
{
	struct known *known = calloc(1, sizeof(*known));

	if (!known)
		return -ENOMEM;
	known->store = store;
	known->version = 1;
	store_changed(store);
	*ret = known;
	return 0;
}

static void token_forget(struct known *known, struct kept_token *kept)
{
	if (kept->left)
		token_spend(known->store, &kept->token, -kept->left, NULL);
	explicit_bzero(kept, sizeof(*kept));
}

static void credential_forget(struct kept_credential *kept)
{
	if (kept->version)
		credential_use_done(&kept->use);
	memset(kept, 0, sizeof(*kept));
}

void known_free(struct known *known)
{
	if (!known)
		return;
	for (unsigned i = 0; i < TOKENS_KEPT; i++)
		token_forget(known, &known->token[i]);
	for (unsigned i = 0; i < CREDENTIALS_KEPT; i++)
		credential_forget(&known->credential[i]);
	free(known);
}

void known_forget(struct known *known)
{
	known->version++;
}

static void look(struct known *known)
{
	if (store_changed(known->store))
		known->version++;
}

static unsigned hash(const char *text, size_t n)
{
	unsigned h = 2166136261u;

	while (n--)
		h = (h ^ (unsigned char)*text++) * 16777619u;
	return h;
}

int known_token(struct known *known, const char *text, size_t n, const struct token **ret,
		struct problem *why)
{
	struct kept_token *kept = &known->token[hash(text, n) & (TOKENS_KEPT - 1)];
	bool same = strlen(kept->token.text) == n && n && !CRYPTO_memcmp(kept->token.text, text, n);
	struct token token;
	int r = 0;

	look(known);
	if (!same || kept->version != known->version) {
		r = token_lookup(known->store, text, n, &token, why);
		if (same && r)
			token_forget(known, kept);
		if (r)
			return r;
		if (!same)
			token_forget(known, kept);
		kept->token = token;
		kept->version = known->version;
		explicit_bzero(&token, sizeof(token));
	}
	if (kept->token.expires && kept->token.expires <= time(NULL))
		return problem(why, -EKEYEXPIRED, "the token's time is over");
	*ret = &kept->token;
	return 0;
}

int known_spend(struct known *known, const struct token *token, struct problem *why)
{
	struct kept_token *kept =
	    (struct kept_token *)((char *)token - offsetof(struct kept_token, token));
	int r;

	if (token->budget == TOKEN_UNLIMITED)
		return 0;
	if (!kept->left) {
		r = token_spend(known->store, token, BLOCK, why);
		if (r <= 0)
			return r ?: -EDQUOT;
		kept->left = r;
	}
	kept->left--;
	return 0;
}

int known_credential(struct known *known, const char *set, const char *provider,
		     const struct credential_use **ret, struct problem *why)
{
	unsigned at = (hash(set, strlen(set)) * 31 + hash(provider, strlen(provider))) &
		      (CREDENTIALS_KEPT - 1);
	struct kept_credential *kept = &known->credential[at];
	_cleanup_secret_ struct secret *json = NULL;
	struct credential_use use;
	int r;

	look(known);
	if (kept->version == known->version && !strcmp(kept->set, set) &&
	    !strcmp(kept->provider, provider)) {
		*ret = &kept->use;
		return 0;
	}
	r = credential_load(known->store, set, provider, &json, why);
	r = r ?: credential_read(json->bytes, json->len, &use, why);
	if (r)
		return r;
	credential_forget(kept);
	kept->use = use;
	kept->version = known->version;
	strcpy(kept->set, set);
	strcpy(kept->provider, provider);
	*ret = &kept->use;
	return 0;
}
