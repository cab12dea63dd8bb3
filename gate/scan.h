/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.h - what is new in commits, path by path, as `git diff-tree --stdin -m -r -z` tells it
 *
 * Only what somebody must look at is kept: paths that need a grant, symlinks, .gitmodules.
 * A merge is told once for each parent. What it has from one of them is not new of symlinks and
 * .gitmodules, for it was looked at when that parent came. A path that needs a grant is: to
 * take an old parent's is a change as well; whether it is an honest merge is for who has the
 * commits (struct scan_merge). Bytes in, at most SCAN_KEPT kept. Threads: any.
 */
#ifndef GATE_SCAN_H
#define GATE_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "git_text.h"
#include "policy.h"

#define SCAN_KEPT       100000
#define SCAN_MERGE_KEPT 10000 /* of one merge: each is compared with all before it */
#define SCAN_PATH_MAX   4096
#define SCAN_RECORD_MAX (SCAN_PATH_MAX + 256)

enum scan_what {
	SCAN_FORBIDDEN, /* a path of the policy's forbidden */
	SCAN_LINK,
	SCAN_MODULES,      /* .gitmodules that is a file */
	SCAN_MODULES_LINK, /* .gitmodules that is none */
	SCAN_LARGE,        /* a blob that was named as too large */
};

struct scan_found {
	enum scan_what what;
	bool merge;       /* of a merge: FORBIDDEN needs a second look */
	unsigned parents; /* that it differs from */
	char commit[GIT_SHA_MAX + 1], blob[GIT_SHA_MAX + 1];
	char *path;
};

/* How many parents a commit has: all merges, sorted by scan_sort(). */
struct scan_merge {
	char commit[GIT_SHA_MAX + 1];
	unsigned parents;
};

struct scan {
	const struct policy *policy;
	bool forbidden, links, modules; /* what to look for */
	const char *const *large;       /* blobs, NULL at the end; may be NULL */
	struct scan_merge *merge;       /* the caller's */
	size_t n_merges;

	struct scan_found *found;
	size_t n, room;
	size_t paths; /* that were looked at */

	char commit[GIT_SHA_MAX + 1];
	unsigned parents;                            /* of it; 1 also for one without */
	size_t first;                                /* what of found is of this commit */
	char mode[8], blob[GIT_SHA_MAX + 1], status; /* a record whose path is to come */
	bool in_record;
	char record[SCAN_RECORD_MAX];
	size_t record_n;
};

/** scan_bytes() - more of what git says. 0; -EBADMSG: it says something else; -E2BIG, -ENOMEM */
int scan_bytes(const char *bytes, size_t n, void *scan);

/** scan_end() - all has come. 0; -EBADMSG: that was not all */
int scan_end(struct scan *scan);

/** scan_sort() - the merges, for scan_bytes() */
void scan_sort(struct scan_merge *merge, size_t n);

void scan_done(struct scan *scan);

#endif
