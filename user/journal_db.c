// SPDX-License-Identifier: Apache-2.0
/*
 * journal_db.c - the journal's database: its layouts, statements that are read once, what is written
 * together, and ends over a boot
 */
#include "journal_db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/dir.h"
#include "base/event.h"
#include "domains.h"
#include "journal.h"

#define STATEMENTS 64              /* there are some forty; one more is read each time */
#define LOG_PAGES  1000            /* as sqlite has it for who does it at once */
#define KEPT_S     (366 * 86400LL) /* a guard that did not come back for so long is forgotten */

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

	/* why a control plane had it blocked; NULL: it did not */
	"ALTER TABLE guard ADD COLUMN cause TEXT; ALTER TABLE guard ADD COLUMN cause_detail TEXT;",
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
static int log_pages;                 /* of journal_ahead()'s, as of the last write */

/* Statements that were read: sqlite takes longer to read most of them than to do them. */
static struct kept {
	const char *sql; /* the same text is the same pointer: each is written in one place */
	sqlite3_stmt *stmt;
	bool used;
} kept[STATEMENTS];

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
	for (unsigned i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(kept[i].stmt);
		kept[i] = (struct kept){};
	}
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

static int on_commit(void *user, sqlite3 *db, const char *name, int pages)
{
	(void)user;
	(void)db;
	(void)name;
	log_pages = pages;
	return SQLITE_OK;
}

/* Of no guard, and taken back: what is read and said for one is read by sqlite before it is. */
static void rehearse(const char *nobody)
{
	const struct journal_reader nothing = {};
	const struct domain_rule name = {};
	char profiles[JOURNAL_PROFILES_LEN];
	enum terok_state state;
	uint16_t names;

	if (journal_begin(NULL))
		return;
	journal_get_profiles(nobody, profiles, NULL);
	journal_get_names(nobody, &names, NULL);
	journal_each_domain(nobody, NULL, NULL, NULL);
	journal_each_answer(nobody, &name, NULL, NULL, NULL);
	journal_put_profiles(nobody, "", NULL);
	journal_read(nobody, &nothing, &state, NULL); /* there is no rule and no port */
	journal_put_domain(nobody, &name, NULL);
	journal_put_answers(nobody, &name, NULL, 0, NULL);
	journal_end(-ECANCELED, NULL);
}

int journal_ahead(struct problem *why)
{
	sqlite3 *db;
	int r = journal_open(&db, why);

	if (r)
		return r;
	/* in place of the one that moves pages when there are many */
	sqlite3_wal_hook(db, on_commit, NULL);
	rehearse("");
	return 0;
}

void journal_refresh(void)
{
	if (journal && !db_is_current(journal, JOURNAL_LAYOUT))
		journal_close();
}

void journal_tidy(void)
{
	if (journal &&
	    log_pages >= LOG_PAGES) /* what others write or read just now stays for later */
		sqlite3_wal_checkpoint_v2(journal, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* The place of a statement: its own, or one that is free; NULL: it is in use, or there is no room. */
static struct kept *kept_find(const char *sql)
{
	struct kept *found = NULL;

	for (unsigned i = 0; i < STATEMENTS; i++) {
		if (kept[i].sql == sql)
			return kept[i].used ? NULL : &kept[i];
		if (!kept[i].sql && !found)
			found = &kept[i];
	}
	return found;
}

int journal_prepare(const char *sql, const char *key, sqlite3_stmt **ret, struct problem *why)
{
	sqlite3 *db;
	int r = journal_open(&db, why);
	struct kept *place = r ? NULL : kept_find(sql);

	if (place && place->sql)
		*ret = place->stmt;
	else if (!r)
		r = db_prepare(db, sql, ret, why);
	if (r)
		return r;
	if (place)
		*place = (struct kept){ sql, *ret, true };
	sqlite3_bind_text(*ret, 1, key, -1, SQLITE_STATIC);
	return 0;
}

void journal_release(sqlite3_stmt **stmt)
{
	for (unsigned i = 0; *stmt && i < STATEMENTS; i++) {
		if (kept[i].stmt != *stmt)
			continue;
		sqlite3_reset(*stmt);
		sqlite3_clear_bindings(*stmt);
		kept[i].used = false;
		return;
	}
	sqlite3_finalize(*stmt);
}

int journal_run(const char *sql, const char *key, void (*bind)(sqlite3_stmt *, const void *),
		const void *arg, struct problem *why)
{
	_cleanup_journal_ sqlite3_stmt *stmt = NULL;
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
int journal_note_row(const char *key, struct problem *why)
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

int journal_forget(const char *key, struct problem *why)
{
	*noted = '\0';
	return journal_run("DELETE FROM guard WHERE key = ?1", key, NULL, NULL, why);
}

/* Whole seconds from now, -1: it has ended; 0: no end */
int64_t journal_left(uint64_t until_ns)
{
	uint64_t now = now_boot_ns();

	if (!until_ns)
		return 0;
	return until_ns > now ? (int64_t)((until_ns - now) / SECOND_NS) ?: 1 : -1;
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
