/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h - a refused push becomes a request at the session's hub, and waits for its answer
 *
 * The hub of the user who runs the gate (terok-clearance-hub), not the machine's, which hears of
 * nobody but the kernel. The request is told on its readers' socket, and the verdict is heard as
 * any client hears it (terok/push.h); only a verdict that names this request, by a number
 * that nobody could guess, counts. One push is answered, once: nothing of it is kept. When the
 * push is over, or the process that asks is no more, the request is withdrawn.
 *
 * Called by: verb_hook.c. Threads: none (it forks who withdraws).
 */
#ifndef GATE_ASK_H
#define GATE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

#define ASK_REASONS 10

struct ask {
	const char *runtime; /* folder of the hub's sockets */
	const char *project, *task, *container, *ref;
	char *reason[ASK_REASONS]; /* what is asked, a line each; NULL is left out */
	unsigned n;
	uint64_t seconds; /* to wait */
};

/**
 * ask_operator() - ask, and wait
 * @why: also where 0 is returned and @ret is false: whether it was denied, or nobody answered
 *
 * Return: 0 with @ret; -ENOENT: no hub is there; -EPROTO: it takes no such request; or another
 * negative errno; with @why.
 */
int ask_operator(const struct ask *ask, bool *ret, struct problem *why);

#endif
