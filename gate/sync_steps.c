// SPDX-License-Identifier: Apache-2.0
/* sync_steps.c - what a sync does with references, one step after the other */
#include <errno.h>
#include <string.h>

#include "sync_within.h"

#define NOTES_MAX 20 /* of one kind; the rest is counted */
#define FETCH_S   120
#define CLONE_S   3600 /* all of its history */

bool sync_wants(const struct syncing *syncing, const char *branch)
{
	return !syncing->wanted.n || refs_find(&syncing->wanted, branch);
}

static int read_two(const struct syncing *syncing, const char *a, struct refs *ret_a, const char *b,
		    struct refs *ret_b, struct problem *why)
{
	const char *const prefix[] = { a, b };
	struct refs refs[2] = {};
	int r = refs_read_some(syncing->mirror, prefix, refs, 2, why);

	*ret_a = refs[0];
	*ret_b = refs[1];
	return r;
}

/* --- before the snapshot changes ------------------------------------------------------ */

/*
 * One change for all: when it is made, what was known of the branches is safe; before, nothing
 * has happened. Branches that are gone leave the snapshot here, so that one can take the place
 * of another ("a" of "a/b").
 */
int sync_attic(struct syncing *syncing, struct problem *why)
{
	_cleanup_changes_ struct ref_changes changes = {};
	_cleanup_refs_ struct refs snapshot = {}, attic = {};
	int r = read_two(syncing, REFS_UPSTREAM, &snapshot, REFS_ATTIC, &attic, why);

	for (size_t i = 0; i < snapshot.n && !r; i++) {
		const struct ref *was = &snapshot.item[i];
		const char *is = refs_find(&syncing->upstream.heads, was->name);

		if (!sync_wants(syncing, was->name) || (is && !strcmp(is, was->sha)))
			continue;
		if (!refs_find(&attic, was->name)) /* the older one is what the gate stands on */
			r = changes_add(&changes, REFS_ATTIC, was->name, NULL, was->sha);
		if (!r && !is)
			r = changes_add(&changes, REFS_UPSTREAM, was->name, was->sha, NULL);
	}
	return r ?: refs_change(syncing->mirror, &changes, "terok-gate sync: as it was", why);
}

/* --- the snapshot --------------------------------------------------------------------- */

/* Has @have, at @name, what the upstream has? */
static bool same_refs(const struct refs *upstream, const struct refs *have,
		      const struct syncing *syncing)
{
	for (size_t i = 0; i < upstream->n; i++) {
		const char *sha = refs_find(have, upstream->item[i].name);

		if (syncing && !sync_wants(syncing, upstream->item[i].name))
			continue;
		if (!sha || strcmp(sha, upstream->item[i].sha))
			return false;
	}
	return true;
}

static int wanted_there(struct syncing *syncing, struct refs *ret)
{
	int r = 0;

	for (size_t i = 0; i < syncing->wanted.n && !r; i++) {
		const char *name = syncing->wanted.item[i].name;
		const char *sha = refs_find(&syncing->upstream.heads, name);

		if (sha)
			r = refs_add(ret, name, strlen(name), sha);
		else
			sync_say(&syncing->result->notes, "the upstream has no branch %s", name);
	}
	return r;
}

/* Tags that the upstream has no more leave our list of its tags; the gate's stay. */
static int forget_tags(struct syncing *syncing, const struct refs *moved, struct problem *why)
{
	_cleanup_changes_ struct ref_changes changes = {};
	int r = 0;

	for (size_t i = 0; i < moved->n && !r; i++)
		if (!refs_find(&syncing->upstream.tags, moved->item[i].name))
			r = changes_add(&changes, REFS_MOVED, moved->item[i].name,
					moved->item[i].sha, NULL);
	return r
		   ?: refs_change(syncing->mirror, &changes, "terok-gate sync: deleted upstream",
				  why);
}

int sync_fetch(struct syncing *syncing, struct problem *why)
{
	_cleanup_refs_ struct refs snapshot = {}, moved = {}, some = {};
	const unsigned usual_s = syncing->fresh ? CLONE_S : FETCH_S;
	const uint64_t limit_ns = (syncing->options->limit_s ?: usual_s) * GIT_SECOND;
	const bool all = !syncing->wanted.n;
	int r = read_two(syncing, REFS_UPSTREAM, &snapshot, REFS_MOVED, &moved, why);

	if (!r && all)
		r = forget_tags(syncing, &moved, why);
	if (!r && !all)
		r = wanted_there(syncing, &some);
	if (r)
		return r;
	if (same_refs(&syncing->upstream.heads, &snapshot, syncing) &&
	    (!all || same_refs(&syncing->upstream.tags, &moved, NULL)))
		return 0;
	return upstream_fetch(syncing->mirror, all ? NULL : &some, limit_ns, why);
}

/* --- the gate's branches -------------------------------------------------------------- */

static int list_changes(const struct syncing *syncing, const struct survey *survey,
			struct ref_changes *changes)
{
	int r = 0;

	for (size_t i = 0; i < survey->n && !r; i++) {
		const struct surveyed *branch = &survey->item[i];

		if (!sync_wants(syncing, branch->name) || git_branch_check(branch->name, NULL))
			continue;
		if (branch->plan.state == PLAN_CREATE || branch->plan.state == PLAN_FORWARD)
			r = changes_add(changes, REFS_HEADS, branch->name, branch->is.gate,
					branch->is.upstream);
	}
	return r;
}

/* What was changed, and what somebody else changed first: the next sync sees what they made of it. */
static int tell_applied(struct sync_result *result, const struct ref_changes *changes)
{
	size_t skip = strlen(REFS_HEADS);

	result->applied = calloc(changes->n + 1, sizeof(*result->applied));
	if (!result->applied)
		return -ENOMEM;
	for (size_t i = 0; i < changes->n; i++) {
		const struct ref_change *change = &changes->item[i];
		struct sync_applied *applied = &result->applied[result->applied_n];

		if (change->failed) {
			sync_say(&result->notes, "branch %s is left as it is: %s",
				 change->name + skip, change->why);
			continue;
		}
		applied->branch = strdup(change->name + skip);
		if (!applied->branch)
			return -ENOMEM;
		applied->kind = plan_kind(*change->old ? PLAN_FORWARD : PLAN_CREATE);
		memcpy(applied->old_sha, change->old, sizeof(applied->old_sha));
		memcpy(applied->new_sha, change->new, sizeof(applied->new_sha));
		result->applied_n++;
	}
	return 0;
}

/* The attic is only for what is pending. */
static int clear_attic(struct syncing *syncing, const struct survey *survey, struct problem *why)
{
	_cleanup_changes_ struct ref_changes changes = {};
	int r = 0;

	for (size_t i = 0; i < survey->n && !r; i++) {
		const struct surveyed *branch = &survey->item[i];

		if (branch->is.attic && !branch->plan.keep_attic &&
		    sync_wants(syncing, branch->name))
			r = changes_add(&changes, REFS_ATTIC, branch->name, branch->is.attic, NULL);
	}
	return r ?: refs_change(syncing->mirror, &changes, "terok-gate sync: needed no more", why);
}

static void tell_alone(struct sync_result *result, const struct survey *survey)
{
	for (size_t i = 0; i < survey->n; i++)
		if (survey->item[i].plan.state == PLAN_ALONE)
			sync_say(&result->gate_only, "%s", survey->item[i].name);
}

int sync_branches(struct syncing *syncing, struct problem *why)
{
	_cleanup_survey_ struct survey survey = {};
	_cleanup_changes_ struct ref_changes changes = {};
	struct sync_result *result = syncing->result;
	int r = survey_read(syncing->mirror, &survey, why)
			?: list_changes(syncing, &survey, &changes)
			?: refs_change_each(syncing->mirror, &changes, "terok-gate sync", why)
			?: tell_applied(result, &changes)
			?: clear_attic(syncing, &survey, why);

	if (r)
		return r;
	tell_alone(result, &survey);
	return sync_list_pending(syncing->mirror, &survey, &result->pending, &result->pending_n);
}

/* --- tags ----------------------------------------------------------------------------- */

int sync_tags(struct syncing *syncing, struct problem *why)
{
	_cleanup_changes_ struct ref_changes changes = {};
	_cleanup_refs_ struct refs tags = {}, upstream = {};
	struct sync_lines *notes = &syncing->result->notes;
	size_t moved = 0;
	int r = read_two(syncing, REFS_TAGS, &tags, REFS_MOVED, &upstream, why);

	for (size_t i = 0; i < upstream.n && !r; i++) {
		const struct ref *tag = &upstream.item[i];
		const char *have = refs_find(&tags, tag->name);

		if (!have)
			r = changes_add(&changes, REFS_TAGS, tag->name, NULL, tag->sha);
		else if (strcmp(have, tag->sha) && moved++ < NOTES_MAX)
			sync_say(notes, "tag %s was moved upstream, to %.12s: the gate keeps %.12s",
				 tag->name, tag->sha, have);
	}
	if (moved > NOTES_MAX)
		sync_say(notes, "%zu more tags were moved upstream", moved - NOTES_MAX);
	if (!r)
		r = refs_change_each(syncing->mirror, &changes, "terok-gate sync", why);
	for (size_t i = 0; i < changes.n && !r; i++)
		if (changes.item[i].failed)
			sync_say(notes, "%s is not made: %s", changes.item[i].name,
				 changes.item[i].why);
	return r;
}

/* --- HEAD ----------------------------------------------------------------------------- */

static int head_now(const struct mirror *mirror, char **ret, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	int r = mirror_git(mirror, &(struct git_run){ .args = GIT("symbolic-ref", "-q", "HEAD") },
			   &text, why);

	if (r)
		return r == 1 ? 0 : git_failed(r); /* 1: it is a commit */
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, REFS_HEADS, strlen(REFS_HEADS)))
		return 0;
	*ret = strdup(text + strlen(REFS_HEADS));
	return *ret ? 0 : -ENOMEM;
}

static int head_set(const struct mirror *mirror, const char *branch, struct problem *why)
{
	_cleanup_free_ char *ref = NULL;

	if (asprintf(&ref, REFS_HEADS "%s", branch) < 0)
		return ref = NULL, -ENOMEM;
	return git_failed(mirror_git(
	    mirror,
	    &(struct git_run){ .args = GIT("symbolic-ref", "-m", "terok-gate sync", "HEAD", ref) },
	    NULL, why));
}

/* The upstream does not say, or we have not got it: what it is is often one of these. */
static const char *guess_head(const struct syncing *syncing, const struct refs *heads)
{
	static const char *const usual[] = { "main", "master", "trunk" };

	for (size_t i = 0; i < heads->n; i++)
		if (!strcmp(heads->item[i].sha, syncing->upstream.head_sha))
			return heads->item[i].name;
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		if (refs_find(heads, usual[i]))
			return usual[i];
	for (size_t i = 0; i < syncing->wanted.n; i++)
		if (refs_find(heads, syncing->wanted.item[i].name))
			return syncing->wanted.item[i].name;
	return heads->n == 1 ? heads->item[0].name : NULL;
}

int sync_head(struct syncing *syncing, struct problem *why)
{
	_cleanup_refs_ struct refs heads = {};
	_cleanup_free_ char *now = NULL;
	const char *want = syncing->upstream.head;
	int r = refs_read(syncing->mirror, REFS_HEADS, &heads, why)
		    ?: head_now(syncing->mirror, &now, why);

	if (r)
		return r;
	if (!want || !refs_find(&heads, want))
		want = now && refs_find(&heads, now) ? now : guess_head(syncing, &heads);
	if (!heads.n) /* nothing here and nothing there; what comes first is what it will be */
		want = syncing->upstream.head;
	else if (!want)
		return problem(why, -ENOENT,
			       "HEAD of %s names %s, which is not there, and the upstream says no "
			       "better; try: git -C %s symbolic-ref HEAD refs/heads/BRANCH",
			       syncing->mirror->project, now ?: "no branch", syncing->mirror->path);
	if (!want || (now && !strcmp(now, want)))
		return 0;
	return head_set(syncing->mirror, want, why);
}
