/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history_core.h - what the core notes in the journal (hub/history.h): questions and answers to them
 * The same goes into the system's journal, where that reads us (system_log.h).
 *
 * Called by: core. Threads: none.
 */
#ifndef TEROK_HISTORY_CORE_H
#define TEROK_HISTORY_CORE_H

#include "asked.h"
#include "hub/history.h"
#include "process.h"

/** history_request() - people were asked for the first time */
void history_request(struct history *history, const struct asked *asked,
		     const struct process_text *process);

/** history_expired() - nobody can answer it any more */
void history_expired(struct history *history, const struct asked *asked);

/** history_verdict() - somebody answered, if that was asked; @result: what became of it */
void history_verdict(struct history *history, const struct asked *asked,
		     const struct msg_verdict *verdict, const struct msg_result *result);

/**
 * history_revoked() - somebody took back a rule that an answer had made
 * @dest: what it was about, as people are shown it
 */
void history_revoked(struct history *history, uint32_t guard, const char *dest, uint16_t port,
		     uint8_t proto, enum terok_action action, uint32_t uid, const char *client);

/** history_contained() - a control plane had a guard blocked */
void history_contained(struct history *history, const struct msg_agent *agent);

/** history_alarm() - a container asks for a guard and has none; @info: who it is */
void history_alarm(struct history *history, const struct terok_info *info);

#endif
