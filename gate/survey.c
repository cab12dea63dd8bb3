// SPDX-License-Identifier: Apache-2.0
#include "survey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ancestry.h"

#define FEW       2 /* branches that git is asked for one by one */
#define ROUNDS    4
#define LIST_EACH 32   /* commits that are listed for a branch ... */
#define LIST_MORE 2000 /* ... and for all */

void survey_clear(struct survey *survey)
{
	refs_clear(&survey->heads);
	refs_clear(&survey->upstream);
	refs_clear(&survey->attic);
	free(survey->item);
	*survey = (struct survey){ 0 };
}

/* --- what branches are ---------------------------------------------------------------- */

struct asking {
	const struct mirror *mirror;
	struct problem *why;
};

static int ask_git(const char *a, const char *b, void *user)
{
	const struct asking *asking = user;

	return mirror_ancestor(asking->mirror, a, b, asking->why);
}

static int ask_listed(const char *a, const char *b, void *user)
{
	return ancestry_is(user, a, b);
}

static int add_tips(struct ancestry *ancestry, const struct plan_branch *is)
{
	return ancestry_tip(ancestry, is->gate) ?: ancestry_tip(ancestry, is->upstream)
		?: is->attic ? ancestry_tip(ancestry, is->attic) : 0;
}

/* Plan those that @ancestry knows enough of; the others are left in @open, sorted as they were. */
static int plan_listed(struct survey *survey, struct ancestry *ancestry, size_t *open, size_t *n)
{
	size_t left = 0;
	int r;

	for (size_t i = 0; i < *n; i++) {
		struct surveyed *branch = &survey->item[open[i]];

		r = plan_branch(&branch->is, ask_listed, ancestry, &branch->plan);
		if (r == -EAGAIN)
			open[left++] = open[i];
		else if (r)
			return r;
	}
	*n = left;
	return 0;
}

/*
 * One git for all of them, and again for those that it did not list enough of: their own newest
 * commits then. What is left after that, or is only a few, is asked for one by one.
 */
static int plan_all(struct survey *survey, const struct mirror *mirror, size_t *open,
		    struct problem *why)
{
	_cleanup_ancestry_ struct ancestry *ancestry = ancestry_new();
	struct asking asking = { mirror, why };
	size_t n = survey->n, before = SIZE_MAX;
	int rounds = ROUNDS;
	struct problem unsaid;
	int r = ancestry ? 0 : -ENOMEM;

	for (size_t i = 0; i < n; i++)
		open[i] = i;
	r = r ?: plan_listed(survey, ancestry, open, &n);
	while (!r && n > FEW && n < before && rounds--) {
		before = n;
		for (size_t i = 0; i < n && !r; i++)
			r = add_tips(ancestry, &survey->item[open[i]].is);
		/* what is wrong is found out, and said, when git is asked for one */
		if (!r && !ancestry_list(ancestry, mirror, LIST_EACH * n + LIST_MORE, &unsaid))
			r = plan_listed(survey, ancestry, open, &n);
	}
	for (size_t i = 0; i < n && !r; i++) {
		struct surveyed *branch = &survey->item[open[i]];

		r = plan_branch(&branch->is, ask_git, &asking, &branch->plan);
	}
	return r;
}

/* All names of the three lists, each once, in order: a merge of what is sorted. */
static int merge_names(struct survey *survey)
{
	const struct refs *lists[] = { &survey->heads, &survey->upstream, &survey->attic };
	size_t at[3] = { 0 };

	survey->item = calloc(survey->heads.n + survey->upstream.n + survey->attic.n + 1,
			      sizeof(*survey->item));
	if (!survey->item)
		return -ENOMEM;
	for (;;) {
		const char *least = NULL, *sha[3] = { NULL };

		for (int i = 0; i < 3; i++) {
			const char *name = at[i] < lists[i]->n ? lists[i]->item[at[i]].name : NULL;

			if (name && (!least || strcmp(name, least) < 0))
				least = name;
		}
		if (!least)
			return 0;
		for (int i = 0; i < 3; i++)
			if (at[i] < lists[i]->n && !strcmp(lists[i]->item[at[i]].name, least))
				sha[i] = lists[i]->item[at[i]++].sha;
		survey->item[survey->n++] = (struct surveyed){
			.name = least, .is = { .gate = sha[0], .upstream = sha[1], .attic = sha[2] }
		};
	}
}

int survey_read(const struct mirror *mirror, struct survey *ret, struct problem *why)
{
	static const char *const prefix[] = { REFS_HEADS, REFS_UPSTREAM, REFS_ATTIC };
	_cleanup_survey_ struct survey survey = {};
	_cleanup_free_ size_t *open = NULL;
	struct refs refs[3] = {};
	int r = refs_read_some(mirror, prefix, refs, 3, why);

	if (r)
		return r;
	survey.heads = refs[0];
	survey.upstream = refs[1];
	survey.attic = refs[2];
	r = merge_names(&survey);
	open = r ? NULL : calloc(survey.n + 1, sizeof(*open));
	r = r ?: open ? plan_all(&survey, mirror, open, why) : -ENOMEM;
	if (!r)
		*ret = TAKE(survey, (struct survey){ 0 });
	return r;
}

const struct surveyed *survey_find(const struct survey *survey, const char *name)
{
	for (size_t i = 0; i < survey->n; i++)
		if (!strcmp(survey->item[i].name, name))
			return &survey->item[i];
	return NULL;
}

bool survey_pending(const struct surveyed *branch)
{
	return branch->plan.state == PLAN_REPLACE || branch->plan.state == PLAN_DELETE;
}

static int count(const struct mirror *mirror, const char *const *args, uint64_t *ret,
		 struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	char *end;
	int r = mirror_git(mirror, &(struct git_run){ .args = args }, &text, why);

	if (r)
		return git_failed(r);
	*ret = strtoull(text, &end, 10);
	return end == text ? problem(why, -EBADMSG, "%s: git counted '%.20s'", mirror->path, text)
			   : 0;
}

int survey_only_here(const struct mirror *mirror, const struct survey *survey, uint64_t *ret,
		     struct problem *why)
{
	_cleanup_ancestry_ struct ancestry *ancestry = ancestry_new();
	int r = ancestry ? 0 : -ENOMEM;

	for (size_t i = 0; i < survey->n && !r; i++) {
		const struct plan_branch *is = &survey->item[i].is;

		if (survey_pending(&survey->item[i]))
			r = ancestry_tip(ancestry, is->gate)
				?: is->attic ? ancestry_tip(ancestry, is->attic)
					     : 0;
	}
	r = r ?: ancestry_list_new(ancestry, mirror, REFS_UPSTREAM "*", why);
	for (size_t i = 0; i < survey->n && !r; i++) {
		const struct plan_branch *is = &survey->item[i].is;

		if (survey_pending(&survey->item[i]))
			*ret++ = ancestry_count(ancestry, is->gate, is->attic);
	}
	return r;
}

int survey_count(const struct mirror *mirror, const char *a, const char *b, uint64_t *ret,
		 struct problem *why)
{
	return count(mirror, GIT("rev-list", "--count", b, "--not", a), ret, why);
}
