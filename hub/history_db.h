/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history_db.h - history.db: entries in, entries out, never too many of them
 *
 * Entries belong to somebody (owner, guard, container, name: a row of "who"). When the file is
 * full the oldest entries of whoever has most give way: of the owner with most the guard with
 * most, so that nobody's noise pushes out what happened to others. What is too old goes first.
 * Both in bites, with each write and by history_db_trim(), so that no call takes long.
 * A file that is no database any more is set aside as history.db.broken-N and begun anew.
 *
 * Owns: the file, history.db in TEROK_STATE unless somebody says otherwise. Called by: history.c
 * (the one writer), user/verb_history.c (readers). Threads: none.
 */
#ifndef HUB_HISTORY_DB_H
#define HUB_HISTORY_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/db.h"
#include "terok/core_msg.h"

#define HISTORY_FILE     "history.db"
#define HISTORY_DAYS     30
#define HISTORY_DAYS_MAX 3660
#define HISTORY_MIB      64
#define HISTORY_MIB_MIN  4
#define HISTORY_MIB_MAX  65536
#define HISTORY_BROKEN   9 /* files set aside; with more of them something is wrong with the disk */

struct history_limits {
	unsigned days;    /* 0: nothing is kept */
	unsigned mib;     /* of the file and its log together */
	const char *file; /* which; stays the caller's; NULL: the agent's */
};

struct history_db;

/** history_db_open() - open or begin; as db_open(), but for what is broken: that is set aside */
int history_db_open(const struct history_limits *limits, struct history_db **ret,
		    struct problem *why);
void history_db_close(struct history_db *db);

/**
 * history_db_write() - all of these entries or none, and a bite of what must go
 * @entry: number is filled by none of this; wall_ns is the caller's
 */
int history_db_write(struct history_db *db, const struct msg_entry *entry, unsigned n,
		     struct problem *why);

/** history_db_trim() - a bite of what is too old or too much; 1: there is more */
int history_db_trim(struct history_db *db, struct problem *why);

/** history_db_due() - CLOCK_REALTIME, ns, when the oldest entry will be too old; 0: there is none */
uint64_t history_db_due(struct history_db *db);

/** history_db_oldest() - entries before that time (CLOCK_REALTIME, ns) are too old */
uint64_t history_db_oldest(const struct history_limits *limits);

/* Which entries; zero: all. */
struct history_query {
	uint64_t after;    /* only those before that number, as pages go on; 0: from the newest */
	uint64_t since_ns; /* only from that time on, CLOCK_REALTIME */
	uint32_t uid;      /* whose; 0: everybody's */
	uint32_t guard;    /* by its number then; 0: all */
	const char *text;  /* by number, name, or 12 or more digits of the id; NULL: all */
	unsigned limit;    /* at most so many; 0: no limit */
	bool oldest_first; /* then .after: only those behind that number */
};

typedef void (*history_fn)(const struct msg_entry *entry, void *user);

/** history_db_handle() - for history_db_read() */
sqlite3 *history_db_handle(struct history_db *db);

/**
 * history_db_read() - in the order of their numbers; 1: there are more than the limit
 *
 * @fn gets texts as they were noted: a container may have chosen their bytes.
 */
int history_db_read(sqlite3 *db, const struct history_query *query, history_fn fn, void *user,
		    struct problem *why);

/** history_db_reader() - the file alone, only for reading; -ENOENT: nothing was ever noted */
int history_db_reader(sqlite3 **ret, struct problem *why);

#endif
