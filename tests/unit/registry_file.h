/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_file.h - the registry's file, looked at and changed by somebody else than who is tested
 */
#ifndef TESTS_REGISTRY_FILE_H
#define TESTS_REGISTRY_FILE_H

#include "registry_box.h"

#include <sqlite3.h>

static char file[160]; /* set by the setup; it need not be there */

static inline void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* What a query says first. */
static inline int number(const char *text)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;
	int n;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

#define ALL "SELECT count(*) FROM agents"

#endif
