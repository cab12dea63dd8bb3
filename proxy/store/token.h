/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h - phantom tokens: what a container shows in place of a credential, and what holds for it
 *
 * A token stands for the credential of one provider in one set; of provider "ssh" for the keys of
 * its project. The row is as older clients write it, and such a row has no terms: it is for ever,
 * for everything, from everywhere. Terms are ours, in a table of their own; they go with the row.
 *
 * A look-up sees a row that went or came a moment before. It takes the same time whichever text
 * is looked for. Threads: as the store.
 */
#ifndef STORE_TOKEN_H
#define STORE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

#define TOKEN_SIZE      64   /* a token's text and a NUL; ours have 40 bytes, older ones may not */
#define TOKEN_SHOWN     16   /* bytes of a text that people see: the prefix and 8 digits */
#define TOKEN_CONTAINER 128  /* a container's name or id, and a NUL */
#define TOKEN_METHODS   128  /* "GET HEAD", and a NUL */
#define TOKEN_PATHS     1024 /* "/v1/models /v1/messages/" and two stars, and a NUL */
#define TOKEN_UNLIMITED (-1)
#define TOKENS_MAX      10000

struct token {
	char text[TOKEN_SIZE];
	char project[STORE_NAME_SIZE], task[STORE_NAME_SIZE];
	char set[STORE_NAME_SIZE], provider[STORE_NAME_SIZE];
	char container[TOKEN_CONTAINER]; /* good only where this one comes in; "": anywhere */
	int64_t created, expires;        /* seconds since 1970; 0: not known, and never */
	int64_t budget, used;            /* requests; TOKEN_UNLIMITED: as many as wanted */
	char methods[TOKEN_METHODS];     /* with a space between them; "": any */
	char paths[TOKEN_PATHS];         /* patterns with a space between them; "": any */
};

/**
 * token_lookup() - the token with this text
 * @text: @n bytes, as a client sent them
 *
 * Its budget is not looked at: token_spend() is who takes from it. Return: 0 with @ret; -ENOENT:
 * there is none; -EKEYEXPIRED: its time is over; -EBADMSG: its row cannot be read; or what the
 * store says, with @why.
 */
int token_lookup(struct store *store, const char *text, size_t n, struct token *ret,
		 struct problem *why);

/**
 * token_allows() - may this request be made with it?
 * @method: as it was sent
 * @target: path of the request as it was sent, with or without a query
 * @why:    which of its terms is against it
 *
 * With patterns of paths, a path that a server could read as another one is never allowed: dot
 * segments, "//", '\', and '/', '\', '%' or NUL as %-escapes. Container and expiry are not
 * looked at. Return: 0; -EACCES.
 */
int token_allows(const struct token *token, const char *method, const char *target,
		 struct problem *why);

/** token_is_for() - may it come in here? @container: whose own listener it is; "": everybody's */
bool token_is_for(const struct token *token, const char *container);

/**
 * token_spend() - take @n requests from the token's budget; negative: give some back
 *
 * One write for all of them: take a block and count it down. Return: how many were had, at most
 * @n (all of them, and nothing is written, if it has no budget); 0: it is spent; -ENOENT: it was
 * revoked; or what the store says.
 */
int token_spend(struct store *store, const struct token *token, int n, struct problem *why);

/**
 * token_mint() - make a token
 * @want: all but text and used, and created, if it is not 0 (now); budget 0 is none at all: TOKEN_UNLIMITED must be said
 *
 * Return: 0 with @want's text and created filled in; -EINVAL: what it says cannot be; -E2BIG:
 * TOKENS_MAX are there.
 */
int token_mint(struct store *store, struct token *want, struct problem *why);

/** token_each() - see every token by project and task, until @fn returns other than 0; that */
int token_each(struct store *store, int (*fn)(const struct token *token, void *user), void *user,
	       struct problem *why);

/* Which: all of a task, or one by its text or the beginning of it that people are shown. */
struct token_which {
	const char *project, *task;
	const char *text;
	bool expired; /* of all, those whose time is over */
};

/**
 * token_withdraw() - they are tokens no more
 *
 * Return: how many; -EEXIST: the beginning of a text is more than one token's.
 */
int token_withdraw(struct store *store, const struct token_which *which, struct problem *why);

/** token_mask() - as much of a token's text as people may see; returns @ret, of TOKEN_SIZE */
const char *token_mask(const char *text, char *ret);

#endif
