/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync.h - bring a mirror to what its upstream has, and lose nothing that was pushed to it
 *
 *   1  ask the upstream which references it has
 *   2  note in the attic what the snapshot was, of branches that are changed or gone there
 *   3  fetch into the snapshot
 *   4  each branch by plan.h: new ones and fast forwards at once, each only from what it was
 *   5  what is left over is pending: apply.h
 *
 * Each step is one change of references, or repeats itself: killed anywhere, the next sync
 * finishes. A mirror that is new is made beside its place and moved there when it is whole, so
 * that a half one is never served. The lock of mirror.h is held. Threads: none (git is run).
 */
#ifndef GATE_SYNC_H
#define GATE_SYNC_H

#include <stdbool.h>
#include <stddef.h>

#include "mirror.h"
#include "survey.h"

/* Lines for people; each is a copy. */
struct sync_lines {
	char **item;
	size_t n;
};

struct sync_applied {
	char *branch;
	const char *kind;              /* plan_kind() */
	char old_sha[GIT_SHA_MAX + 1]; /* "": there was none */
	char new_sha[GIT_SHA_MAX + 1]; /* "": there is none now */
};

struct sync_pending {
	char *branch;
	struct plan plan;
	char gate_sha[GIT_SHA_MAX + 1], upstream_sha[GIT_SHA_MAX + 1],
	    old_snapshot_sha[GIT_SHA_MAX + 1]; /* "": there is none */
	uint64_t gate_only_commits;
	bool counted; /* else that is not known, and nothing is lossless */
};

struct sync_result {
	char *path, *upstream_url; /* the second without a password; NULL: there is none */
	bool created, migrated, success, cache_refreshed;
	char *cache_error; /* NULL: there was none */
	struct sync_lines errors, notes, gate_only;
	struct sync_applied *applied;
	size_t applied_n;
	struct sync_pending *pending;
	size_t pending_n;
};

/* What a sync is told; NULL: what is remembered, "": forget it. */
struct sync_options {
	const char *upstream, *ssh_key, *ssh_agent, *allow, *cache_path;
	const char *const *branches; /* only these; NULL: all */
	size_t branches_n;
	bool force_reinit, personal, cache, no_cache;
	int retention;            /* days; -1: what is remembered */
	unsigned wait_s, limit_s; /* for the lock; for the transfer, 0: the usual */
};

/**
 * sync_run() - do it
 *
 * Return: 0 and @ret, also when it did not succeed (ret->success, ret->errors): it is the
 * caller's to sync_result_clear(). A negative errno: nothing could be begun, with @why.
 */
int sync_run(const char *base, const char *project, const struct sync_options *options,
	     struct sync_result *ret, struct problem *why);

/** sync_result_clear() - sync_result_done(), for _cleanup_ */
void sync_result_clear(struct sync_result *result);

/** sync_say() - one more line of a list, as printf() makes it; without memory it is not there */
void sync_say(struct sync_lines *lines, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/** sync_lines_clear() - all of them, for _cleanup_ */
void sync_lines_clear(struct sync_lines *lines);

/**
 * sync_list_pending() - what waits in a survey, with its commits counted
 *
 * Return: 0 or -ENOMEM; @ret is the caller's to sync_pending_free().
 */
int sync_list_pending(const struct mirror *mirror, const struct survey *survey,
		      struct sync_pending **ret, size_t *ret_n);

/** sync_pending_free() - such a list */
void sync_pending_free(struct sync_pending *pending, size_t n);

#define _cleanup_sync_ _cleanup_(sync_result_clear)

#endif
