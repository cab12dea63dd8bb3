/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - the hub's journal: what was asked, who answered, what ended, in history.db
 *
 * The core notes what happens; entries wait for a moment and are written together, so that no
 * decision and nobody who waits for an answer waits for the disk. Nothing depends on it: what
 * cannot be written (a full disk) is said once, counted, and shown later as an entry "missed"
 * of its guard. Requests have a budget for each guard, as its audit file has, so that a guard
 * that runs into its rules for ever leaves room for what people did.
 *
 * Owns: history.db (history_db.h), as its only writer. Called by: core. Threads: none.
 */
#ifndef TEROK_HISTORY_H
#define TEROK_HISTORY_H

#include "asked.h"
#include "base/event.h"
#include "guard.h"
#include "history_db.h"
#include "process.h"

#define HISTORY_RATE    1    /* requests a second and guard, for ever ... */
#define HISTORY_BURST   1000 /* ... and at once */
#define HISTORY_WAITING 128  /* entries that wait; one more, and all are written now */

struct history;

/** history_new() - opens nothing yet; @limits days 0: nothing is noted */
int history_new(struct loop *loop, const struct history_limits *limits, struct history **ret);

/** history_free() - writes what waits */
void history_free(struct history *history);

/** history_guard() - a guard that entries may be of; @attached: now, which is one */
void history_guard(struct history *history, uint32_t id, const struct terok_info *info,
		   bool attached);

/** history_gone() - it ended, which is the last of its entries */
void history_gone(struct history *history, uint32_t id);

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

/**
 * history_read() - what was noted until now, for one who may see what @query says
 *
 * Return: as history_db_read(); -ENOSYS: none is kept.
 */
int history_read(struct history *history, const struct history_query *query, history_fn fn,
		 void *user);

#endif
