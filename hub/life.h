/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h - what the programs of a user's session have in common: begin, end, and who hears of it
 *
 * SIGTERM and SIGINT are the polite end: what is on its way has a second, then it is over, and
 * a second signal does not wait for it. The service manager is told when we serve and when we
 * stop, if it wants to know. Owns: the loop and the signals' descriptor. Threads: none.
 */
#ifndef HUB_LIFE_H
#define HUB_LIFE_H

#include <stdbool.h>

#include "base/event.h"
#include "base/notify.h"
#include "base/problem.h"
#include "base/signals.h"

#define LIFE_STOP_NS SECOND_NS /* from the signal to the end, at most: the contract's */

struct life {
	struct loop *loop;
	struct signals signals;
	struct timer late;
	struct notify notify;
	void (*end)(void *user); /* finish what is on its way, then life_over() */
	void *user;
	bool ending;
};

/**
 * life_begin() - logging by that name, a loop, and its signals
 * @end: asked for once, by a signal; may call life_over() at once
 *
 * Return: 0 or negative errno, logged; life_done() in either case.
 */
int life_begin(struct life *life, const char *name, void (*end)(void *user), void *user);

/** life_run() - tell the service manager that we serve, and do it until the end; 0 or errno */
int life_run(struct life *life);

/** life_over() - nothing is on its way any more: life_run() returns. @life: a struct life */
void life_over(void *life);

/** life_done() - give everything back */
void life_done(struct life *life);

/**
 * life_path() - where a socket of the session is: @name in XDG_RUNTIME_DIR or /run/user/UID
 * @given: somebody said where; then it is that
 *
 * Return: 0; -ENAMETOOLONG with @why.
 */
int life_path(char *buf, size_t size, const char *given, const char *name, struct problem *why);

#endif
