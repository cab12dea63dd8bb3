/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - what holds for every push to a project, whoever's token it is
 *
 * <base>/<project>.policy.json, an object; what is not in it is as POLICY_DEFAULT says:
 *
 *   push           refs that may be pushed at all (patterns)       all branches and tags
 *   protected      refs that nobody may change by a push           none
 *   forbidden      paths that need a grant                         all of .github/workflows
 *   max_push       bytes of one push                               8 GiB
 *   max_object     bytes of one file; 0: no limit                  2 GiB
 *   max_refs       refs of one push                                1000
 *   check_seconds  to look through what is new                     60
 *   ask_seconds    to wait for a person's answer to a refusal      0: nobody is asked
 *   symlinks       "inside" the tree, or "any"                     inside
 *   submodules     "safe" URLs, or "any"                           safe
 *
 * A file that is there and is wrong, or that others may write to, is an error, and nobody pushes.
 * Threads: any.
 */
#ifndef GATE_POLICY_H
#define GATE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"

#define POLICY_PATTERNS 64
#define POLICY_FILE_MAX (64 << 10)

struct policy_list {
	unsigned n;
	char *item[POLICY_PATTERNS]; /* owned */
};

struct policy {
	struct policy_list push, protect, forbidden;
	uint64_t max_push, max_object;
	uint64_t max_refs, check_seconds, ask_seconds;
	bool any_symlinks, any_submodules;
	bool from_file;
};

/** policy_path() - of a project's file, the caller's to free; NULL without memory */
char *policy_path(const char *base, const char *project);

/**
 * policy_parse() - a file's text
 *
 * Return: 0 with @ret, the caller's to policy_done(); -EINVAL with @why, which names the key;
 * -ENOMEM.
 */
int policy_parse(const char *text, size_t size, struct policy *ret, struct problem *why);

/** policy_read() - what holds for a project; no file is the defaults. As policy_parse(), and own_file_read() */
int policy_read(const char *base, const char *project, struct policy *ret, struct problem *why);

/** policy_matches() - the pattern of @list that matches, borrowed; NULL: none */
const char *policy_matches(const struct policy_list *list, const char *text,
			   bool (*matches)(const char *pattern, const char *text));

void policy_done(struct policy *policy);

#endif
