// SPDX-License-Identifier: Apache-2.0
#include "apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void apply_result_clear(struct apply_result *result)
{
	for (size_t i = 0; i < result->n; i++)
		free(result->item[i].change.branch);
	free(result->item);
	sync_lines_clear(&result->errors);
	*result = (struct apply_result){ 0 };
}

struct applying {
	const struct mirror *mirror;
	struct backups backups;
	char *head; /* the branch that HEAD is, whole */
	struct apply_result *result;
};

static int list_change(struct applying *applying, const struct sync_pending *op,
		       struct ref_changes *changes, char backup[BACKUP_REF_MAX])
{
	const char *to = op->plan.state == PLAN_DELETE ? NULL : op->upstream_sha;
	char of[BACKUP_OF_MAX];
	int r = snprintf(of, sizeof(of), REFS_HEADS "%s", op->branch) >= (int)sizeof(of)
		    ? -ENAMETOOLONG
		    : backup_add(changes, &applying->backups, of, op->gate_sha, backup);

	if (!r)
		r = changes_add(changes, REFS_HEADS, op->branch, op->gate_sha, to);
	if (!r && *op->old_snapshot_sha)
		r = changes_add(changes, REFS_ATTIC, op->branch, op->old_snapshot_sha, NULL);
	return r;
}

static void apply_one(struct applying *applying, const struct sync_pending *op)
{
	_cleanup_changes_ struct ref_changes changes = {};
	struct apply_result *result = applying->result;
	struct applied *applied = &result->item[result->n];
	struct problem why = {};
	int r;

	*applied = (struct applied){ 0 };
	if (op->plan.state == PLAN_DELETE && !strcmp(applying->head, op->branch)) {
		sync_say(
		    &result->errors,
		    "branch %s is HEAD of the mirror: sync when the upstream has another default "
		    "branch",
		    op->branch);
		return;
	}
	r = list_change(applying, op, &changes, applied->backup)
		?: refs_change(applying->mirror, &changes, "terok-gate apply", &why);
	if (!r)
		applied->change.branch = strdup(op->branch);
	if (r || !applied->change.branch) {
		sync_say(&result->errors, "branch %s is left as it is: %s", op->branch,
			 r ? *why.text ? why.text : strerror(-r) : "no memory");
		return;
	}
	applied->change.kind = plan_kind(op->plan.state);
	memcpy(applied->change.old_sha, op->gate_sha, sizeof(op->gate_sha));
	if (op->plan.state != PLAN_DELETE)
		memcpy(applied->change.new_sha, op->upstream_sha, sizeof(op->upstream_sha));
	result->n++;
}

static bool asked_for(const char *branch, const char *const *branches, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(branches[i], branch))
			return true;
	return !n;
}

static bool is_pending(const char *branch, const struct sync_pending *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(ops[i].branch, branch))
			return true;
	return false;
}

static int find_head(struct applying *applying, struct problem *why)
{
	int r = mirror_git(applying->mirror,
			   &(struct git_run){ .args = GIT("symbolic-ref", "-q", "HEAD") },
			   &applying->head, why);
	size_t skip = strlen(REFS_HEADS), n;

	if (r < 0)
		return r;
	n = strcspn(applying->head, "\n");
	applying->head[n] = '\0';
	if (!strncmp(applying->head, REFS_HEADS, skip))
		memmove(applying->head, applying->head + skip, n - skip + 1);
	return 0;
}

int apply_run(const struct mirror *mirror, const char *const *branches, size_t n, bool lossless,
	      struct apply_result *ret, struct problem *why)
{
	struct applying applying = { .mirror = mirror, .result = ret };
	_cleanup_survey_ struct survey survey = {};
	struct sync_pending *ops = NULL;
	size_t ops_n = 0;
	int r;

	*ret = (struct apply_result){ 0 };
	r = survey_read(mirror, &survey, why)
			?: sync_list_pending(mirror, &survey, &ops, &ops_n)
			?: backup_list(mirror, &applying.backups, why)
			?: find_head(&applying, why);
	if (!r) {
		ret->item = calloc(ops_n + 1, sizeof(*ret->item));
		r = ret->item ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < n && !r; i++)
		if (!is_pending(branches[i], ops, ops_n))
			sync_say(&ret->errors, "nothing is pending for a branch %s", branches[i]);
	for (size_t i = 0; i < ops_n && !r; i++)
		if (asked_for(ops[i].branch, branches, n) &&
		    (!lossless || (ops[i].counted && !ops[i].gate_only_commits)))
			apply_one(&applying, &ops[i]);
	sync_pending_free(ops, ops_n);
	backups_clear(&applying.backups);
	free(applying.head);
	return r;
}
