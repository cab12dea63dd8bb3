// SPDX-License-Identifier: Apache-2.0
#include "survey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void survey_clear(struct survey *survey)
{
	refs_clear(&survey->heads);
	refs_clear(&survey->upstream);
	refs_clear(&survey->attic);
	free(survey->item);
	*survey = (struct survey){ 0 };
}

struct asking {
	const struct mirror *mirror;
	struct problem *why;
};

static int ask_ancestor(const char *a, const char *b, void *user)
{
	const struct asking *asking = user;

	return mirror_ancestor(asking->mirror, a, b, asking->why);
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
	_cleanup_survey_ struct survey survey = {};
	struct asking asking = { mirror, why };
	int r = refs_read(mirror, REFS_HEADS, &survey.heads, why)
			?: refs_read(mirror, REFS_UPSTREAM, &survey.upstream, why)
			?: refs_read(mirror, REFS_ATTIC, &survey.attic, why)
			?: merge_names(&survey);

	for (size_t i = 0; i < survey.n && !r; i++)
		r = plan_branch(&survey.item[i].is, ask_ancestor, &asking, &survey.item[i].plan);
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

int survey_only_here(const struct mirror *mirror, const struct surveyed *branch, uint64_t *ret,
		     struct problem *why)
{
	const char *glob = "--glob=" REFS_UPSTREAM "*";

	return branch->is.attic
		   ? count(mirror,
			   GIT("rev-list", "--count", branch->is.gate, "--not", glob,
			       branch->is.attic),
			   ret, why)
		   : count(mirror, GIT("rev-list", "--count", branch->is.gate, "--not", glob), ret,
			   why);
}

int survey_count(const struct mirror *mirror, const char *a, const char *b, uint64_t *ret,
		 struct problem *why)
{
	return count(mirror, GIT("rev-list", "--count", b, "--not", a), ret, why);
}
