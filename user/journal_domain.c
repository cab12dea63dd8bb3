// SPDX-License-Identifier: Apache-2.0
/*
 * journal_domain.c - the journal's half of domains: what is said of them, the addresses they had,
 * and the profiles that most of them come from
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "journal.h"
#include "journal_db.h"
#include "domains.h"

void journal_bind_domain(sqlite3_stmt *stmt, const void *arg)
{
	const struct domain_rule *name = arg;

	sqlite3_bind_text(stmt, 2, name->domain, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, name->dest.port);
	sqlite3_bind_int(stmt, 4, name->dest.proto);
}

static void bind_whole(sqlite3_stmt *stmt, const void *arg)
{
	const struct domain_rule *name = arg;
	int64_t left = journal_left(name->value.until_ns);

	journal_bind_domain(stmt, name);
	sqlite3_bind_int(stmt, 5, name->value.action);
	sqlite3_bind_int(stmt, 6, name->value.author);
	sqlite3_bind_int64(stmt, 7, name->value.uid);
	sqlite3_bind_int64(stmt, 8, left ? time(NULL) + left : 0);
	sqlite3_bind_int64(stmt, 9, left);
	sqlite3_bind_text(stmt, 10, journal_boot(), -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 11, name->value.until_ns);
	sqlite3_bind_int64(stmt, 12, time(NULL));
	sqlite3_bind_int(stmt, 13, name->value.flags);
}

int journal_put_domain(const char *key, const struct domain_rule *name, struct problem *why)
{
	bool by_root = !name->value.uid && name->value.author != TEROK_AUTHOR_PROFILE;
	int r = journal_note_said(key, by_root, 1, why);

	return r ? r
		 : journal_run("INSERT INTO name VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
			       " ?11, ?12, ?13) ON CONFLICT DO UPDATE SET action = ?5, author = ?6,"
			       " uid = ?7, until = ?8, lasts = ?9, boot = ?10, boot_until = ?11,"
			       " noted = ?12, flags = ?13",
			       key, bind_whole, name, why);
}

#define THIS_NAME " WHERE key = ?1 AND domain = ?2 AND port = ?3 AND proto = ?4"

int journal_drop_domain(const char *key, const struct domain_rule *name, struct problem *why)
{
	sqlite3 *db;
	int r = journal_run("DELETE FROM name" THIS_NAME " AND action = ?5", key, bind_whole, name,
			    why);

	if (!r)
		r = journal_open(&db, why);
	return r ? r : sqlite3_changes(db) ? 0 : -ENOENT;
}

static int answers_write(const char *key, const struct domain_rule *name, uint8_t addr[][16],
			 unsigned n, struct problem *why)
{
	int r = journal_run("DELETE FROM answer" THIS_NAME, key, journal_bind_domain, name, why);

	for (unsigned i = 0; !r && i < n; i++) {
		_cleanup_journal_ sqlite3_stmt *stmt = NULL;

		r = journal_prepare("INSERT OR IGNORE INTO answer VALUES (?1, ?2, ?3, ?4, ?5)", key,
				    &stmt, why);
		if (r)
			break;
		journal_bind_domain(stmt, name);
		sqlite3_bind_blob(stmt, 5, addr[i], sizeof(addr[i]), SQLITE_STATIC);
		r = db_step(stmt, why);
	}
	return r;
}

int journal_put_answers(const char *key, const struct domain_rule *name, uint8_t addr[][16],
			unsigned n, struct problem *why)
{
	int r = journal_begin(why);

	if (r)
		return r;
	if (n)
		r = journal_share_entries(key, n, why);
	return journal_end(r ?: answers_write(key, name, addr, n, why), why);
}

static bool name_take(sqlite3_stmt *row, struct domain_rule *name)
{
	uint64_t until_ns;
	bool lives = journal_take_end(row, 6, &until_ns);

	*name = (struct domain_rule){
		.dest = { .port = sqlite3_column_int(row, 1), .proto = sqlite3_column_int(row, 2) },
		.value = { .action = sqlite3_column_int(row, 3),
			   .author = sqlite3_column_int(row, 4),
			   .uid = sqlite3_column_int64(row, 5),
			   .flags = sqlite3_column_int(row, 9),
			   .until_ns = until_ns },
		.addresses = sqlite3_column_int(row, 8),
	};
	snprintf(name->domain, sizeof(name->domain), "%s", sqlite3_column_text(row, 0));
	return lives;
}

int journal_each_domain(const char *key, int (*fn)(const struct domain_rule *name, void *user),
			void *user, struct problem *why)
{
	_cleanup_journal_ sqlite3_stmt *row = NULL;
	struct domain_rule name;
	int r = journal_settle(key, why);

	if (!r)
		r = journal_prepare(
		    "SELECT domain, port, proto, action, author, uid, until,"
		    " boot_until, (SELECT count(*) FROM answer WHERE answer.key = name.key AND"
		    " answer.domain = name.domain AND answer.port = name.port AND"
		    " answer.proto = name.proto), flags FROM name WHERE key = ?1"
		    " ORDER BY action, domain, port, proto",
		    key, &row, why);
	while (!r && (r = db_step(row, why)) == 1)
		r = name_take(row, &name) ? fn(&name, user) : 0;
	return r;
}

static void bind_text(sqlite3_stmt *stmt, const void *arg)
{
	sqlite3_bind_text(stmt, 2, arg, -1, SQLITE_STATIC);
}

static void bind_names(sqlite3_stmt *stmt, const void *arg)
{
	sqlite3_bind_int(stmt, 2, *(const uint16_t *)arg);
}

int journal_put_names(const char *key, uint16_t names, struct problem *why)
{
	int r = journal_note(key, why);

	return r ? r
		 : journal_run("UPDATE guard SET names = ?2 WHERE key = ?1", key, bind_names,
			       &names, why);
}

int journal_get_names(const char *key, uint16_t *ret, struct problem *why)
{
	_cleanup_journal_ sqlite3_stmt *row = NULL;
	int r = journal_prepare("SELECT names FROM guard WHERE key = ?1", key, &row, why);

	*ret = 0;
	if (!r)
		r = db_step(row, why);
	if (r == 1)
		*ret = sqlite3_column_int(row, 0);
	return r < 0 ? r : 0;
}

int journal_put_profiles(const char *key, const char *names, struct problem *why)
{
	int r = journal_note(key, why);

	return r ? r
		 : journal_run("UPDATE guard SET profiles = ?2 WHERE key = ?1", key, bind_text,
			       names, why);
}

int journal_get_profiles(const char *key, char ret[static JOURNAL_PROFILES_LEN],
			 struct problem *why)
{
	_cleanup_journal_ sqlite3_stmt *row = NULL;
	int r = journal_prepare("SELECT profiles FROM guard WHERE key = ?1 AND profiles NOT NULL",
				key, &row, why);

	if (!r)
		r = db_step(row, why);
	if (r == 1)
		snprintf(ret, JOURNAL_PROFILES_LEN, "%s", sqlite3_column_text(row, 0));
	return r;
}
