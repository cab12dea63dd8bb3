/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.h - what may stand in a symlink and in .gitmodules: they lead elsewhere, on other people's machines
 *
 * git's own check of objects refuses names like .git and the worst of .gitmodules; here is what
 * it lets through. Bytes in, a verdict out. Threads: any.
 */
#ifndef GATE_CONTENT_H
#define GATE_CONTENT_H

#include <stddef.h>

#include "base/problem.h"

#define CONTENT_LINK_MAX 4096 /* bytes of a symlink's target; more is none */

/**
 * content_link() - does a symlink stay in the tree, whatever else is in it?
 * @path: of the link, from the root
 *
 * A target is relative, goes up first (no further than the root) and then only down: behind
 * another name, ".." would go up from wherever a link by that name leads.
 * Return: 0; -EPERM with @why.
 */
int content_link(const char *path, const char *target, size_t size, struct problem *why);

/**
 * content_submodule() - may that be a submodule's URL?
 *
 * https, http, ssh, git and HOST:PATH; or relative, up by two steps at most (another repository of
 * the same owner, or of the same host). Return: 0; -EPERM with @why.
 */
int content_submodule(const char *url, struct problem *why);

/**
 * content_modules() - .gitmodules, as `git config -z --list` has read it: KEY\nVALUE\0 ...
 *
 * Return: 0; -EPERM with @why: a URL that may not be, a command, a path or a name that leads out.
 */
int content_modules(const char *text, size_t size, struct problem *why);

#endif
