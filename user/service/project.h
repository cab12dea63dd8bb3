/* SPDX-License-Identifier: Apache-2.0 */
/*
 * project.h - what a project may be called, and a task of one
 *
 * Threads: none.
 */
#ifndef SERVICE_PROJECT_H
#define SERVICE_PROJECT_H

#include "base/problem.h"

#define PROJECT_MAX 64 /* bytes of a project's or task's name, without a NUL */

/**
 * project_check() - may a project (or a task) be called so?
 *
 * A letter or digit, then those and . _ -; PROJECT_MAX at most; not ending in ".git" or ".lock".
 * Return: 0; -EINVAL with @why.
 */
int project_check(const char *name, struct problem *why);

#endif
