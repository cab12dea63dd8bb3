/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_within.h - the core, between the files that it is: core*.c and nobody else
 *
 * core.c makes everything and wires it together; core_refused.c is the way of a refusal to
 * people, core_hub.c what the hub says: answers, and questions about what was and what holds.
 * Threads: none.
 */
#ifndef TEROK_CORE_WITHIN_H
#define TEROK_CORE_WITHIN_H

#include "asked.h"
#include "base/event.h"
#include "base/signals.h"
#include "core.h"
#include "discover.h"
#include "dossiers.h"
#include "grants.h"
#include "held.h"
#include "history_core.h"
#include "kernel.h"
#include "lately.h"
#include "nameserver.h"
#include "owners.h"
#include "record.h"
#include "serving.h"
#include "unheard.h"
#include "watched.h"
#include "why.h"
#include "orders.h"
#include "worker.h"

struct core {
	const struct core_options *options;
	struct loop *loop;
	struct kernel *kernel;
	struct kernel_load load;
	struct records *records;
	struct asked_table *asked;
	struct held *held;
	struct lately *lately;
	struct unheard unheard; /* by the hub */
	struct grants *grants;
	struct watched *watched; /* the guards as people were last told of them */
	struct dossiers *dossiers;
	struct orders *orders;
	struct discover *discover;
	struct history *history; /* NULL: none is kept */
	struct why_audience audience;
	struct worker hub;
	struct nameserver *nameserver;
	struct owners *owners;
	struct serving serving;
	struct signals signals;
	struct timer give_up;
	int lock_fd, listen_fd;
};

/** core_on_record() - the kernel refused something */
void core_on_record(const struct terok_record *record, void *user);

/** core_on_unnamed() - the resolver did */
void core_on_unnamed(const struct msg_unnamed *unnamed, void *user);

/** core_tell_refused() - tell the hub of a refusal; core_tell_held(): of many that nobody is asked about */
void core_tell_refused(const struct asked *asked, void *user);
void core_tell_held(const struct asked *last, uint64_t count, void *user);

/** core_tell_unheard() - of how many the hub was not told */
void core_tell_unheard(uint32_t guard, uint64_t count, void *user);

/** core_tell_contained() - that a guard is, if it is; 0 */
int core_tell_contained(const struct guard *guard, void *user);

/** core_tell_hub() - one message */
void core_tell_hub(struct msg_packet *packet, void *user);

extern const struct worker_events core_hub_events;

#endif
