/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contain.h - which containers are to be contained, until the machine's agent has done it
 *
 * One for each container, however often it is said; nothing pushes another out. One that cannot be done
 * is tried again later, and holds up no other. Owned by: teller. Threads: none.
 */
#ifndef REGISTRY_CONTAIN_H
#define REGISTRY_CONTAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent_name.h"
#include "terok/agent_event.h"

#define CONTAIN_MAX 16384 /* as many as the world has */

struct containing {
	struct containing *next;
	char container[AGENT_ID_LEN];
	char *agent, *project; /* NULL: not said */
	char reason[AGENT_REASON], detail[AGENT_DETAIL];
	bool waits;      /* it is to be done; else what was said of it is remembered */
	bool said;       /* that it cannot be done: once */
	bool unheard;    /* what came of a try is not known */
	uint64_t due_ns; /* not before, CLOCK_BOOTTIME */
};

struct contain {
	struct containing *first; /* the oldest first */
	unsigned n;
};

/** contain_add() - it is to be contained, if it is not waited for already; -ENOSPC, -ENOMEM */
int contain_add(struct contain *contain, const char *container, const char *agent,
		const char *project, const char *reason, const char *detail);

/** contain_due() - the first that may be done; NULL: none, and @next_ns is when to look again, 0: never */
struct containing *contain_due(const struct contain *contain, uint64_t now_ns, uint64_t *next_ns);

/** contain_find() - NULL: nothing is known of it */
struct containing *contain_find(const struct contain *contain, const char *container);

/** contain_drop() - whatever is known of that container; contain_done(): of all */
void contain_drop(struct contain *contain, const char *container);
void contain_done(struct contain *contain);

#endif
