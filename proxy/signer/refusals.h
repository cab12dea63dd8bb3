/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusals.h - how many lines of what was refused one container may have
 *
 * A client may be refused as often as it likes, and each line of it would take the place of an older
 * one. So each container (or task, where no container is known) has REFUSALS_AT_ONCE, and one more
 * each REFUSALS_EACH_S; those beyond are counted, and a line of their number follows when there is
 * room for one. Signatures that were given are noted whatever is refused.
 *
 * Owns: its timer. Called by: session.c. Threads: none.
 */
#ifndef SIGNER_REFUSALS_H
#define SIGNER_REFUSALS_H

#include "audit.h"
#include "base/event.h"
#include "base/meter.h"

#define REFUSALS_AT_ONCE 60
#define REFUSALS_EACH_S  10
#define REFUSALS_OF      128 /* containers that are told apart; the others are one */

struct refusals_of {
	char project[STORE_NAME_SIZE], task[STORE_NAME_SIZE], container[STORE_NAME_SIZE];
	struct meter lines;
	uint64_t left_out; /* since its last line */
};

/* Zero, with these two, is one that has refused nothing. */
struct refusals {
	struct loop *loop;
	const char *audit; /* file; NULL: none */
	struct timer timer;
	struct refusals_of of[REFUSALS_OF];
	unsigned n;
};

/** refusals_note() - a line for @deed, which was refused, or one more that has none */
void refusals_note(struct refusals *refusals, const struct deed *deed);

/** refusals_end() - lines for what has been counted, and no more */
void refusals_end(struct refusals *refusals);

#endif
