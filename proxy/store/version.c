// SPDX-License-Identifier: Apache-2.0
/*
 * version.c - has anybody written to the store?
 *
 * sqlite says so (PRAGMA data_version), for some locks of the file that cost as much as the rest of
 * a request's look at the store. But every commit to a write-ahead log changes the header of the
 * memory that its processes share: as long as that is the same, the answer is that of before.
 * It is only ever compared: whatever is not as it was is for sqlite to say.
 *
 * Neither tells of a file that was put in the place of this one: who takes a token out of that has
 * taken it out of the store, and we would let it pass for ever. So now and then we look, and serve
 * nothing from a file that is not the store any more. Nor is the new one opened: the log of the old one
 * may be beside it still, which sqlite would write into it.
 *
 * Owns nothing: the memory is sqlite's, as long as the file is open. Called by: the store's files.
 * Threads: as the store.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/event.h"
#include "within.h"

#define LOOK_NS 1000000 /* a look at a name costs more than all else that is asked */

/* For a file with a write-ahead log: others have no such memory, and asking would make it. */
int store_watch(struct store *store, struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = db_prepare(store->db, "PRAGMA journal_mode", &stmt, why);
	volatile void *mark = NULL;
	sqlite3_file *file = NULL;
	const char *mode;

	if (!r)
		r = db_step(stmt, why);
	if (r <= 0)
		return r;
	mode = (const char *)sqlite3_column_text(stmt, 0);
	if (!mode || strcmp(mode, "wal") != 0 ||
	    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) !=
		SQLITE_OK ||
	    !file || !file->pMethods || file->pMethods->iVersion < 2)
		return 0;
	/* it is there already, of the size that sqlite takes it in */
	if (file->pMethods->xShmMap(file, 0, 32 << 10, 0, &mark) == SQLITE_OK)
		store->mark = mark;
	return 0;
}

/* Copies it; is it as it was? Not while somebody writes it: its two copies differ then. */
static bool mark_same(const struct store *store, uint32_t ret[STORE_MARK])
{
	bool same = true;

	/* who has withdrawn something has written before we were asked */
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < STORE_MARK; i++) {
		ret[i] = store->mark[i];
		same &= ret[i] == store->mark_seen[i];
	}
	return same && !memcmp(ret, ret + STORE_MARK / 2, STORE_MARK / 2 * sizeof(*ret));
}

int store_here(struct store *store, struct problem *why)
{
	uint64_t now = now_boot_ns();
	int moved = 0;

	if (!store->lost && now - store->looked_ns >= LOOK_NS) {
		store->looked_ns = now;
		store->lost = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED,
						   &moved) == SQLITE_OK &&
			      moved;
	}
	return store->lost ? problem(why, -EIDRM,
				     "%s is another file than we have open, or none is there; try: "
				     "terok-proxy stop; terok-proxy start",
				     store->path)
			   : 0;
}

int store_version(struct store *store, int64_t *ret, struct problem *why)
{
	_cleanup_rest_ sqlite3_stmt *stmt = NULL;
	/* as it was before the question: what comes after is asked for again */
	uint32_t mark[STORE_MARK] = {};
	/* who reads already is told of the file as it was when that began */
	bool reads = sqlite3_txn_state(store->db, NULL) != SQLITE_TXN_NONE;
	int r = store_here(store, why);

	if (r)
		return r;
	if (store->mark && mark_same(store, mark) && *mark) {
		*ret = store->version_seen;
		return 0;
	}
	r = store_kept(store, KEPT_VERSION, "PRAGMA data_version", &stmt, why);
	if (!r)
		r = db_step(stmt, why);
	if (r <= 0)
		return r ?: -EIO;
	if (reads)
		memset(store->mark_seen, 0, sizeof(mark));
	else
		memcpy(store->mark_seen, mark, sizeof(mark));
	*ret = store->version_seen = sqlite3_column_int64(stmt, 0);
	return 0;
}

int store_changed(struct store *store)
{
	int64_t before = store->version;
	int r = store_version(store, &store->version, NULL);

	return r ?: before != store->version;
}
