// SPDX-License-Identifier: Apache-2.0
#include "journal_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal.h"
#include "policy.h"

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
	sqlite3_bind_text(stmt, 11, journal_boot(), -1, SQLITE_STATIC);
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
	const struct journal_cause *cause; /* NULL: none */
};

static void bind_state(sqlite3_stmt *stmt, const void *arg)
{
	const struct said_state *said = arg;

	sqlite3_bind_int(stmt, 2, said->state);
	sqlite3_bind_int64(stmt, 3, said->uid);
	if (!said->cause)
		return; /* NULL */
	sqlite3_bind_text(stmt, 4, said->cause->reason, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 5, said->cause->detail, -1, SQLITE_STATIC);
}

static int put_state(const char *key, const struct said_state *said, struct problem *why)
{
	int r = journal_note_said(key, !said->uid, 0, why);

	/* what is blocked once more is contained still */
	return r ? r
		 : journal_run(
		       "UPDATE guard SET state = ?2, state_uid = ?3,"
		       " cause = CASE WHEN ?4 IS NOT NULL THEN ?4 WHEN state = ?2 THEN cause END,"
		       " cause_detail = CASE WHEN ?4 IS NOT NULL THEN ?5"
		       " WHEN state = ?2 THEN cause_detail END WHERE key = ?1",
		       key, bind_state, said, why);
}

int journal_put_state(const char *key, enum terok_state state, uint32_t uid, struct problem *why)
{
	return put_state(key, &(struct said_state){ state, uid, NULL }, why);
}

int journal_contain(const char *key, uint32_t uid, const struct journal_cause *cause,
		    struct problem *why)
{
	return put_state(key, &(struct said_state){ TEROK_STATE_BLOCK, uid, cause }, why);
}

static void column_copy(sqlite3_stmt *row, int column, char *ret, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	snprintf(ret, size, "%s", text ?: "");
}

int journal_cause(const char *key, struct journal_cause *ret, struct problem *why)
{
	_cleanup_journal_ sqlite3_stmt *row = NULL;
	int r = journal_prepare("SELECT cause, cause_detail FROM guard WHERE key = ?1"
				" AND cause IS NOT NULL",
				key, &row, why);

	if (r)
		return r;
	r = db_step(row, why);
	if (r > 0) {
		column_copy(row, 0, ret->reason, sizeof(ret->reason));
		column_copy(row, 1, ret->detail, sizeof(ret->detail));
	}
	return r;
}

int journal_state_uid(const char *key, uint32_t *ret, struct problem *why)
{
	_cleanup_journal_ sqlite3_stmt *row = NULL;
	int r = journal_prepare("SELECT state_uid FROM guard WHERE key = ?1 AND state != 0", key,
				&row, why);

	if (r)
		return r;
	r = db_step(row, why);
	if (r > 0)
		*ret = sqlite3_column_int64(row, 0);
	return r < 0 ? r : r ? 0 : -ENOENT;
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
	_cleanup_journal_ sqlite3_stmt *row = NULL;
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
	_cleanup_journal_ sqlite3_stmt *row = NULL;
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
	_cleanup_journal_ sqlite3_stmt *row = NULL;
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
	_cleanup_journal_ sqlite3_stmt *row = NULL;
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
	_cleanup_journal_ sqlite3_stmt *row = NULL;
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
	_cleanup_journal_ sqlite3_stmt *row = NULL;
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
