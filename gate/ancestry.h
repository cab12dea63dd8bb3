/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ancestry.h - which commit is in the history of which, for many at once
 *
 * To ask git of two commits is a process. Here one git lists commits of all that are asked for,
 * the newest first, and most questions are answered by what it listed: "yes" if there is a way,
 * "no" if all that is not listed of one history is in the other's too, which then cannot lead
 * back. Else it is not known, and who asks lists more, or asks git.
 *
 * Owns: the commits. Called by: survey.c. Threads: none (git is run).
 */
#ifndef GATE_ANCESTRY_H
#define GATE_ANCESTRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "mirror.h"

struct ancestry;

/** ancestry_new() - nothing is known yet; NULL without memory */
struct ancestry *ancestry_new(void);
void ancestry_free(struct ancestry *ancestry);
DEFINE_CLEANUP(struct ancestry, ancestry_free)
#define _cleanup_ancestry_ _cleanup_(ancestry_freep)

/** ancestry_tip() - a commit that the next list begins with. 0 or -ENOMEM */
int ancestry_tip(struct ancestry *ancestry, const char *sha);

/**
 * ancestry_list() - have git list the newest @most commits of the tips, which are none then
 *
 * Return: 0; negative errno with @why: no more is known than before.
 */
int ancestry_list(struct ancestry *ancestry, const struct mirror *mirror, size_t most,
		  struct problem *why);

/** ancestry_list_new() - the same of all commits that no ref below @glob ("refs/x/" and a star) has */
int ancestry_list_new(struct ancestry *ancestry, const struct mirror *mirror, const char *glob,
		      struct problem *why);

/** ancestry_is() - is commit @a in the history of @b, or the same? 1, 0; -EAGAIN: not known */
int ancestry_is(struct ancestry *ancestry, const char *a, const char *b);

/** ancestry_count() - commits that were listed in the history of @of, and not in that of @but (NULL: none) */
uint64_t ancestry_count(struct ancestry *ancestry, const char *of, const char *but);

#endif
