// SPDX-License-Identifier: Apache-2.0
#include "agents.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agents_layout.h"
#include "base/db.h"
#include "base/log.h"
#include "base/paths.h"

#define COLUMNS "thumbprint_hex, container_id, agent_name, project, registered_at, last_seen"
#define TIDY_S  60 /* between looks at what is over */

enum kept { ADD, LOOKUP, EVICT, TOUCH, SPEND, SPENT, TIDY, KEPT_MAX_ };

static const char *const sql[] = {
	[ADD] = "INSERT INTO agents (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?)",
	[LOOKUP] = "SELECT " COLUMNS " FROM agents WHERE container_id = ?",
	[EVICT] = "DELETE FROM agents WHERE container_id = ?",
	[TOUCH] = "UPDATE agents SET last_seen = ?2 WHERE container_id = ?1 AND last_seen < ?2",
	[SPEND] =
	    "INSERT INTO assertions_spent (client, jti, thumbprint, expires) VALUES (?, ?, ?, ?)",
	[SPENT] = "SELECT thumbprint FROM assertions_spent WHERE client = ? AND jti = ?",
	[TIDY] = "DELETE FROM assertions_spent WHERE expires <= ?",
};
_Static_assert(sizeof(sql) / sizeof(*sql) == KEPT_MAX_, "all statements");

struct agents {
	sqlite3 *db;
	sqlite3_stmt *kept[KEPT_MAX_];
	int64_t tidied; /* seconds since 1970 */
	unsigned spent; /* rows, at least those that there are */
};

char *agents_path(const char *said)
{
	return said ? path_absolute(said) : path_below(ROOT_STATE, "controlplane/" AGENTS_FILE);
}

static void rest(sqlite3_stmt **stmt)
{
	if (*stmt) {
		sqlite3_reset(*stmt);
		sqlite3_clear_bindings(*stmt);
	}
}
#define _cleanup_rest_ _cleanup_(rest)

static int count_spent(struct agents *agents, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(agents->db, "SELECT count(*) FROM assertions_spent", &stmt, why);

	if (!r)
		r = db_step(stmt, why);
	if (r > 0)
		agents->spent = sqlite3_column_int(stmt, 0);
	return r < 0 ? r : 0;
}

/* The folder of the file, which must be there, and the name in it. */
static int open_parts(const char *path, char folder[static PATH_MAX], const char **name,
		      struct problem *why)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (!*path || !slash || !slash[1] || slash - path >= PATH_MAX)
		return problem(why, -EINVAL, "'%.100s' is no path of a registry", path);
	memcpy(folder, path, slash - path);
	folder[slash - path] = '\0';
	if (slash == path)
		strcpy(folder, "/");
	*name = slash + 1;
	if (stat(folder, &st))
		return problem(why, -errno, "the registry's folder %.150s: %s", folder,
			       strerror(errno));
	return 0;
}

static int prepare(struct agents *agents, bool reader, struct problem *why)
{
	int r = agents_layout_check(agents->db, why);

	for (enum kept i = 0; !r && i < KEPT_MAX_; i++)
		if (!reader || i == LOOKUP)
			r = db_prepare(agents->db, sql[i], &agents->kept[i], why);
	if (r || reader)
		return r;
	/* an agent that was told that it is registered is, whatever happens to the machine */
	return db_exec(agents->db, "PRAGMA synchronous = FULL", why)
		       ?: db_exec(agents->db, "PRAGMA temp_store = MEMORY", why) /* no other folder is there */
		       ?: count_spent(agents, why);
}

static int open_file(const char *path, bool reader, struct agents **ret, struct problem *why)
{
	_cleanup_(agents_freep) struct agents *agents = calloc(1, sizeof(*agents));
	const char *name = NULL;
	char folder[PATH_MAX];
	int r;

	if (!agents)
		return problem(why, -ENOMEM, "no memory for the registry");
	r = open_parts(path, folder, &name, why);
	if (!r)
		r = reader ? db_open_reader(folder, name, AGENTS_LAYOUT, &agents->db, why)
			   : db_open_raised(folder, name, &agents_layouts, &agents->db, why);
	r = r ?: prepare(agents, reader, why);
	if (!r)
		*ret = TAKE_PTR(agents);
	return r;
}

int agents_open(const char *path, struct agents **ret, struct problem *why)
{
	return open_file(path, false, ret, why);
}

int agents_open_reader(const char *path, struct agents **ret, struct problem *why)
{
	return open_file(path, true, ret, why);
}

void agents_free(struct agents *agents)
{
	if (!agents)
		return;
	for (enum kept i = 0; i < KEPT_MAX_; i++)
		sqlite3_finalize(agents->kept[i]);
	sqlite3_close(agents->db);
	free(agents);
}

bool agents_is_begun(const struct agents *agents)
{
	return !sqlite3_get_autocommit(agents->db);
}

int agents_begin(struct agents *agents, struct problem *why)
{
	return agents_is_begun(agents) ? 0 : db_exec(agents->db, "BEGIN IMMEDIATE", why);
}

int agents_commit(struct agents *agents, struct problem *why)
{
	int r;

	/* a disk that was full took the whole of it back already */
	if (!agents_is_begun(agents))
		return problem(why, -EIO, "the registry could not be written to");
	r = db_exec(agents->db, "COMMIT", why);
	if (r) {
		db_exec(agents->db, "ROLLBACK", NULL);
		count_spent(agents, NULL);
	}
	return r;
}

/* --- rows ------------------------------------------------------------------------------ */

/* As db_step(), and a row that is there already is -EEXIST. */
static int put(sqlite3_stmt *stmt, struct problem *why)
{
	int r = db_step(stmt, why);

	if (r < 0 && (sqlite3_errcode(sqlite3_db_handle(stmt)) & 0xff) == SQLITE_CONSTRAINT)
		return -EEXIST;
	return r > 0 ? 0 : r;
}

static bool take_text(sqlite3_stmt *stmt, int column, char *ret, size_t room)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	size_t n = sqlite3_column_bytes(stmt, column);

	if (!text || n >= room || strlen(text) != n)
		return false;
	memcpy(ret, text, n + 1);
	return true;
}

static int take_row(sqlite3_stmt *stmt, struct agent *ret)
{
	char hex[LEAF_HEX_LEN];

	*ret = (struct agent){};
	if (!take_text(stmt, 0, hex, sizeof(hex)) || !leaf_unhex(hex, ret->thumbprint) ||
	    !take_text(stmt, 1, ret->container, sizeof(ret->container)) || !*ret->container ||
	    !take_text(stmt, 2, ret->name, sizeof(ret->name)) || !*ret->name ||
	    !take_text(stmt, 3, ret->project, sizeof(ret->project)))
		return -EBADMSG;
	ret->registered = sqlite3_column_int64(stmt, 4);
	ret->seen = sqlite3_column_int64(stmt, 5);
	return 0;
}

int agents_add(struct agents *agents, const struct agent *agent, struct problem *why)
{
	static const uint8_t none[LEAF_THUMBPRINT];
	_cleanup_rest_ sqlite3_stmt *stmt = agents->kept[ADD];
	char hex[LEAF_HEX_LEN];
	int r;

	if (!memcmp(agent->thumbprint, none, sizeof(none)) || !*agent->container || !*agent->name ||
	    agent->registered <= 0)
		return problem(why, -EINVAL,
			       "a row needs a thumbprint, a container, a name and a time");
	leaf_hex(agent->thumbprint, hex);
	sqlite3_bind_text(stmt, 1, hex, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, agent->container, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, agent->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 4, agent->project, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 5, agent->registered);
	sqlite3_bind_int64(stmt, 6, agent->seen ?: agent->registered);
	r = put(stmt, why);
	return r == -EEXIST ? problem(why, r, "the certificate or the container has a row") : r;
}

int agents_lookup(struct agents *agents, const char *container, struct agent *ret,
		  struct problem *why)
{
	_cleanup_rest_ sqlite3_stmt *stmt = agents->kept[LOOKUP];
	int r;

	if (!*container)
		return -ENOENT;
	sqlite3_bind_text(stmt, 1, container, -1, SQLITE_STATIC);
	r = db_step(stmt, why);
	if (r <= 0)
		return r ?: -ENOENT;
	return take_row(stmt, ret)
		   ? problem(why, -EBADMSG, "the row of %.64s is malformed", container)
		   : 0;
}

int agents_evict(struct agents *agents, const char *container, struct problem *why)
{
	_cleanup_rest_ sqlite3_stmt *stmt = agents->kept[EVICT];

	if (!*container)
		return 0;
	sqlite3_bind_text(stmt, 1, container, -1, SQLITE_STATIC);
	return put(stmt, why);
}

int agents_touch(struct agents *agents, const char *container, int64_t now, struct problem *why)
{
	_cleanup_rest_ sqlite3_stmt *stmt = agents->kept[TOUCH];

	sqlite3_bind_text(stmt, 1, container, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, now);
	return put(stmt, why);
}

int agents_each(struct agents *agents, int (*fn)(const struct agent *agent, void *user), void *user,
		struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	unsigned skipped = 0;
	int r = db_prepare(
	    agents->db, "SELECT " COLUMNS " FROM agents ORDER BY project, agent_name, container_id",
	    &stmt, why);

	while (!r && (r = db_step(stmt, why)) > 0) {
		const char *container = (const char *)sqlite3_column_text(stmt, 1);
		struct agent agent;
		char safe[AGENT_ID_LEN];

		r = take_row(stmt, &agent);
		if (r == -EBADMSG) {
			log_warn(0, "event=agentregistry_row_skipped container_id=%s",
				 log_safe(safe, sizeof(safe), container ?: ""));
			skipped++;
			r = 0;
			continue;
		}
		r = fn(&agent, user);
	}
	if (skipped)
		log_warn(0, "event=agentregistry_snapshot_skipped_rows rows=%u", skipped);
	return r;
}

/* --- assertions ------------------------------------------------------------------------ */

int agents_spent(struct agents *agents, const struct spent *spent, struct problem *why)
{
	_cleanup_rest_ sqlite3_stmt *stmt = agents->kept[SPENT];
	int r;

	sqlite3_bind_text(stmt, 1, spent->client, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, spent->jti, -1, SQLITE_STATIC);
	r = db_step(stmt, why);
	if (r <= 0)
		return r;
	return sqlite3_column_bytes(stmt, 0) == LEAF_THUMBPRINT &&
		       !memcmp(sqlite3_column_blob(stmt, 0), spent->thumbprint, LEAF_THUMBPRINT)
		   ? 1
		   : problem(why, -EEXIST, "another certificate has used this assertion");
}

/* What is over cannot be used again, whoever remembers it. */
static int tidy(struct agents *agents, int64_t now, struct problem *why)
{
	_cleanup_rest_ sqlite3_stmt *stmt = agents->kept[TIDY];
	unsigned gone;
	int r;

	if (now < agents->tidied + TIDY_S && now >= agents->tidied)
		return 0;
	sqlite3_bind_int64(stmt, 1, now);
	r = put(stmt, why);
	if (r)
		return r;
	gone = sqlite3_changes(agents->db);
	agents->spent -= gone < agents->spent ? gone : agents->spent;
	agents->tidied = now;
	return 0;
}

int agents_spend(struct agents *agents, const struct spent *spent, int64_t now, struct problem *why)
{
	_cleanup_rest_ sqlite3_stmt *stmt = agents->kept[SPEND];
	int r = tidy(agents, now, why) ?: agents_spent(agents, spent, why);

	if (r)
		return r > 0 ? 0 : r;
	if (agents->spent >= AGENTS_SPENT_MAX)
		return problem(why, -ENOSPC, "%u assertions were used and are not over yet",
			       agents->spent);
	sqlite3_bind_text(stmt, 1, spent->client, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, spent->jti, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 3, spent->thumbprint, LEAF_THUMBPRINT, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 4, spent->expires);
	r = put(stmt, why);
	if (!r)
		agents->spent++;
	return r;
}
