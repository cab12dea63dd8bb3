/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - how much of what a guard was refused nobody is asked about
 *
 * A guard has a budget of open questions (asked.h). What it is refused beyond that is counted
 * here, and said now and then: at once, then every HELD_EVERY_NS as long as there is more, and
 * the last of it.
 * Called by: core. Threads: none. No allocation after held_new().
 */
#ifndef TEROK_HELD_H
#define TEROK_HELD_H

#include "asked.h"
#include "base/event.h"

#define HELD_EVERY_NS SECOND_NS
#define HELD_MAX      (8 * ASKED_MAX / ASKED_OPEN_MAX) /* guards: of more of them it is said sooner */

struct held;

/** held_fn - say it: @count since the last time, @last of them */
typedef void (*held_fn)(const struct asked *last, uint64_t count, void *user);

int held_new(struct loop *loop, held_fn say, void *user, struct held **ret);
void held_free(struct held *held);
DEFINE_CLEANUP(struct held, held_free)

/** held_note() - one more that nobody is asked about */
void held_note(struct held *held, const struct asked *asked);

/** held_forget() - a guard that is gone, or that no longer asks */
void held_forget(struct held *held, uint32_t guard);

#endif
