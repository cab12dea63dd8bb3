// SPDX-License-Identifier: Apache-2.0
#include "ancestry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE SIZE_MAX

struct commit {
	char sha[GIT_SHA_MAX + 1];
	size_t parent, n_parents; /* places in parents, valid if it was listed */
	bool listed;
	unsigned seen; /* the walk that was here last */
};

struct ancestry {
	struct commit *commit;
	size_t n, room;
	size_t *bucket; /* place of a commit and one; 0 is none */
	size_t n_buckets;
	size_t *parents;
	size_t n_parents, parents_room;
	size_t *todo; /* of a walk, as much room as there are commits */
	unsigned walk;
	char *tips; /* a line each */
	size_t tips_size;
};

struct ancestry *ancestry_new(void)
{
	return calloc(1, sizeof(struct ancestry));
}

void ancestry_free(struct ancestry *ancestry)
{
	if (!ancestry)
		return;
	free(ancestry->commit);
	free(ancestry->bucket);
	free(ancestry->parents);
	free(ancestry->todo);
	free(ancestry->tips);
	free(ancestry);
}

int ancestry_tip(struct ancestry *ancestry, const char *sha)
{
	size_t n = strlen(sha);
	char *more = realloc(ancestry->tips, ancestry->tips_size + n + 2);

	if (!more)
		return -ENOMEM;
	ancestry->tips = more;
	ancestry->tips_size += sprintf(more + ancestry->tips_size, "%s\n", sha);
	return 0;
}

/* --- commits by name ------------------------------------------------------------------ */

/* Its digits are as good as chance. */
static size_t hash(const char *sha, size_t n)
{
	char digits[16] = "";

	memcpy(digits, sha, strnlen(sha, sizeof(digits) - 1));
	return strtoull(digits, NULL, 16) & (n - 1);
}

/* Its bucket, or the one that it would have. */
static size_t *bucket_of(const struct ancestry *ancestry, const char *sha)
{
	size_t i = hash(sha, ancestry->n_buckets);

	while (ancestry->bucket[i] &&
	       strcmp(ancestry->commit[ancestry->bucket[i] - 1].sha, sha) != 0)
		i = (i + 1) & (ancestry->n_buckets - 1);
	return &ancestry->bucket[i];
}

static size_t find(const struct ancestry *ancestry, const char *sha)
{
	size_t place = ancestry->n_buckets ? *bucket_of(ancestry, sha) : 0;

	return place ? place - 1 : NONE;
}

/* Twice the commits, and four buckets for each. */
static int grow(struct ancestry *ancestry)
{
	size_t room = ancestry->room ? 2 * ancestry->room : 1024;
	struct commit *commit = reallocarray(ancestry->commit, room, sizeof(*commit));
	size_t *todo = commit ? reallocarray(ancestry->todo, room, sizeof(*todo)) : NULL;
	size_t *bucket = todo ? calloc(4 * room, sizeof(*bucket)) : NULL;

	ancestry->commit = commit ?: ancestry->commit;
	ancestry->todo = todo ?: ancestry->todo;
	if (!bucket)
		return -ENOMEM;
	free(ancestry->bucket);
	ancestry->bucket = bucket;
	ancestry->n_buckets = 4 * room;
	ancestry->room = room;
	for (size_t i = 0; i < ancestry->n; i++)
		*bucket_of(ancestry, commit[i].sha) = i + 1;
	return 0;
}

static int place_of(struct ancestry *ancestry, const char *sha, size_t *ret)
{
	size_t *bucket;

	if (ancestry->n == ancestry->room && grow(ancestry))
		return -ENOMEM;
	bucket = bucket_of(ancestry, sha);
	if (!*bucket) {
		struct commit *commit = &ancestry->commit[ancestry->n++];

		*commit = (struct commit){ 0 };
		snprintf(commit->sha, sizeof(commit->sha), "%s", sha);
		*bucket = ancestry->n;
	}
	*ret = *bucket - 1;
	return 0;
}

/* --- what git lists ------------------------------------------------------------------- */

static int add_parent(struct ancestry *ancestry, size_t parent)
{
	if (ancestry->n_parents == ancestry->parents_room) {
		size_t room = ancestry->parents_room ? 2 * ancestry->parents_room : 1024;
		size_t *more = reallocarray(ancestry->parents, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		ancestry->parents = more;
		ancestry->parents_room = room;
	}
	ancestry->parents[ancestry->n_parents++] = parent;
	return 0;
}

/* "COMMIT PARENT PARENT ..." */
static int take_line(struct ancestry *ancestry, char *line)
{
	size_t place = NONE, other, first = ancestry->n_parents;
	int r = 0;

	for (char *at = line, *end; at && !r; at = end) {
		end = strchr(at, ' ');
		if (end)
			*end++ = '\0';
		if (!git_is_sha(at))
			return -EBADMSG;
		r = place_of(ancestry, at, &other);
		if (!r && place != NONE)
			r = add_parent(ancestry, other);
		else if (!r)
			place = other;
	}
	if (r)
		return r;
	ancestry->commit[place].parent = first;
	ancestry->commit[place].n_parents = ancestry->n_parents - first;
	ancestry->commit[place].listed = true;
	return 0;
}

static int list(struct ancestry *ancestry, const struct mirror *mirror, const char *const *args,
		struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	int r = ancestry->tips_size
		    ? mirror_git(mirror,
				 &(struct git_run){ .args = args,
						    .input = ancestry->tips,
						    .input_size = ancestry->tips_size },
				 &text, why)
		    : 0;

	ancestry->tips_size = 0;
	if (r || !text)
		return git_failed(r);
	for (char *line = text, *end; *line && !r; line = end) {
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = '\0';
		r = take_line(ancestry, line);
	}
	return r ? problem(why, r, "%s: the list of commits is not what git writes", mirror->path)
		 : 0;
}

int ancestry_list(struct ancestry *ancestry, const struct mirror *mirror, size_t most,
		  struct problem *why)
{
	char limit[40];

	snprintf(limit, sizeof(limit), "--max-count=%zu", most);
	return list(ancestry, mirror, GIT("rev-list", "--parents", limit, "--stdin"), why);
}

int ancestry_list_new(struct ancestry *ancestry, const struct mirror *mirror, const char *glob,
		      struct problem *why)
{
	_cleanup_free_ char *refs = NULL;

	if (asprintf(&refs, "--glob=%s", glob) < 0)
		return refs = NULL, -ENOMEM;
	return list(ancestry, mirror, GIT("rev-list", "--parents", "--stdin", "--not", refs), why);
}

/* --- answers -------------------------------------------------------------------------- */

/* What a walk came to. */
struct walked {
	uint64_t listed; /* commits, of those that git listed */
	bool open;       /* it ended at one that git did not list */
	bool met;        /* it came to the commit that was looked for */
};

/* From a commit to all before it, with a mark that is new; what the walk @but marked is no way. */
static struct walked walk(struct ancestry *ancestry, size_t from, unsigned but, size_t wanted)
{
	unsigned mark = ++ancestry->walk;
	struct walked walked = {};
	size_t n = 0;

	if (from != NONE && (!but || ancestry->commit[from].seen != but)) {
		ancestry->commit[from].seen = mark;
		ancestry->todo[n++] = from;
	}
	for (size_t i = 0; i < n; i++) {
		const struct commit *commit = &ancestry->commit[ancestry->todo[i]];

		walked.listed += commit->listed;
		walked.open |= !commit->listed;
		for (size_t k = 0; k < commit->n_parents; k++) {
			size_t parent = ancestry->parents[commit->parent + k];
			unsigned seen = ancestry->commit[parent].seen;

			walked.met |= parent == wanted;
			if (seen == mark || (but && seen == but))
				continue;
			ancestry->commit[parent].seen = mark;
			ancestry->todo[n++] = parent;
		}
	}
	return walked;
}

/*
 * First all before @a. Is @b there, it is no. Then all before @b that is not there: what both
 * have cannot lead to @a, which would be in its own history.
 */
int ancestry_is(struct ancestry *ancestry, const char *a, const char *b)
{
	size_t from = find(ancestry, a), to = find(ancestry, b);
	struct walked walked;

	if (!strcmp(a, b))
		return 1;
	if (from == NONE || to == NONE)
		return -EAGAIN;
	if (walk(ancestry, from, 0, to).met)
		return 0;
	walked = walk(ancestry, to, ancestry->walk, from);
	return walked.met ? 1 : walked.open ? -EAGAIN : 0;
}

uint64_t ancestry_count(struct ancestry *ancestry, const char *of, const char *but)
{
	walk(ancestry, but ? find(ancestry, but) : NONE, 0, NONE);
	return walk(ancestry, find(ancestry, of), ancestry->walk, NONE).listed;
}
