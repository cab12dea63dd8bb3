/* SPDX-License-Identifier: Apache-2.0 */
/*
 * teller.h - the machine's agent (terok-bpfd) is told what happens to agents, and whom to contain
 *
 * An agent that is not the one that was registered (agent.untrusted) is contained: its container's guard
 * is blocked, as terok-bpfd block does it, and nobody but a person opens it again. What is to be
 * contained is remembered until it is done, whether or not that agent runs; a container without a
 * guard is said once, in the log and as an event. Beside that the agent is told each event of an agent,
 * for its hub, which tells people: as far as it is there, and what it is too late for gives way,
 * the oldest first, and is counted. One word at a time; nobody waits.
 *
 * Owns: what waits, and the line. Called by: sessions. Threads: none.
 */
#ifndef REGISTRY_TELLER_H
#define REGISTRY_TELLER_H

#include "base/event.h"
#include "bus.h"

/* --contain=WORD */
enum contain_policy { CONTAIN_BLOCK, CONTAIN_OFF };

struct teller;

/** teller_new() - @bus is borrowed; -ENOMEM, -ENAMETOOLONG (TEROK_RUN) */
int teller_new(struct loop *loop, struct bus *bus, enum contain_policy policy, struct teller **ret);

/** teller_heard() - of each wish, as bus_first has it: nothing that happens is lost to it */
void teller_heard(struct teller *teller, const struct agent_event *event);

/** teller_free() - while the bus is there. NULL: nothing */
void teller_free(struct teller *teller);

#endif
