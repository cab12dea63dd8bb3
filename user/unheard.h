/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unheard.h - refusals that a busy hub was not told of, by guard, until it can be told how many
 *
 * Called by: core. Threads: none. No allocation.
 */
#ifndef TEROK_UNHEARD_H
#define TEROK_UNHEARD_H

#include <stdint.h>

#define UNHEARD_MAX 64 /* guards; what is of more of them is counted together, as of guard 0 */

/* Zero at first. */
struct unheard {
	unsigned n;
	struct unheard_of {
		uint32_t guard;
		uint64_t count;
	} of[UNHEARD_MAX + 1];
};

/** unheard_note() - @count more of that guard */
void unheard_note(struct unheard *unheard, uint32_t guard, uint64_t count);

/** unheard_say() - each to @fn, and begin anew */
void unheard_say(struct unheard *unheard, void (*fn)(uint32_t guard, uint64_t count, void *user),
		 void *user);

#endif
