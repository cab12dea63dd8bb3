/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update.h - one ref that a push would move: what is said of it by its name alone
 *
 * git tells hooks lines of "OLD NEW REF". Nothing of the repository is looked at here.
 * Threads: any.
 */
#ifndef GATE_UPDATE_H
#define GATE_UPDATE_H

#include <stdbool.h>
#include <stddef.h>

#include "git_text.h"
#include "policy.h"
#include "token.h"

#define UPDATE_REF_MAX 512 /* bytes of a ref's name; git itself takes less */
#define UPDATES_MAX    100000

/* How a ref would move. */
enum update_kind {
	UPDATE_CREATE,
	UPDATE_MOVE, /* forward or not: that is for who has the commits */
	UPDATE_DELETE,
};

struct update {
	enum update_kind kind;
	char old[GIT_SHA_MAX + 1], new[GIT_SHA_MAX + 1];
	char *ref;   /* whole, "refs/heads/x" */
	bool forced; /* it is not a step forward; known after hook_look() */
};

struct updates {
	struct update *item;
	size_t n;
};

/**
 * updates_parse() - a hook's standard input
 *
 * Return: 0 with @ret, the caller's to updates_done(); -EINVAL: no such lines; -E2BIG; -ENOMEM;
 * with @why.
 */
int updates_parse(const char *text, size_t size, struct updates *ret, struct problem *why);
void updates_done(struct updates *updates);

/** update_branch() - what is behind "refs/heads/", borrowed; NULL: it is no branch */
const char *update_branch(const struct update *update);

/* What a refusal is about, and so what would lift it. */
enum refusal {
	REFUSED_NOT,
	REFUSED_ALWAYS,    /* nothing would */
	REFUSED_REF,       /* a policy, or a token's patterns */
	REFUSED_FORCE,     /* a token with force */
	REFUSED_REMOVE,    /* ... with remove */
	REFUSED_WORKFLOWS, /* ... with workflows */
};

/**
 * update_judge() - may this token move this ref so, as far as can be told by name?
 *
 * Return: REFUSED_NOT, or what it is about, with one line in @why that names no ref.
 */
enum refusal update_judge(const struct update *update, const struct token *token,
			  const struct policy *policy, struct problem *why);

/** update_judge_forced() - the same for one that is found to be no step forward */
enum refusal update_judge_forced(const struct update *update, const struct token *token,
				 struct problem *why);

#endif
