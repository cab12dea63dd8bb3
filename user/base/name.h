/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name.h - what people may call things that become rows, files and words of a command line
 *
 * Threads: no state, any.
 */
#ifndef BASE_NAME_H
#define BASE_NAME_H

#include <stddef.h>

#include "base/problem.h"

/** name_check() - a letter or digit, then those and . _ -; @max bytes at most. 0; -EINVAL with @why */
int name_check(const char *name, size_t max, struct problem *why);

#endif
