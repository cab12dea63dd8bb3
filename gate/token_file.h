/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_file.h - the file of tokens: its JSON, and how it is written
 *
 *   { "terok-g-<32 digits>": { "project": "P", "task": "T", ... }, ... }
 *
 * as programs before this one wrote it, which read it still. Keys of ours come on top: container
 * (text), created and expires (seconds since 1970), read_only, force, remove, workflows (true or
 * false), push (a list of patterns; an empty one is read_only). What says less than it should
 * is worth nothing: an entry with a key of ours that is not what it must be is left out, and never
 * read as one without limits. Keys that we do not know stay in the file.
 *
 * Writers take turns by a lock, FILE.lock, for reading, changing and writing; a file has its old
 * bytes or its new ones. One that is no JSON is moved to FILE.corrupt by who writes next.
 * Threads: none shared.
 */
#ifndef GATE_TOKEN_FILE_H
#define GATE_TOKEN_FILE_H

#include "token.h"

#define TOKEN_FILE_MAX (8 << 20) /* bytes: TOKENS_MAX entries with all they may have */

struct token_list {
	struct token **token;
	unsigned n;
};

/** token_list_done() - lets go of the list's references */
void token_list_done(struct token_list *list);

/**
 * token_parse() - the tokens of a file's text, in its order
 * @why: of entries that are left out: how many, and why the first
 *
 * Return: number of entries left out; -EINVAL: no JSON object; -E2BIG, -ENOMEM; with @why. @ret
 * is the caller's to token_list_done() if that is not negative.
 */
int token_parse(const char *text, size_t size, struct token_list *ret, struct problem *why);

/**
 * token_create() - add a token for what @want says of it, and write the file
 * @want:    all but its text and times of creation
 * @warning: a file that was set aside; else ""
 *
 * Return: 0 with the text in @ret (TOKEN_SIZE bytes); -EINVAL: what @want says cannot be;
 * -E2BIG: TOKENS_MAX are there; or another negative errno; with @why.
 */
int token_create(const char *path, const struct token *want, char *ret, struct problem *warning,
		 struct problem *why);

/* Which tokens: all of a task, or one by its text or the beginning of it that people are shown. */
struct token_which {
	const char *project, *task;
	const char *text;
	bool expired; /* of all, those whose time is over */
};

/**
 * token_revoke() - take tokens out of the file; it is not written if there is none of them
 *
 * Return: how many; -EEXIST: the beginning of a text is more than one token's; or another
 * negative errno; with @why.
 */
int token_revoke(const char *path, const struct token_which *which, struct problem *warning,
		 struct problem *why);

#endif
