/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h - what a container shows to come in, and what it may do then
 *
 * A token is of one task of one project. The file of tokens is read again whenever it is
 * another (its time, size, inode): no restart. No file means no tokens, and so does a file that
 * cannot be read or that others may write to. Looking for a token takes the same time whichever
 * it is, and whether it is there or not. token_file.h writes the file.
 *
 * A token found is a reference: it stays what it was when the file changes below it, for the
 * transfer that has it. Threads: none shared.
 */
#ifndef GATE_TOKEN_H
#define GATE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"
#include "place.h"

#define TOKEN_PREFIX    "terok-g-"
#define TOKEN_SIZE      64    /* a token's text and a NUL; ours have 40 bytes, older ones may not */
#define TOKEN_SHOWN     16    /* bytes of a text that people see: the prefix and 8 digits */
#define TOKENS_MAX      10000 /* of one file: more is refused as a whole */
#define TOKEN_PUSH_MAX  32    /* ref patterns of one token */
#define TOKEN_CONTAINER 128   /* a container's name or id, and a NUL */
#define TOKEN_ADMIN     "*"   /* the project of the token that opens every repository */

struct token {
	unsigned refs;
	char text[TOKEN_SIZE];         /* NULs up to its end */
	char project[PROJECT_MAX + 1]; /* TOKEN_ADMIN: all */
	char task[PROJECT_MAX + 1];
	char
	    container[TOKEN_CONTAINER]; /* works only where this container comes in; "": anywhere */
	uint64_t created, expires;      /* seconds since 1970; 0: not known, and never */
	bool read_only;                 /* clone and fetch, no push */
	bool force;                     /* may replace history of a branch */
	bool remove;                    /* may delete branches and tags */
	bool workflows;                 /* may push what needs a grant: .github/workflows/ */
	unsigned n_push;
	char *push
	    [TOKEN_PUSH_MAX]; /* patterns of refs that it may push; none: all that may be pushed */
};

struct tokens;

/**
 * tokens_open() - tokens of a file, which need not be there yet
 * @path:  its absolute path, copied
 * @admin: the text of a token for everything, copied; NULL or "": none
 *
 * Nothing is read before tokens_find(). Return: 0, with @ret the caller's to tokens_free();
 * -EINVAL: @admin is too long, or short enough to be guessed; -ENOMEM; with @why.
 */
int tokens_open(const char *path, const char *admin, struct tokens **ret, struct problem *why);

/** tokens_free() - references that are out stay good. NULL: nothing */
void tokens_free(struct tokens *tokens);
DEFINE_CLEANUP(struct tokens, tokens_free)

/**
 * tokens_find() - the token with this text
 * @text: @n bytes, as a client sent them
 *
 * Return: 0 with a reference, the caller's to token_put(); -ENOENT: there is none, or nothing
 * could be read; -EKEYEXPIRED: it was good once. Both are the same to a client: 403.
 */
int tokens_find(struct tokens *tokens, const char *text, size_t n, struct token **ret);

/**
 * tokens_complaint() - what was wrong with the file when it was last read, told once
 *
 * Return: true with one line for the log: the file that was left aside, or entries of it.
 */
bool tokens_complaint(struct tokens *tokens, struct problem *ret);

/** tokens_each() - read the file again, and see every token until @fn returns other than 0; that */
int tokens_each(struct tokens *tokens, int (*fn)(const struct token *token, void *user),
		void *user);

/**
 * token_reaches() - is it for this project, coming in here?
 * @container: whose own listener it came by; NULL or "": one that all containers share
 */
bool token_reaches(const struct token *token, const char *project, const char *container);

/** token_get() - one more reference, which is @token; token_put() - one less. NULL: nothing */
struct token *token_get(struct token *token);
/** token_put() - see there */
void token_put(struct token *token);
DEFINE_CLEANUP(struct token, token_put)

/** token_new() - an empty one with one reference; NULL without memory */
struct token *token_new(void);

/** token_shown() - as much of a token's text as people may see; returns @ret, of TOKEN_SIZE */
const char *token_shown(const char *text, char *ret);

#endif
