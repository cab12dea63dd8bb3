/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals.h - signals as events of a loop
 *
 * SIGTERM and SIGINT are how each of our programs is ended; some hear of others as well. They are
 * blocked from here on and read one at a time, so a handler may do all that a callback may.
 * Called by: whoever has a loop. Owns: a descriptor. Threads: none.
 */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

#include "base/event.h"

/* A member of the object that it serves; zero: of no loop. */
struct signals {
	struct source source;
	int (*fn)(struct signals *signals, int signal);
};

/**
 * signals_add() - SIGTERM, SIGINT and @more come to @fn
 * @more: 0 at its end; NULL: no more
 * @fn: returns 0, or a negative errno to end loop_run() with it; may call signals_end()
 *
 * Return: 0 or negative errno.
 */
int signals_add(struct loop *loop, struct signals *signals, const int *more,
		int (*fn)(struct signals *signals, int signal));

/** signals_end() - hear of none any more; they stay blocked. Also of one that was not added */
void signals_end(struct signals *signals);

#endif
