/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_core.h - what the OCI hook says to the core, and how long it waits
 *
 * An agent that is not there is an error at once. One that went away while it was asked, or less
 * than HOOK_AGAIN_NS ago, or died, may be one that is being started again, as on an upgrade: it is
 * asked for that long.
 * Called by: hook.c. Threads: none.
 */
#ifndef TEROK_HOOK_CORE_H
#define TEROK_HOOK_CORE_H

#include "base/problem.h"
#include "terok/control_msg.h"

#define HOOK_WAIT_NS    UINT64_C(20000000000)
#define HOOK_STOPPED_NS UINT64_C(2000000000)
#define HOOK_AGAIN_NS   UINT64_C(5000000000)
#define HOOK_COMING_NS  UINT64_C(5000000)

/** hook_coming() - a container is about to be created: tells it, and waits for nobody */
void hook_coming(void);

/** hook_attach() - 0: it is guarded; negative errno with @why */
int hook_attach(struct control_attach *word, struct problem *why);

/** hook_stopped() - that container has ended; negative errno */
int hook_stopped(const char *id);

#endif
