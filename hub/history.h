/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - the hub's journal: what was asked, who answered, what ended, in history.db
 *
 * Whoever is behind the hub notes what happens: the agent's core of its guards, a session's hub of
 * its containers, which have no numbers. Entries wait for a moment and are written together, so that no
 * decision and nobody who waits for an answer waits for the disk. Nothing depends on it: what
 * cannot be written (a full disk) is said once, counted, and shown later as an entry "missed"
 * of its guard. Requests have a budget for each guard, as its audit file has, so that a guard
 * that runs into its rules for ever leaves room for what people did.
 *
 * Owns: history.db (history_db.h), as its only writer. Called by: user/core.c with
 * user/history_core.c, hub_reader.c. Threads: none.
 */
#ifndef HUB_HISTORY_H
#define HUB_HISTORY_H

#include "base/event.h"
#include "history_db.h"
#include "terok/abi.h"

#define HISTORY_RATE       1    /* requests a second and guard, for ever ... */
#define HISTORY_BURST      1000 /* ... and at once */
#define HISTORY_WAITING    128  /* entries that wait; one more, and all are written now */

#define HISTORY_CONTAINERS 512

struct history;

/** history_new() - opens nothing yet; @limits days 0: nothing is noted */
int history_new(struct loop *loop, const struct history_limits *limits, struct history **ret);

/** history_open() - open it now, and not with the first entry; what is against it is said */
void history_open(struct history *history);

/** history_free() - writes what waits */
void history_free(struct history *history);

/** history_guard() - a guard that entries may be of; @attached: now, which is one */
void history_guard(struct history *history, uint32_t id, const struct terok_info *info,
		   bool attached);

/** history_gone() - it ended, which is the last of its entries */
void history_gone(struct history *history, uint32_t id);

/**
 * history_container() - a container that entries may be of, of a hub without guards
 * @container: what is longer than a field is cut; @name: NULL: as it was said before
 *
 * Of more than HISTORY_CONTAINERS some have a budget together.
 *
 * Return: what history_entry() knows it by, until the next call.
 */
uint32_t history_container(struct history *history, uint32_t owner, const char *container,
			   const char *name);

/**
 * history_entry() - one more entry of a guard or container, to be filled at once
 *
 * What is missing before it is said first. NULL: it is not noted, or there is no memory.
 */
struct msg_entry *history_entry(struct history *history, uint32_t id, enum entry_type type);

/**
 * history_read() - what was noted until now, for one who may see what @query says
 *
 * Return: as history_db_read(); -ENOSYS: none is kept.
 */
int history_read(struct history *history, const struct history_query *query, history_fn fn,
		 void *user);

#endif
