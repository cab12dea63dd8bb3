/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream.h - what a mirror's upstream is asked: which references it has, and their commits
 *
 * Reached the way its URL goes, if that way is allowed: https and ssh are, a plain http, git or
 * file only if the operator said so for this project. Nothing here changes the gate's branches.
 * Threads: none (git is run).
 */
#ifndef GATE_UPSTREAM_H
#define GATE_UPSTREAM_H

#include "mirror.h"
#include "refs.h"

#define UPSTREAM_LIST_NS (60 * GIT_SECOND)

/* What it has, at one moment. */
struct upstream {
	struct refs heads, tags;
	char *head;                     /* its default branch; NULL: it does not say */
	char head_sha[GIT_SHA_MAX + 1]; /* what that is; "": nothing */
	size_t left_out;                /* names that we do not take: too long, or none of git's */
};

/**
 * upstream_check() - may the mirror's upstream be reached, by what is remembered?
 *
 * Return: 0; -EINVAL, -EPROTONOSUPPORT (the URL), -EACCES (not allowed), -ENOKEY, with @why.
 */
int upstream_check(const struct mirror *mirror, struct problem *why);

/** upstream_list() - ask it; @limit_ns from now. Return: 0, or a negative errno with @why. */
int upstream_list(const struct mirror *mirror, uint64_t limit_ns, struct upstream *ret,
		  struct problem *why);

/**
 * upstream_parse() - what git ls-remote --symref wrote; @text is written to
 *
 * Names that git_branch_check() does not take are left out and counted. Return: 0; -EBADMSG: it
 * is not of that form.
 */
int upstream_parse(char *text, struct upstream *ret);

/** upstream_clear() - upstream_done(), for _cleanup_ */
void upstream_clear(struct upstream *upstream);

/**
 * upstream_fetch() - its branches and tags into REFS_UPSTREAM and REFS_MOVED, which are only ours
 * @branches: only these, and no tags; NULL: all
 *
 * What it has no more stays. Return: 0, or a negative errno with @why.
 */
int upstream_fetch(const struct mirror *mirror, const struct refs *branches, uint64_t limit_ns,
		   struct problem *why);

#define _cleanup_upstream_ _cleanup_(upstream_clear)

#endif
