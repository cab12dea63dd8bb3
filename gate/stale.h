/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stale.h - how far a mirror's branch is from its upstream's now, and what was committed last
 *
 * Called by: the verbs status and last-commit. Threads: none (git is run).
 */
#ifndef GATE_STALE_H
#define GATE_STALE_H

#include "base/json.h"
#include "mirror.h"

#define STALE_LIST_NS (30 * GIT_SECOND)

struct staleness {
	char branch[GIT_BRANCH_MAX + 1];                                 /* "": HEAD names none */
	char gate_head[GIT_SHA_MAX + 1], upstream_head[GIT_SHA_MAX + 1]; /* "": not known */
	bool is_stale;         /* the upstream has what the gate has not, as far as is known */
	int64_t behind, ahead; /* commits; -1: they cannot be counted: the gate has not got them */
	char last_checked[40]; /* local time, ISO 8601 */
	char error[256];       /* "": there was none */
};

/**
 * stale_check() - ask the upstream, for 30 seconds at most
 * @branch: NULL: the one that HEAD is
 *
 * What cannot be had is an error in @ret, never a failure.
 */
void stale_check(const struct mirror *mirror, const char *branch, struct staleness *ret);

/** stale_add() - as a JSON object, with the names that programs know */
void stale_add(struct json *json, const char *key, const struct staleness *staleness);

/** stale_print() - for people: one line, or the error */
void stale_print(const struct staleness *staleness);

struct last_commit {
	char hash[GIT_SHA_MAX + 1], date[40];
	char *author, *message; /* as they are: for JSON or log_safe() */
};

/**
 * stale_last_commit() - of a branch, or of HEAD
 *
 * Return: 0; -ENOENT there is no commit; another negative errno, with @why. Strings are the
 * caller's to stale_commit_clear().
 */
int stale_last_commit(const struct mirror *mirror, const char *branch, struct last_commit *ret,
		      struct problem *why);

/** stale_commit_clear() - stale_commit_done(), for _cleanup_ */
void stale_commit_clear(struct last_commit *commit);

#endif
