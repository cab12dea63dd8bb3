/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.h - patterns of refs and of paths, one grammar for both
 *
 * '*' is any bytes but '/', "**" is any bytes; "DIR/" and "DIR/..." with two stars are DIR itself and
 * all below it. A pattern of refs that does not begin with "refs/" is one of branches:
 * "agent/" and two stars is refs/heads/agent and below.
 * Threads: no state, any.
 */
#ifndef GATE_PATTERN_H
#define GATE_PATTERN_H

#include <stdbool.h>

#include "base/problem.h"

#define PATTERN_SIZE 256 /* bytes of a pattern and a NUL */

/** pattern_check() - may people write that? 1 to PATTERN_SIZE - 1 printable bytes. 0; -EINVAL */
int pattern_check(const char *pattern, struct problem *why);

/** pattern_ref() - does it match this whole ref, "refs/heads/x"? Case counts */
bool pattern_ref(const char *pattern, const char *ref);

/**
 * pattern_path() - does it match this path of a tree, "a/b"?
 *
 * Case does not count, for it does not where some people check out.
 */
bool pattern_path(const char *pattern, const char *path);

/** pattern_below() - could it match something below this path, if that were a folder? */
bool pattern_below(const char *pattern, const char *path);

#endif
