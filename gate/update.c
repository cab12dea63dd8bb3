// SPDX-License-Identifier: Apache-2.0
#include "update.h"

#include <errno.h>
#include <string.h>

#include "pattern.h"
#include "refs.h"

#define OURS "refs/terok"

/* --- a hook's lines ------------------------------------------------------------------- */

/* An object's name and the space behind it; bytes taken, 0: it is none. */
static size_t take_sha(const char *line, size_t size, char ret[GIT_SHA_MAX + 1])
{
	const char *end = memchr(line, ' ', size);
	size_t n = end ? (size_t)(end - line) : 0;

	if (!n || n > GIT_SHA_MAX)
		return 0;
	memcpy(ret, line, n);
	ret[n] = '\0';
	return git_is_sha(ret) ? n + 1 : 0;
}

static bool ref_is_plain(const char *ref, size_t n)
{
	if (n <= 5 || n >= UPDATE_REF_MAX || strncmp(ref, "refs/", 5))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)ref[i] <= ' ' || ref[i] == 0x7f)
			return false;
	return true;
}

static int take_line(const char *line, size_t size, struct update *ret)
{
	size_t n = take_sha(line, size, ret->old), m = 0;

	if (n)
		m = take_sha(line + n, size - n, ret->new);
	if (!m || strlen(ret->old) != strlen(ret->new) || !ref_is_plain(line + n + m, size - n - m))
		return -EINVAL;
	/* both of a hidden ref that would go: git says nothing of what it is */
	ret->kind = git_is_zero(ret->new)   ? UPDATE_DELETE
		    : git_is_zero(ret->old) ? UPDATE_CREATE
					    : UPDATE_MOVE;
	ret->ref = strndup(line + n + m, size - n - m);
	return ret->ref ? 0 : -ENOMEM;
}

static size_t count_lines(const char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += text[i] == '\n';
	return n;
}

static int take_lines(const char *text, size_t size, struct updates *updates, struct problem *why)
{
	while (size) {
		const char *end = memchr(text, '\n', size);
		int r = end ? take_line(text, end - text, &updates->item[updates->n]) : -EINVAL;

		if (r)
			return problem(why, r, "line %zu of the hook's input is no \"OLD NEW REF\"",
				       updates->n + 1);
		updates->n++;
		size -= end + 1 - text;
		text = end + 1;
	}
	return 0;
}

int updates_parse(const char *text, size_t size, struct updates *ret, struct problem *why)
{
	struct updates updates = {};
	size_t n = count_lines(text, size);
	int r;

	if (n > UPDATES_MAX)
		return problem(why, -E2BIG, "%zu refs: %d are the most", n, UPDATES_MAX);
	updates.item = calloc(n + 1, sizeof(*updates.item));
	r = updates.item ? take_lines(text, size, &updates, why)
			 : problem(why, -ENOMEM, "no memory for %zu refs", n);
	if (r) {
		updates_done(&updates);
		return r;
	}
	*ret = updates;
	return 0;
}

void updates_done(struct updates *updates)
{
	for (size_t i = 0; i < updates->n; i++)
		free(updates->item[i].ref);
	free(updates->item);
	*updates = (struct updates){};
}

const char *update_branch(const struct update *update)
{
	return git_ref_branch(update->ref);
}

/* --- what is said of it --------------------------------------------------------------- */

/* Whatever the case: where files are what refs are, and case does not count, it is the same. */
static bool is_ours(const char *ref)
{
	size_t n = strlen(OURS);

	return !strncasecmp(ref, OURS, n) && (!ref[n] || ref[n] == '/');
}

static bool token_names(const struct token *token, const char *ref)
{
	if (!token->n_push)
		return true;
	for (unsigned i = 0; i < token->n_push; i++)
		if (pattern_ref(token->push[i], ref))
			return true;
	return false;
}

enum refusal update_judge_forced(const struct update *update, const struct token *token,
				 struct problem *why)
{
	if (token->force)
		return REFUSED_NOT;
	problem(
	    why, 0,
	    update_branch(update)
		? "it replaces history; pull and merge first, push to another branch, or ask for a "
		  "token with --force"
		: "it is there already, and is no branch; choose another name, or ask for a token "
		  "with --force");
	return REFUSED_FORCE;
}

enum refusal update_judge(const struct update *update, const struct token *token,
			  const struct policy *policy, struct problem *why)
{
	struct problem wrong;
	const char *pattern;

	if (is_ours(update->ref))
		return problem(why, 0, "refs/terok/ is the gate's own"), REFUSED_ALWAYS;
	if (token->read_only)
		return problem(why, 0, "this token may clone and fetch, not push"), REFUSED_ALWAYS;
	if (!policy_matches(&policy->push, update->ref, pattern_ref))
		return problem(
			   why, 0,
			   "only branches and tags that the project's policy names are pushed; push to "
			   "refs/heads/ or refs/tags/"),
		       REFUSED_ALWAYS;
	/* also of what is there: what a longer one displaces could not be kept by its name */
	if (git_ref_check(update->ref, &wrong))
		return problem(why, 0, "%s", wrong.text), REFUSED_ALWAYS;
	pattern = policy_matches(&policy->protect, update->ref, pattern_ref);
	if (pattern)
		return problem(why, 0,
			       "it is protected (%s); push to another branch, and have it merged",
			       pattern),
		       REFUSED_REF;
	if (!token_names(token, update->ref))
		return problem(
			   why, 0,
			   "this token is for %.80s%s; push there, or ask for a token with --push",
			   token->push[0], token->n_push > 1 ? " and others" : ""),
		       REFUSED_REF;
	if (update->kind == UPDATE_DELETE && !token->remove)
		return problem(why, 0, "it would be deleted; ask for a token with --remove"),
		       REFUSED_REMOVE;
	if (update->kind == UPDATE_MOVE && !update_branch(update))
		return update_judge_forced(update, token, why);
	return REFUSED_NOT;
}
