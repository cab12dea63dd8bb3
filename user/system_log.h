/* SPDX-License-Identifier: Apache-2.0 */
/*
 * system_log.h - guards, requests and verdicts in the system's journal, with fields to look for
 *
 * Where systemd reads our stderr each of these is an entry with a MESSAGE_ID of its kind and fields
 * TEROK_*, which terok-bpfd(8) lists; elsewhere nothing is written: journal.c and hub/history.c keep
 * what must be kept. Refusals are no entries, only what people are asked about.
 *
 * Nobody floods it: requests of a guard have a budget, and so have the other entries of one user.
 * What was left out is counted and in the next one that is written (TEROK_UNLOGGED). Nobody waits.
 *
 * Called by: core*.c, history_core.c. Owns: one connection, the process's. Threads: none.
 */
#ifndef TEROK_SYSTEM_LOG_H
#define TEROK_SYSTEM_LOG_H

#include "asked.h"
#include "process.h"
#include "terok/core_msg.h"

/* At once, and a second for ever. */
#define SYSTEM_LOG_REQUESTS      60
#define SYSTEM_LOG_REQUESTS_RATE 1
#define SYSTEM_LOG_USER          500
#define SYSTEM_LOG_USER_RATE     10

/* MESSAGE_ID of each kind: they never change, and are in the manual. */
#define SYSTEM_LOG_ATTACHED "0f3c8a5d1b7e4c62a94d17f0d2c6b831"
#define SYSTEM_LOG_STATE    "5b1de07c34f94a0e8f63b2a9c7d41e55"
#define SYSTEM_LOG_GONE     "c27f4e9016ab4d3b9e50a8d3f17b6294"
#define SYSTEM_LOG_REQUEST  "7a90d3b2f58e4f1cb6271c04e9ad835f"
#define SYSTEM_LOG_VERDICT  "e41b6f72c0d94585a3f80d9e26b7c19a"
#define SYSTEM_LOG_REVOKED  "92d5c3a87e1f4b06bd34f6a1508e7cd2"
#define SYSTEM_LOG_ALARM    "38c6e1f4a90b4d77825bd0f93e6a14cb"

/**
 * system_log_open() - before privileges go
 * @place: of the journal's socket; NULL: systemd's, if it reads our stderr, else nothing is written
 */
void system_log_open(const char *place);
/** system_log_close() - forget everything; also of one that was never open */
void system_log_close(void);

/** system_log_guard() - a guard, new (GUARD_ATTACHED), changed, or known from now on (GUARD_LISTED) */
void system_log_guard(uint32_t id, const struct terok_info *info, enum terok_state state,
		      enum guard_news news);

/** system_log_gone() - it ended; @reason for people */
void system_log_gone(uint32_t id, const char *reason);

/** system_log_request() - people were asked for the first time */
void system_log_request(const struct asked *asked, const struct process_text *process);

/** system_log_verdict() - somebody answered; @result says what became of it */
void system_log_verdict(const struct asked *asked, const struct msg_verdict *verdict,
			const struct msg_result *result);

/** system_log_revoked() - somebody took back what an answer had made; @dest as people are shown it */
void system_log_revoked(uint32_t guard, const char *dest, uint16_t port, uint8_t proto,
			enum terok_action action, uint32_t uid, const char *client);

/**
 * system_log_alarm() - something about a guard that somebody should look at; on stderr where there is no journal
 * @field: of @text: TEROK_DOMAIN, TEROK_REASON
 */
void system_log_alarm(uint32_t guard, const char *message, const char *field, const char *text);

/** system_log_unlogged() - entries that were left out or lost since the last one that was not */
uint64_t system_log_unlogged(void);

#endif
