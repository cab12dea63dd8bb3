// SPDX-License-Identifier: Apache-2.0
#include "stale.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "refs.h"
#include "survey.h"
#include "upstream.h"

#define MESSAGE_MAX 4096 /* of a commit's first line: a container wrote it */

static void fail(struct staleness *staleness, const char *text)
{
	snprintf(staleness->error, sizeof(staleness->error), "%s", text);
}

static void note_time(char *buf, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(buf, size, "%Y-%m-%dT%H:%M:%S%z", &tm);
}

static int find_branch(const struct mirror *mirror, const char *named, struct staleness *ret)
{
	_cleanup_free_ char *text = NULL;
	const size_t skip = strlen(REFS_HEADS);

	if (named && git_branch_check(named, NULL))
		return -EINVAL;
	if (!named) {
		if (mirror_git(mirror,
			       &(struct git_run){ .args = GIT("symbolic-ref", "-q", "HEAD") },
			       &text, NULL))
			return -ENOENT;
		text[strcspn(text, "\n")] = '\0';
		if (strncmp(text, REFS_HEADS, skip) || git_branch_check(text + skip, NULL))
			return -ENOENT;
		named = text + skip;
	}
	snprintf(ret->branch, sizeof(ret->branch), "%s", named);
	return 0;
}

static void find_gate_head(const struct mirror *mirror, struct staleness *ret)
{
	_cleanup_free_ char *text = NULL;
	char ref[GIT_BRANCH_MAX + 16];

	snprintf(ref, sizeof(ref), REFS_HEADS "%s", ret->branch);
	if (mirror_git(mirror,
		       &(struct git_run){ .args = GIT("rev-parse", "--verify", "--quiet", ref) },
		       &text, NULL))
		return;
	text[strcspn(text, "\n")] = '\0';
	if (git_is_sha(text))
		snprintf(ret->gate_head, sizeof(ret->gate_head), "%.*s", GIT_SHA_MAX, text);
}

static void compare(const struct mirror *mirror, struct staleness *ret)
{
	uint64_t behind, ahead;

	if (!strcmp(ret->gate_head, ret->upstream_head)) {
		ret->behind = ret->ahead = 0;
		return;
	}
	if (*ret->gate_head && *ret->upstream_head &&
	    !survey_count(mirror, ret->gate_head, ret->upstream_head, &behind, NULL) &&
	    !survey_count(mirror, ret->upstream_head, ret->gate_head, &ahead, NULL)) {
		ret->behind = behind;
		ret->ahead = ahead;
	}
	ret->is_stale = *ret->upstream_head && ret->behind;
}

void stale_check(const struct mirror *mirror, const char *branch, struct staleness *ret)
{
	_cleanup_upstream_ struct upstream upstream = {};
	struct problem why = {};
	const char *sha;

	*ret = (struct staleness){ .behind = -1, .ahead = -1 };
	note_time(ret->last_checked, sizeof(ret->last_checked));
	if (find_branch(mirror, branch, ret))
		return fail(ret, "No branch configured");
	find_gate_head(mirror, ret);
	if (!mirror->memory.upstream)
		return fail(ret, "No upstream URL configured");
	if (upstream_list(mirror, STALE_LIST_NS, &upstream, &why)) {
		snprintf(ret->error, sizeof(ret->error), "Could not reach upstream: %.220s",
			 why.text);
		return;
	}
	sha = refs_find(&upstream.heads, ret->branch);
	if (sha)
		snprintf(ret->upstream_head, sizeof(ret->upstream_head), "%s", sha);
	else
		fail(ret, "The upstream has no such branch");
	compare(mirror, ret);
}

static void add_text(struct json *json, const char *key, const char *text)
{
	if (*text)
		json_add_string(json, key, text);
	else
		json_add_null(json, key);
}

static void add_count(struct json *json, const char *key, int64_t n)
{
	if (n < 0)
		json_add_null(json, key);
	else
		json_add_int(json, key, n);
}

void stale_add(struct json *json, const char *key, const struct staleness *staleness)
{
	json_open_object(json, key);
	add_text(json, "branch", staleness->branch);
	add_text(json, "gate_head", staleness->gate_head);
	add_text(json, "upstream_head", staleness->upstream_head);
	json_add_bool(json, "is_stale", staleness->is_stale);
	add_count(json, "commits_behind", staleness->behind);
	add_count(json, "commits_ahead", staleness->ahead);
	json_add_string(json, "last_checked", staleness->last_checked);
	add_text(json, "error", staleness->error);
	json_close_object(json);
}

void stale_print(const struct staleness *staleness)
{
	const char *branch = *staleness->branch ? staleness->branch : "(no branch)";

	if (*staleness->error)
		printf("%s: %s\n", branch, staleness->error);
	else if (staleness->behind < 0)
		printf("%s: the upstream has commits that the mirror has not; sync it\n", branch);
	else
		printf("%s: %s, %" PRId64 " behind, %" PRId64 " ahead\n", branch,
		       staleness->is_stale ? "stale" : "up to date", staleness->behind,
		       staleness->ahead);
}

/* --- the last commit ------------------------------------------------------------------ */

void stale_commit_clear(struct last_commit *commit)
{
	free(commit->author);
	free(commit->message);
	*commit = (struct last_commit){ 0 };
}

/* Four fields with NULs between them. */
static int take_fields(const char *text, size_t size, struct last_commit *ret)
{
	const char *field[4];
	size_t at = 0;

	for (int i = 0; i < 4; i++) {
		if (at > size)
			return -EBADMSG;
		field[i] = text + at;
		at += strlen(text + at) + 1;
	}
	if (!git_is_sha(field[0]))
		return -EBADMSG;
	snprintf(ret->hash, sizeof(ret->hash), "%s", field[0]);
	snprintf(ret->date, sizeof(ret->date), "%s", field[1]);
	ret->author = strndup(field[2], MESSAGE_MAX);
	ret->message = strndup(field[3], MESSAGE_MAX);
	if (ret->author && ret->message)
		return 0;
	stale_commit_clear(ret);
	return -ENOMEM;
}

static int ask_log(const struct mirror *mirror, const char *ref, char **ret, size_t *ret_size,
		   struct problem *why)
{
	return git_run(
	    &(struct git_run){ .dir = mirror->path,
			       .home = mirror->home,
			       .args = GIT("log", "-1", "--date=iso", "--no-show-signature",
					   "--pretty=format:%H%x00%ad%x00%an%x00%s", ref, "--") },
	    ret, ret_size, why);
}

int stale_last_commit(const struct mirror *mirror, const char *branch, struct last_commit *ret,
		      struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	struct staleness found = {};
	char ref[GIT_BRANCH_MAX + 16] = "HEAD";
	size_t size = 0;
	int r;

	if (branch && find_branch(mirror, branch, &found))
		return git_branch_check(branch, why);
	if (branch)
		snprintf(ref, sizeof(ref), REFS_HEADS "%s", found.branch);
	r = ask_log(mirror, ref, &text, &size, why);
	if (r > 0) /* no commit yet, or none on that branch */
		return problem(why, -ENOENT, "%s has no commit on %s", mirror->project,
			       branch ?: "HEAD");
	if (!r)
		r = take_fields(text, size, ret);
	return r;
}
