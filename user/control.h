/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the one word that verbs say to a running agent: look at guard N again
 *
 * Verbs change the pinned maps themselves, so that they work without an agent. The word
 * carries no state: the agent reads the truth from the kernel and tells people what
 * changed. SOCK_SEQPACKET at RUN/control.sock, root only (mode 0600 and peer uid), one
 * fixed-size struct; each is answered when the agent has looked, so that a verb returns
 * with everything in place.
 * Called by: verbs (notify), core (serve). Threads: none.
 */
#ifndef TEROK_CONTROL_H
#define TEROK_CONTROL_H

#include <stdint.h>

#include "base/event.h"
#include "base/problem.h"

struct control;

/** control_serve() - listen; @changed is called for each word */
int control_serve(struct loop *loop, void (*changed)(uint32_t guard, void *user), void *user,
		  struct control **ret, struct problem *why);

/** control_free() - stop listening, remove the socket */
void control_free(struct control *control);

/** control_notify() - say the word and wait for the answer, 2 s at most; -ENOENT: no agent */
int control_notify(uint32_t guard);

#endif
