// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/log.h"
#include "base/name.h"
#include "base/paths.h"
#include "within.h"

static const struct db_layouts layouts = { .newest = STORE_LAYOUT, .raise = layout_raise };

char *store_default_path(void)
{
	return path_below(ROOT_CREDENTIALS, "credentials.db");
}

/* By whom it is read only: as it is if it is ours, else made so first. */
static int open_reader(const char *dir, const char *name, sqlite3 **ret, struct problem *why)
{
	sqlite3 *db = NULL;
	int r = db_open_reader(dir, name, STORE_LAYOUT, &db, why);

	if (!r && db_is_current(db, STORE_LAYOUT)) {
		*ret = db;
		return 0;
	}
	sqlite3_close(db);
	if (r && r != -ENOENT)
		return r;
	db = NULL;
	r = db_open_raised(dir, name, &layouts, &db, why);
	sqlite3_close(db);
	return r ?: db_open_reader(dir, name, STORE_LAYOUT, ret, why);
}

/*
 * Who was here before may have let others read: tokens are as good as what they stand for. By
 * name: a descriptor of the file that is closed would take our locks of it with it.
 */
static void make_private(int folder, const char *name)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char file[NAME_MAX + 1];
	struct stat st;

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (snprintf(file, sizeof(file), "%s%s", name, ends[i]) < (int)sizeof(file) &&
		    !fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) &&
		    st.st_mode & 077 && fchmodat(folder, file, 0600, 0))
			log_warn(-errno, "%s can be read by others, and stays so", file);
}

static int open_file(struct store *store, struct problem *why)
{
	_cleanup_free_ char *dir = strdup(store->path);
	_cleanup_close_ int folder = -1;
	char *slash = dir ? strrchr(dir, '/') : NULL;
	const char *name;
	int r;

	if (!slash)
		return problem(why, -ENOMEM, "no memory for the path of the store");
	*slash = '\0';
	name = slash + 1;
	if (!*name)
		return problem(why, -EISDIR, "%s: no file", store->path);
	dir_make(dir);
	/* what others could have written is not believed either by who only reads it */
	folder = dir_open(AT_FDCWD, *dir ? dir : "/", why);
	if (folder < 0)
		return folder;
	make_private(folder, name);
	if (store->may == STORE_READ)
		return open_reader(*dir ? dir : "/", name, &store->db, why);
	r = db_open_raised(*dir ? dir : "/", name, &layouts, &store->db, why);
	/* a refresh token that was used up is not to be there again after a power cut; what was
	 * in plain text is not to stay in free pages */
	return r ?: db_exec(store->db, "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON", why);
}

/* A "database is locked" of sqlite's is not what people know as a store that is. */
static int busy(const struct store *store, int r, struct problem *why)
{
	return r == -EBUSY ? problem(why, r, "%s: another program writes to it, and does not end",
				     store->path)
			   : r;
}

int store_open(const char *path, enum store_may may, struct store **ret, struct problem *why)
{
	_cleanup_(store_freep) struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return problem(why, -ENOMEM, "no memory for the store");
	store->may = may;
	for (enum store_class class = 0; class < STORE_CLASSES_; class ++)
		store->ring[class].class = class;
	store->path = path_absolute(path);
	if (!store->path)
		return problem(why, -ENOMEM, "no memory for the path of the store");
	r = open_file(store, why);
	if (r == -EUCLEAN)
		return problem(
		    why, r,
		    "%s is no database of ours: it is broken, or encrypted as a whole by "
		    "another program; it was not changed",
		    store->path);
	if (!r)
		r = store_version(store, &store->version, why);
	if (!r)
		r = store_watch(store, why);
	if (r)
		return busy(store, r, why);
	*ret = TAKE_PTR(store);
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	for (enum kept i = 0; i < KEPT_MAX_; i++)
		sqlite3_finalize(store->kept[i]);
	sqlite3_close(store->db);
	for (enum store_class class = 0; class < STORE_CLASSES_; class ++)
		ring_done(&store->ring[class]);
	index_done(&store->index);
	free(store->path);
	free(store);
}

const char *store_path(const struct store *store)
{
	return store->path;
}

int store_give_key(struct store *store, enum store_class class, const uint8_t key[STORE_KEY_SIZE])
{
	struct ring *ring = &store->ring[class];

	ring_done(ring);
	if (key)
		ring->key = secret_from(key, STORE_KEY_SIZE);
	return key && !ring->key ? -ENOMEM : 0;
}

bool store_locked(const struct store *store, enum store_class class)
{
	return !store->ring[class].key;
}

int store_kept(struct store *store, enum kept which, const char *sql, sqlite3_stmt **ret,
	       struct problem *why)
{
	int r = store->kept[which] ? 0 : db_prepare(store->db, sql, &store->kept[which], why);

	if (!r)
		*ret = store->kept[which];
	return r;
}

int store_begin(struct store *store, struct problem *why)
{
	int r;

	if (store->may == STORE_READ)
		return problem(why, -EROFS, "%s was opened only to read it", store->path);
	store->looked_ns = 0; /* what is written to another file is lost */
	r = store_here(store, why);
	return r ?: busy(store, db_exec(store->db, "BEGIN IMMEDIATE", why), why);
}

int store_end(struct store *store, int r, struct problem *why)
{
	int end = r < 0 ? 0 : db_exec(store->db, "COMMIT", why);

	if (r < 0 || end)
		db_exec(store->db, "ROLLBACK", NULL);
	return end ?: r;
}

int store_number(struct store *store, const char *sql, const char *text, int64_t *ret,
		 struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(store->db, sql, &stmt, why);

	if (r)
		return r;
	if (text)
		sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
	r = db_step(stmt, why);
	if (r > 0)
		*ret = sqlite3_column_int64(stmt, 0);
	return r > 0 ? 0 : r ?: -ENOENT;
}

int store_name_check(const char *what, const char *name, struct problem *why)
{
	struct problem text;

	return name_check(name, STORE_NAME_MAX, &text)
		   ? problem(why, -EINVAL, "%s: %s", what, text.text)
		   : 0;
}
