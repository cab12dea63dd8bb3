/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push.h - what a git-receive-pack is started with, so that our hook decides what it does
 *
 * git runs hooks from a folder that the gate owns, never from a repository: each is this
 * program again, `terok-gate hook pre-receive` and `... post-receive`. Before a push moves a
 * ref, the first looks at every ref and every new path (hook.h); after one, the second saves
 * what a forced push displaced. What the hooks must know of the token travels in the
 * environment, which git hands on; nothing of it is what a client sent.
 * Threads: none.
 */
#ifndef GATE_PUSH_H
#define GATE_PUSH_H

#include "base/problem.h"
#include "token.h"

#define PUSH_ENV_MAX 64
#define PUSH_HOOKS   ".terok-hooks" /* folder of hooks, in that of mirrors */

/* What to add to a backend's environment. GIT_CONFIG_* is in it: the caller adds none of those. */
struct push_env {
	char *item[PUSH_ENV_MAX]; /* "NAME=value", the owner's to push_env_done() */
	unsigned n;
};

/**
 * push_hooks() - make the folder of hooks, or make it right: 0700, <base>/.terok-hooks
 * @base: of the mirrors. Its name begins with a dot and so is no project's.
 *
 * To be called when the gate begins, and cheap when all is there. Return: 0 with the folder's
 * absolute path, the caller's to free; negative errno with @why.
 */
int push_hooks(const char *base, char **ret, struct problem *why);

/**
 * push_environment() - the variables for one git of this token and this repository
 * @repository: absolute path of <base>/<project>.git
 * @receives: it is a git-receive-pack; else only what every git of ours has (no hooks, refs
 *	      of ours hidden)
 *
 * The policy of the project is read here (policy.h): a file that is there and is wrong means
 * that nobody pushes. Return: 0 with @ret; -EACCES: the token may not push; negative errno, with
 * @why, which may be shown to the client.
 */
int push_environment(const struct token *token, const char *repository, bool receives,
		     struct push_env *ret, struct problem *why);

void push_env_done(struct push_env *env);

#endif
