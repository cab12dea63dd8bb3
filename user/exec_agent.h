/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_agent.h - make sure that an agent runs: find one, or start a transient one
 *
 * A transient agent is "terok-bpfd run --transient", detached from us and our terminal; it
 * ends by itself when no guard is left. It writes one byte to --ready-fd when guards can
 * be attached and questions asked; until then its standard error is kept for the person.
 * Called by: verb_exec.c, exec_hub.c, exec_guard.c. Waits, 10 s at most. Threads: none.
 */
#ifndef TEROK_EXEC_AGENT_H
#define TEROK_EXEC_AGENT_H

#include "base/problem.h"

/** agent_ensure() - 0 when an agent runs; -ETIMEDOUT, or -EIO with what it said in @why */
int agent_ensure(struct problem *why);

#endif
