/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_db.h - what the halves of the journal share: the open database, keys, ends
 *
 * Called by: journal*.c and nobody else. Threads: none.
 */
#ifndef TEROK_JOURNAL_DB_H
#define TEROK_JOURNAL_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/db.h"

/** journal_open() - the database, opened at first use; borrowed */
int journal_open(sqlite3 **ret, struct problem *why);

/**
 * journal_prepare() - one statement whose first parameter is the key, which must outlive it
 * @sql: a literal: what it means is remembered by where it is
 *
 * The caller's to journal_release().
 */
int journal_prepare(const char *sql, const char *key, sqlite3_stmt **ret, struct problem *why);

/** journal_release() - done with it, at any row; NULL: nothing */
void journal_release(sqlite3_stmt **stmt);
#define _cleanup_journal_ _cleanup_(journal_release)

/** journal_run() - the same, with @bind for the other parameters, stepped once */
int journal_run(const char *sql, const char *key, void (*bind)(sqlite3_stmt *, const void *),
		const void *arg, struct problem *why);

/** journal_note_row() - the guard's own row, which all others refer to */
int journal_note_row(const char *key, struct problem *why);

/** journal_note() - the same, if its user has room for it; -EDQUOT: journal_share_guard() */
int journal_note(const char *key, struct problem *why);

/** journal_note_said() - the same, and room for @entries; what root said needs none */
int journal_note_said(const char *key, bool by_root, unsigned entries, struct problem *why);

#define JOURNAL_USER_LEN 12 /* UID and a NUL */

/**
 * journal_share_guard() - room for that guard in its user's share; one that is there has it
 *
 * May drop older guards of the same user. Return: 0; -EDQUOT: JOURNAL_USER_GUARDS, and all deny.
 */
int journal_share_guard(const char *key, struct problem *why);

/** journal_share_entries() - the same for @want rules, names, addresses or ports, counted as made */
int journal_share_entries(const char *key, unsigned want, struct problem *why);

/**
 * journal_settle() - make ends that were noted in an earlier boot ends of this one
 *
 * Once for each guard is enough; later calls find nothing.
 */
int journal_settle(const char *key, struct problem *why);

/** journal_boot() - which boot this is, for rows that end */
const char *journal_boot(void);

/** journal_left() - whole seconds until then, -1: it has ended; 0: no end */
int64_t journal_left(uint64_t until_ns);

/** journal_take_end() - columns until, boot_until of a settled row (0: none); false: it is over */
bool journal_take_end(sqlite3_stmt *row, int column, uint64_t *until_ns);

/** journal_bind_domain() - domain, port and protocol of a struct domain_rule as parameters 2 to 4 */
void journal_bind_domain(sqlite3_stmt *stmt, const void *name);

#endif
