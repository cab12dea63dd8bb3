// SPDX-License-Identifier: Apache-2.0
#include "journal_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/event.h"
#include "base/dir.h"
#include "journal.h"
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

	"ALTER TABLE guard ADD COLUMN profiles TEXT;"
	"CREATE TABLE name (key TEXT NOT NULL REFERENCES guard ON DELETE CASCADE,"
	" domain TEXT NOT NULL, port INTEGER NOT NULL, proto INTEGER NOT NULL,"
	" action INTEGER NOT NULL, author INTEGER NOT NULL, uid INTEGER NOT NULL,"
	" until INTEGER NOT NULL, lasts INTEGER NOT NULL,"
	" PRIMARY KEY (key, domain, port, proto)) STRICT;"
	"CREATE TABLE answer (key TEXT NOT NULL, domain TEXT NOT NULL, port INTEGER NOT NULL,"
	" proto INTEGER NOT NULL, addr BLOB NOT NULL,"
	" PRIMARY KEY (key, domain, port, proto, addr),"
	" FOREIGN KEY (key, domain, port, proto) REFERENCES name ON DELETE CASCADE) STRICT;"
	"CREATE INDEX answer_addr ON answer (key, addr);"
	"ALTER TABLE port RENAME TO port_tcp;"
	"CREATE TABLE port (key TEXT NOT NULL REFERENCES guard ON DELETE CASCADE,"
	" port INTEGER NOT NULL, proto INTEGER NOT NULL, PRIMARY KEY (key, port, proto)) STRICT;"
	"INSERT INTO port SELECT key, port, 6 FROM port_tcp; DROP TABLE port_tcp;",

	/* the end as this boot has it, and when it was noted */
	"ALTER TABLE rule ADD COLUMN boot TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE rule ADD COLUMN boot_until INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rule ADD COLUMN noted INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE name ADD COLUMN boot TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE name ADD COLUMN boot_until INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE name ADD COLUMN noted INTEGER NOT NULL DEFAULT 0;",

	/* how names are answered: TEROK_NAMES_*, TEROK_RULE_* */
	"ALTER TABLE guard ADD COLUMN names INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE name ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;",

	/* who said the state: 0 is root */
	"ALTER TABLE guard ADD COLUMN state_uid INTEGER NOT NULL DEFAULT 0;",
	NULL,
};
_Static_assert(sizeof(layouts) / sizeof(layouts[0]) == JOURNAL_LAYOUT + 1,
	       "who reads it knows all");

static sqlite3 *journal;
static char boot_id[40];
static char settled[JOURNAL_KEY_LEN]; /* the last: whoever adds 10,000 rules asks as often */
static char noted[JOURNAL_KEY_LEN];   /* ... in what is begun */
static unsigned begun;                /* journal_begin()s without their end */
static int broken;                    /* ... of which one failed */

static int boot_read(struct problem *why)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || fscanf(file, "%39s", boot_id) != 1)
		return problem(why, -EIO, "/proc/sys/kernel/random/boot_id cannot be read");
	return 0;
}

const char *journal_boot(void)
{
	return boot_id;
}

int journal_open(sqlite3 **ret, struct problem *why)
{
	char sql[256];
	int r;

	*ret = journal;
	if (journal)
		return 0;
	r = boot_read(why);
	if (!r)
		r = db_open(state_dir(), "policy.db", layouts, &journal, why);
	if (r)
		return r;
	/* what denies stays: the clock may be wrong for a day */
	snprintf(sql, sizeof(sql),
		 "DELETE FROM guard WHERE seen < %lld AND state != %d AND NOT EXISTS"
		 " (SELECT 1 FROM rule WHERE rule.key = guard.key AND action = %d)",
		 (long long)time(NULL) - KEPT_S, TEROK_STATE_BLOCK, TEROK_DENY);
	db_exec(journal, sql, NULL); /* what is too old can wait for a better day */
	*ret = journal;
	return 0;
}

void journal_close(void)
{
	sqlite3_close(journal);
	journal = NULL;
	*settled = *noted = '\0';
	begun = broken = 0;
}

int journal_begin(struct problem *why)
{
	sqlite3 *db;
	int r = journal_open(&db, why);

	if (!r && !begun)
		r = db_exec(db, "BEGIN IMMEDIATE", why);
	if (!r)
		begun++;
	return r;
}

int journal_end(int result, struct problem *why)
{
	int r;

	broken = broken ?: result;
	if (--begun)
		return result;
	r = result ?: broken ?: db_exec(journal, "COMMIT", why);
	if (r) {
		db_exec(journal, "ROLLBACK", NULL);
		*settled = '\0';
	}
	*noted = '\0';
	broken = 0;
	return r;
}

bool journal_key(const struct terok_info *info, char ret[static JOURNAL_KEY_LEN])
{
	if (info->kind == TEROK_KIND_EXEC)
		return false;
	/*
	 * Who runs containers gives them their ids: nobody's may be taken for another user's. Before
	 * state_uid (layout 5) a user's had no uid in it. No version was released that wrote those,
	 * and none is taken over: of such a row nobody can say any more whose it was, and who gives a
	 * container that id would be given what root had allowed it.
	 */
	if (info->kind == TEROK_KIND_CONTAINER && info->uid)
		snprintf(ret, JOURNAL_KEY_LEN, "container:%u:%.*s", info->uid, TEROK_NAME_LEN,
			 info->container);
	else if (info->kind == TEROK_KIND_CONTAINER)
		snprintf(ret, JOURNAL_KEY_LEN, "container:%.*s", TEROK_NAME_LEN, info->container);
	else if (info->uid) /* who owns the cgroup above makes it anew, for root's guard as well */
		snprintf(ret, JOURNAL_KEY_LEN, "cgroup:%u:%.*s", info->uid, TEROK_PATH_LEN,
			 info->path);
	else
		snprintf(ret, JOURNAL_KEY_LEN, "cgroup:%.*s", TEROK_PATH_LEN, info->path);
	return true;
}

int journal_prepare(const char *sql, const char *key, sqlite3_stmt **ret, struct problem *why)
{
	sqlite3 *db;
	int r = journal_open(&db, why);

	if (!r)
		r = db_prepare(db, sql, ret, why);
	if (!r)
		sqlite3_bind_text(*ret, 1, key, -1, SQLITE_STATIC);
	return r;
}

int journal_run(const char *sql, const char *key, void (*bind)(sqlite3_stmt *, const void *),
		const void *arg, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = journal_prepare(sql, key, &stmt, why);

	if (r)
		return r;
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
static int note_unbounded(const char *key, struct problem *why)
{
	int r;

	if (begun && !strcmp(noted, key))
		return 0;
	r = journal_run("INSERT INTO guard (key, state, seen) VALUES (?1, 0, ?2)"
			" ON CONFLICT (key) DO UPDATE SET seen = MAX(seen, ?2)",
			key, bind_now, NULL, why);
	if (!r && begun)
		snprintf(noted, sizeof(noted), "%s", key);
	return r;
}

int journal_note(const char *key, struct problem *why)
{
	return journal_share_guard(key, why) ?: note_unbounded(key, why);
}

/* What root says of a user's guard must not depend on what that user has kept. */
int journal_note_said(const char *key, bool by_root, unsigned entries, struct problem *why)
{
	int r;

	if (by_root)
		return note_unbounded(key, why);
	r = entries ? journal_share_entries(key, entries, why) : 0;
	return r ?: journal_note(key, why);
}

/* Whole seconds from now, -1: it has ended; 0: no end */
int64_t journal_left(uint64_t until_ns)
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
	int64_t left = journal_left(rule->value.until_ns);

	bind_dest(stmt, rule);
	sqlite3_bind_int(stmt, 6, rule->value.action);
	sqlite3_bind_int(stmt, 7, rule->value.author);
	sqlite3_bind_int64(stmt, 8, rule->value.uid);
	sqlite3_bind_int64(stmt, 9, left ? time(NULL) + left : 0);
	sqlite3_bind_int64(stmt, 10, left);
	sqlite3_bind_text(stmt, 11, boot_id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 12, rule->value.until_ns);
	sqlite3_bind_int64(stmt, 13, time(NULL));
}

int journal_put_rule(const char *key, const struct rule *rule, struct problem *why)
{
	bool by_root = !rule->value.uid && rule->value.author != TEROK_AUTHOR_PROFILE;
	int r = journal_note_said(key, by_root, 1, why);

	return r ? r
		 : journal_run("INSERT OR REPLACE INTO rule VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
			       " ?8, ?9, ?10, ?11, ?12, ?13)",
			       key, bind_rule, rule, why);
}

int journal_drop_rule(const char *key, const struct rule *rule, struct problem *why)
{
	return journal_run(
	    "DELETE FROM rule WHERE key = ?1 AND addr = ?2 AND bits = ?3 AND port = ?4"
	    " AND proto = ?5",
	    key, bind_dest, rule, why);
}

static void bind_port(sqlite3_stmt *stmt, const void *arg)
{
	const struct publish *port = arg;

	sqlite3_bind_int(stmt, 2, port->port);
	sqlite3_bind_int(stmt, 3, port->proto);
}

int journal_put_port(const char *key, const struct publish *port, struct problem *why)
{
	int r = journal_note_said(key, false, 1, why);

	return r ? r
		 : journal_run("INSERT OR REPLACE INTO port VALUES (?1, ?2, ?3)", key, bind_port,
			       port, why);
}

int journal_drop_port(const char *key, const struct publish *port, struct problem *why)
{
	return journal_run("DELETE FROM port WHERE key = ?1 AND port = ?2 AND proto = ?3", key,
			   bind_port, port, why);
}

struct said_state {
	enum terok_state state;
	uint32_t uid;
};

static void bind_state(sqlite3_stmt *stmt, const void *arg)
{
	const struct said_state *said = arg;

	sqlite3_bind_int(stmt, 2, said->state);
	sqlite3_bind_int64(stmt, 3, said->uid);
}

int journal_put_state(const char *key, enum terok_state state, uint32_t uid, struct problem *why)
{
	struct said_state said = { state, uid };
	int r = journal_note_said(key, !uid, 0, why);

	return r ? r
		 : journal_run("UPDATE guard SET state = ?2, state_uid = ?3 WHERE key = ?1", key,
			       bind_state, &said, why);
}

int journal_state_uid(const char *key, uint32_t *ret, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = journal_prepare("SELECT state_uid FROM guard WHERE key = ?1 AND state != 0", key,
				&row, why);

	if (r)
		return r;
	r = db_step(row, why);
	if (r > 0)
		*ret = sqlite3_column_int64(row, 0);
	return r < 0 ? r : r ? 0 : -ENOENT;
}

int journal_forget(const char *key, struct problem *why)
{
	*noted = '\0';
	return journal_run("DELETE FROM guard WHERE key = ?1", key, NULL, NULL, why);
}

static void bind_clocks(sqlite3_stmt *stmt, const void *arg)
{
	(void)arg;
	sqlite3_bind_text(stmt, 2, boot_id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, time(NULL));
	sqlite3_bind_int64(stmt, 4, now_boot_ns());
}

/*
 * Within one boot a rule ends by the clock that nobody sets. Over a boot there is only the
 * wall's: it is asked once, and from then on the rule is one of this boot's, with so much less
 * to last. A clock that is behind the time at which an allow was noted says nothing about
 * how long it has lasted: then it has ended.
 */
#define OTHER_BOOT " WHERE key = ?1 AND until > 0 AND boot != ?2"
#define LEFT       "MIN(lasts, until - ?3)"
#define ENDED      OTHER_BOOT " AND (until <= ?3 OR (?3 < noted AND action = 1))"
#define SETTLE                                                                                     \
	" SET lasts = " LEFT ", until = ?3 + " LEFT ", boot = ?2, noted = ?3,"                     \
	" boot_until = ?4 + 1000000000 * " LEFT OTHER_BOOT

int journal_settle(const char *key, struct problem *why)
{
	static const char *const steps[] = { "DELETE FROM rule" ENDED, "DELETE FROM name" ENDED,
					     "UPDATE rule" SETTLE, "UPDATE name" SETTLE };
	int r = 0;

	if (!strcmp(settled, key))
		return 0;
	for (size_t i = 0; !r && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = journal_run(steps[i], key, bind_clocks, NULL, why);
	if (!r)
		snprintf(settled, sizeof(settled), "%s", key);
	return r;
}

bool journal_take_end(sqlite3_stmt *row, int column, uint64_t *until_ns)
{
	bool ends = sqlite3_column_int64(row, column) != 0;

	*until_ns = ends ? sqlite3_column_int64(row, column + 1) : 0;
	return !ends || *until_ns > now_boot_ns();
}

#define RULE "SELECT addr, bits, port, proto, action, author, uid, until, boot_until FROM rule"

/* A row as a rule, settled; false: it has ended, or is none of ours. */
static bool rule_take(sqlite3_stmt *row, struct rule *rule)
{
	uint64_t until_ns;

	if (sqlite3_column_bytes(row, 0) != sizeof(rule->dest.addr) ||
	    !journal_take_end(row, 7, &until_ns))
		return false;
	*rule = (struct rule){
		.keep = true,
		.dest = { .bits = sqlite3_column_int(row, 1),
			  .port = sqlite3_column_int(row, 2),
			  .proto = sqlite3_column_int(row, 3) },
		.value = { .action = sqlite3_column_int(row, 4),
			   .author = sqlite3_column_int(row, 5),
			   .uid = sqlite3_column_int64(row, 6),
			   .until_ns = until_ns },
	};
	memcpy(rule->dest.addr, sqlite3_column_blob(row, 0), sizeof(rule->dest.addr));
	return true;
}

int journal_get_rule(const char *key, const struct rule *like, struct rule *ret,
		     struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = journal_settle(key, why);

	if (!r)
		r = journal_prepare(RULE " WHERE key = ?1 AND addr = ?2 AND bits = ?3 AND port = ?4"
					 " AND proto = ?5",
				    key, &row, why);

	if (r)
		return r;
	bind_dest(row, like);
	r = db_step(row, why);
	return r == 1 ? rule_take(row, ret) : r;
}

/* An address of a domain is a rule of it: same columns. */
#define ANSWER                                                                                     \
	"SELECT a.addr, 128, a.port, a.proto, n.action, 4, n.uid, n.until, n.boot_until"           \
	" FROM answer a JOIN name n USING (key, domain, port, proto) WHERE a.key = ?1"
#define DENIES_FIRST " ORDER BY n.action, n.until = 0 DESC, n.until DESC"
_Static_assert(TEROK_AUTHOR_NAME == 4, "the author in ANSWER");

/* The first row that has not ended. */
static int answer_of(const char *key, const struct rule *like, struct rule *ret,
		     struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = journal_prepare(
	    ANSWER " AND a.addr = ?2 AND ?3 = 128 AND a.port = ?4 AND a.proto = ?5" DENIES_FIRST,
	    key, &row, why);

	if (r)
		return r;
	bind_dest(row, like);
	while ((r = db_step(row, why)) == 1)
		if (rule_take(row, ret))
			break;
	return r;
}

int journal_get_effective(const char *key, const struct rule *like, struct rule *ret,
			  struct problem *why)
{
	int r = journal_get_rule(key, like, ret, why);

	return r ? r : answer_of(key, like, ret, why);
}

static int each_rule(const char *sql, const char *key, const struct domain_rule *name,
		     int (*fn)(const struct rule *, void *), void *user, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	struct rule rule;
	int r = journal_settle(key, why);

	if (!r)
		r = journal_prepare(sql, key, &row, why);

	if (r)
		return r;
	if (name)
		journal_bind_domain(row, name);
	while ((r = db_step(row, why)) == 1) {
		r = rule_take(row, &rule) ? fn(&rule, user) : 0;
		if (r)
			break;
	}
	return r;
}

int journal_each_answer(const char *key, const struct domain_rule *name,
			int (*fn)(const struct rule *rule, void *user), void *user,
			struct problem *why)
{
	return each_rule(ANSWER " AND a.domain = ?2 AND a.port = ?3 AND a.proto = ?4", key, name,
			 fn, user, why);
}

static int read_ports(const char *key, const struct journal_reader *reader, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = journal_prepare("SELECT port, proto FROM port WHERE key = ?1", key, &row, why);

	if (r)
		return r;
	while ((r = db_step(row, why)) == 1) {
		const struct publish port = { sqlite3_column_int(row, 0),
					      sqlite3_column_int(row, 1) };

		r = reader->port(&port, reader->user);
		if (r)
			break;
	}
	return r;
}

int journal_get_state(const char *key, enum terok_state *ret, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = journal_prepare("SELECT state FROM guard WHERE key = ?1", key, &row, why);

	*ret = TEROK_STATE_NONE;
	if (!r)
		r = db_step(row, why);
	if (r > 0 && sqlite3_column_int(row, 0) < TEROK_STATE_MAX_)
		*ret = sqlite3_column_int(row, 0);
	return r < 0 ? r : 0;
}

int journal_read(const char *key, const struct journal_reader *reader, enum terok_state *state,
		 struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = journal_prepare("SELECT state FROM guard WHERE key = ?1", key, &row, why);

	*state = TEROK_STATE_NONE;
	if (r)
		return r;
	r = db_step(row, why);
	if (r <= 0)
		return r;
	if (sqlite3_column_int(row, 0) < TEROK_STATE_MAX_)
		*state = sqlite3_column_int(row, 0);
	r = journal_note(key, why); /* seen today */
	if (!r)
		r = each_rule(RULE " WHERE key = ?1", key, NULL, reader->rule, reader->user, why);
	if (!r)
		r = each_rule(ANSWER DENIES_FIRST, key, NULL, reader->rule, reader->user, why);
	return r ? r : read_ports(key, reader, why);
}
