/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survey.h - all branches of a mirror beside its upstream's as last seen; the upstream is not asked
 *
 * Threads: none (git is run).
 */
#ifndef GATE_SURVEY_H
#define GATE_SURVEY_H

#include <stddef.h>
#include <stdint.h>

#include "mirror.h"
#include "plan.h"
#include "refs.h"

/* One branch; strings are the survey's. */
struct surveyed {
	const char *name;
	struct plan_branch is;
	struct plan plan;
};

struct survey {
	struct refs heads, upstream, attic;
	struct surveyed *item; /* sorted by name; those that are gone are in it */
	size_t n;
};

/** survey_read() - look at all. Return: 0 and @ret, the caller's to survey_clear(); or negative errno */
int survey_read(const struct mirror *mirror, struct survey *ret, struct problem *why);

/** survey_find() - a branch of it, borrowed; NULL: it is not there */
const struct surveyed *survey_find(const struct survey *survey, const char *name);

/** survey_clear() - survey_done(), for _cleanup_ */
void survey_clear(struct survey *survey);

/** survey_pending() - does it wait for somebody to ask for it? */
bool survey_pending(const struct surveyed *branch);

/**
 * survey_only_here() - of each that is pending, how many commits the gate has and no upstream had
 * @ret: as many as are pending, in their order
 *
 * 0: to apply what is pending loses nothing that an agent made. Return: 0 or negative errno.
 */
int survey_only_here(const struct mirror *mirror, const struct survey *survey, uint64_t *ret,
		     struct problem *why);

/** survey_count() - commits of @b that are not in @a, in the history of either */
int survey_count(const struct mirror *mirror, const char *a, const char *b, uint64_t *ret,
		 struct problem *why);

#define _cleanup_survey_ _cleanup_(survey_clear)

#endif
