// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/db.h"
#include "base/event.h"
#include "policy.h"

#define KEPT_S (366 * 86400LL) /* a guard that did not come back for so long is forgotten */

static const char *const layouts[] = {
	"CREATE TABLE guard (key TEXT PRIMARY KEY, state INTEGER NOT NULL, seen INTEGER NOT NULL)"
	" STRICT;"
	"CREATE TABLE rule (key TEXT NOT NULL REFERENCES guard ON DELETE CASCADE,"
	" addr BLOB NOT NULL, bits INTEGER NOT NULL, port INTEGER NOT NULL,"
	" proto INTEGER NOT NULL, action INTEGER NOT NULL, author INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, until INTEGER NOT NULL, lasts INTEGER NOT NULL,"
	" PRIMARY KEY (key, addr, bits, port, proto)) STRICT;"
	"CREATE TABLE port (key TEXT NOT NULL REFERENCES guard ON DELETE CASCADE,"
	" port INTEGER NOT NULL, PRIMARY KEY (key, port)) STRICT;",
	NULL,
};

static sqlite3 *journal;

static int journal_open(struct problem *why)
{
	const char *dir = getenv("TEROK_STATE");
	char sql[96];
	int r;

	if (journal)
		return 0;
	r = db_open(dir && *dir ? dir : "/var/lib/terok", "policy.db", layouts, &journal, why);
	if (r)
		return r;
	snprintf(sql, sizeof(sql), "DELETE FROM guard WHERE seen < %lld",
		 (long long)time(NULL) - KEPT_S);
	db_exec(journal, sql, NULL); /* what is too old can wait for a better day */
	return 0;
}

void journal_close(void)
{
	sqlite3_close(journal);
	journal = NULL;
}

bool journal_key(const struct terok_info *info, char ret[static JOURNAL_KEY_LEN])
{
	if (info->kind == TEROK_KIND_EXEC)
		return false;
	if (info->kind == TEROK_KIND_CONTAINER)
		snprintf(ret, JOURNAL_KEY_LEN, "container:%.*s", TEROK_NAME_LEN, info->container);
	else
		snprintf(ret, JOURNAL_KEY_LEN, "cgroup:%.*s", TEROK_PATH_LEN, info->path);
	return true;
}

/* Run one statement whose first parameter is the key; @bind sets the others. */
static int run(const char *sql, const char *key, void (*bind)(sqlite3_stmt *, const void *),
	       const void *arg, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = journal_open(why);

	if (!r)
		r = db_prepare(journal, sql, &stmt, why);
	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	if (bind)
		bind(stmt, arg);
	return db_step(stmt, why);
}

static void bind_now(sqlite3_stmt *stmt, const void *arg)
{
	(void)arg;
	sqlite3_bind_int64(stmt, 2, time(NULL));
}

/* The guard's own row, which all others refer to. */
static int guard_note(const char *key, struct problem *why)
{
	return run("INSERT INTO guard VALUES (?1, 0, ?2) ON CONFLICT (key) DO UPDATE SET seen = ?2",
		   key, bind_now, NULL, why);
}

/* Whole seconds from now, -1: it has ended; 0: no end */
static int64_t seconds_left(uint64_t until_ns)
{
	uint64_t now = now_boot_ns();

	if (!until_ns)
		return 0;
	return until_ns > now ? (int64_t)((until_ns - now) / SECOND_NS) ?: 1 : -1;
}

static void bind_dest(sqlite3_stmt *stmt, const void *arg)
{
	const struct rule *rule = arg;

	sqlite3_bind_blob(stmt, 2, rule->dest.addr, sizeof(rule->dest.addr), SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, rule->dest.bits);
	sqlite3_bind_int(stmt, 4, rule->dest.port);
	sqlite3_bind_int(stmt, 5, rule->dest.proto);
}

static void bind_rule(sqlite3_stmt *stmt, const void *arg)
{
	const struct rule *rule = arg;
	int64_t left = seconds_left(rule->value.until_ns);

	bind_dest(stmt, rule);
	sqlite3_bind_int(stmt, 6, rule->value.action);
	sqlite3_bind_int(stmt, 7, rule->value.author);
	sqlite3_bind_int64(stmt, 8, rule->value.uid);
	sqlite3_bind_int64(stmt, 9, left ? time(NULL) + left : 0);
	sqlite3_bind_int64(stmt, 10, left);
}

int journal_put_rule(const char *key, const struct rule *rule, struct problem *why)
{
	int r = guard_note(key, why);

	return r ? r
		 : run("INSERT OR REPLACE INTO rule VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		       key, bind_rule, rule, why);
}

int journal_drop_rule(const char *key, const struct rule *rule, struct problem *why)
{
	return run("DELETE FROM rule WHERE key = ?1 AND addr = ?2 AND bits = ?3 AND port = ?4"
		   " AND proto = ?5",
		   key, bind_dest, rule, why);
}

static void bind_port(sqlite3_stmt *stmt, const void *arg)
{
	sqlite3_bind_int(stmt, 2, *(const uint16_t *)arg);
}

int journal_put_port(const char *key, uint16_t port, struct problem *why)
{
	int r = guard_note(key, why);

	return r ? r
		 : run("INSERT OR REPLACE INTO port VALUES (?1, ?2)", key, bind_port, &port, why);
}

int journal_drop_port(const char *key, uint16_t port, struct problem *why)
{
	return run("DELETE FROM port WHERE key = ?1 AND port = ?2", key, bind_port, &port, why);
}

static void bind_state(sqlite3_stmt *stmt, const void *arg)
{
	sqlite3_bind_int(stmt, 2, *(const enum terok_state *)arg);
}

int journal_put_state(const char *key, enum terok_state state, struct problem *why)
{
	int r = guard_note(key, why);

	return r ? r
		 : run("UPDATE guard SET state = ?2 WHERE key = ?1", key, bind_state, &state, why);
}

int journal_forget(const char *key, struct problem *why)
{
	return run("DELETE FROM guard WHERE key = ?1", key, NULL, NULL, why);
}

#define RULE "SELECT addr, bits, port, proto, action, author, uid, until, lasts FROM rule"

/* A row as a rule; false: it has ended, or is none of ours. */
static bool rule_take(sqlite3_stmt *row, struct rule *rule)
{
	int64_t until = sqlite3_column_int64(row, 7), lasts = sqlite3_column_int64(row, 8);
	int64_t left = until - time(NULL);

	if (sqlite3_column_bytes(row, 0) != sizeof(rule->dest.addr) || (until && left <= 0))
		return false;
	if (left > lasts) /* the clock was set back: it lasts no longer than it was made for */
		left = lasts;
	*rule = (struct rule){
		.keep = true,
		.dest = { .bits = sqlite3_column_int(row, 1),
			  .port = sqlite3_column_int(row, 2),
			  .proto = sqlite3_column_int(row, 3) },
		.value = { .action = sqlite3_column_int(row, 4),
			   .author = sqlite3_column_int(row, 5),
			   .uid = sqlite3_column_int64(row, 6),
			   .until_ns = until ? now_boot_ns() + left * SECOND_NS : 0 },
	};
	memcpy(rule->dest.addr, sqlite3_column_blob(row, 0), sizeof(rule->dest.addr));
	return true;
}

int journal_get_rule(const char *key, const struct rule *like, struct rule *ret,
		     struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = journal_open(why);

	if (!r)
		r = db_prepare(journal,
			       RULE " WHERE key = ?1 AND addr = ?2 AND bits = ?3 AND port = ?4"
				    " AND proto = ?5",
			       &row, why);
	if (r)
		return r;
	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	bind_dest(row, like);
	r = db_step(row, why);
	return r == 1 ? rule_take(row, ret) : r;
}

static int read_rules(const char *key, const struct journal_reader *reader, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	struct rule rule;
	int r = db_prepare(journal, RULE " WHERE key = ?1", &row, why);

	if (r)
		return r;
	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	while ((r = db_step(row, why)) == 1) {
		r = rule_take(row, &rule) ? reader->rule(&rule, reader->user) : 0;
		if (r)
			break;
	}
	return r;
}

static int read_ports(const char *key, const struct journal_reader *reader, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = db_prepare(journal, "SELECT port FROM port WHERE key = ?1", &row, why);

	if (r)
		return r;
	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	while ((r = db_step(row, why)) == 1) {
		r = reader->port(sqlite3_column_int(row, 0), reader->user);
		if (r)
			break;
	}
	return r;
}

int journal_read(const char *key, const struct journal_reader *reader, enum terok_state *state,
		 struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = journal_open(why);

	*state = TEROK_STATE_NONE;
	if (!r)
		r = db_prepare(journal, "SELECT state FROM guard WHERE key = ?1", &row, why);
	if (r)
		return r;
	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	r = db_step(row, why);
	if (r <= 0)
		return r;
	if (sqlite3_column_int(row, 0) < TEROK_STATE_MAX_)
		*state = sqlite3_column_int(row, 0);
	r = guard_note(key, why); /* seen today */
	if (!r)
		r = read_rules(key, reader, why);
	return r ? r : read_ports(key, reader, why);
}
