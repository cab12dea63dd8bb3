/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reap.h - rows of containers that are no more go when the control plane begins
 *
 * What the runtime lists, stopped ones as well, keeps its row. Three tries; a list that cannot be
 * had, or rows that cannot be read, evict nobody: the control plane begins nevertheless, and says
 * that it knows too much (agent.reap.degraded). Called by: serve. Threads: none.
 */
#ifndef REGISTRY_REAP_H
#define REGISTRY_REAP_H

#include "agents.h"
#include "base/event.h"
#include "runtime.h"

#define REAP_TRIES    3
#define REAP_PAUSE_NS (SECOND_NS / 10) /* doubled each time */

struct reap;

/* @degraded: "" if it went well, else why not, one line. Once. */
typedef void (*reap_fn)(unsigned evicted, const char *degraded, void *user);

/** reap_begin() - @runtime and @agents are borrowed and must be; -EINVAL if one is not */
int reap_begin(struct loop *loop, struct runtime *runtime, struct agents *agents, reap_fn done,
	       void *user, struct reap **ret);

/** reap_end() - after the runtime was freed, which may have it: done() is not called. NULL: nothing */
void reap_end(struct reap *reap);

#endif
