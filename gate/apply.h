/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.h - do what a sync left pending, because somebody asks for it
 *
 * The gate's tip is saved first, in the same change of references that replaces or removes the
 * branch, and only if the branch is what it was when it was looked at. Each branch stands alone:
 * one that was moved meanwhile fails, the others go on. The lock of mirror.h is held.
 * Threads: none (git is run).
 */
#ifndef GATE_APPLY_H
#define GATE_APPLY_H

#include "backup.h"
#include "sync.h"

struct applied {
	struct sync_applied change;
	char backup[BACKUP_REF_MAX];
};

struct apply_result {
	struct applied *item;
	size_t n;
	struct sync_lines errors; /* none: it succeeded */
};

/**
 * apply_run() - all that is pending, or the branches that are named
 * @lossless: only what loses no commit of an agent's; the rest stays pending
 *
 * Return: 0 and @ret, the caller's to apply_result_clear(), also when some failed; a negative
 * errno with @why: nothing was done.
 */
int apply_run(const struct mirror *mirror, const char *const *branches, size_t n, bool lossless,
	      struct apply_result *ret, struct problem *why);

/** apply_result_clear() - apply_result_done(), for _cleanup_ */
void apply_result_clear(struct apply_result *result);

#define _cleanup_apply_ _cleanup_(apply_result_clear)

#endif
