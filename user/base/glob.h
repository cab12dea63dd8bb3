/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glob.h - patterns of paths: '*' is any bytes but '/', two stars are any bytes
 *
 * "DIR/" and DIR with "/" and two stars behind it are DIR itself and all below it. Takes time
 * that is linear in the text for each star, whatever the pattern. Threads: no state, any.
 */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <stdbool.h>

#define GLOB_SIZE 512 /* bytes of a pattern and a NUL; of a longer one nothing is matched */

/** glob_match() - does it match the whole of @text? @fold: case does not count */
bool glob_match(const char *pattern, const char *text, bool fold);

#endif
