// SPDX-License-Identifier: Apache-2.0
#include "sync_show.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

void sync_add_sha(struct json *json, const char *key, const char *sha)
{
	if (sha && *sha)
		json_add_string(json, key, sha);
	else
		json_add_null(json, key);
}

void sync_add_lines(struct json *json, const char *key, const struct sync_lines *lines)
{
	json_open_array(json, key);
	for (size_t i = 0; i < lines->n; i++)
		json_add_string(json, NULL, lines->item[i]);
	json_close_array(json);
}

void sync_add_applied(struct json *json, const struct sync_applied *applied)
{
	json_open_object(json, NULL);
	json_add_string(json, "branch", applied->branch);
	json_add_string(json, "kind", applied->kind);
	sync_add_sha(json, "old_sha", applied->old_sha);
	sync_add_sha(json, "new_sha", applied->new_sha);
	json_close_object(json);
}

static bool lossless(const struct sync_pending *pending)
{
	return pending->counted && !pending->gate_only_commits;
}

void sync_add_pending(struct json *json, const struct sync_pending *pending)
{
	json_open_object(json, NULL);
	json_add_string(json, "branch", pending->branch);
	json_add_string(json, "kind", plan_kind(pending->plan.state));
	json_add_string(json, "reason", plan_reason_name(pending->plan.reason));
	sync_add_sha(json, "gate_sha", pending->gate_sha);
	sync_add_sha(json, "upstream_sha", pending->upstream_sha);
	sync_add_sha(json, "old_snapshot_sha", pending->old_snapshot_sha);
	json_add_bool(json, "lossless", lossless(pending));
	if (pending->counted)
		json_add_uint(json, "gate_only_commits", pending->gate_only_commits);
	else
		json_add_null(json, "gate_only_commits");
	json_close_object(json);
}

void sync_show_json(struct json *json, const struct sync_result *result)
{
	json_open_object(json, NULL);
	json_add_string(json, "path", result->path);
	sync_add_sha(json, "upstream_url", result->upstream_url);
	json_add_bool(json, "created", result->created);
	json_add_bool(json, "migrated", result->migrated);
	json_add_bool(json, "success", result->success);
	sync_add_lines(json, "errors", &result->errors);
	sync_add_lines(json, "notes", &result->notes);
	json_open_array(json, "applied");
	for (size_t i = 0; i < result->applied_n; i++)
		sync_add_applied(json, &result->applied[i]);
	json_close_array(json);
	json_open_array(json, "pending");
	for (size_t i = 0; i < result->pending_n; i++)
		sync_add_pending(json, &result->pending[i]);
	json_close_array(json);
	sync_add_lines(json, "gate_only_branches", &result->gate_only);
	json_add_bool(json, "cache_refreshed", result->cache_refreshed);
	sync_add_sha(json, "cache_error", result->cache_error);
	json_close_object(json);
}

/* --- for people ----------------------------------------------------------------------- */

void sync_print_pending(const struct sync_pending *pending)
{
	char name[GIT_BRANCH_MAX + 1];
	const char *what = pending->plan.reason == PLAN_DELETED ? "was deleted upstream"
			   : pending->plan.reason == PLAN_REWRITTEN
			       ? "was rewritten upstream"
			       : "has commits that the upstream has not, and the other way round";

	printf("pending: %s %s", log_safe(name, sizeof(name), pending->branch), what);
	if (!pending->counted)
		puts("; what would be lost is not known");
	else if (!pending->gate_only_commits)
		puts("; nothing would be lost");
	else
		printf("; %" PRIu64 " commit%s of the gate would leave it\n",
		       pending->gate_only_commits, pending->gate_only_commits == 1 ? "" : "s");
}

static void print_applied(const struct sync_applied *applied)
{
	char name[GIT_BRANCH_MAX + 1];

	log_safe(name, sizeof(name), applied->branch);
	if (*applied->old_sha)
		printf("%s %.12s..%.12s\n", name, applied->old_sha, applied->new_sha);
	else
		printf("%s is new: %.12s\n", name, applied->new_sha);
}

void sync_show_text(const struct sync_result *result)
{
	char safe[512];

	for (size_t i = 0; i < result->notes.n; i++)
		printf("note: %s\n", log_safe(safe, sizeof(safe), result->notes.item[i]));
	for (size_t i = 0; i < result->applied_n; i++)
		print_applied(&result->applied[i]);
	for (size_t i = 0; i < result->pending_n; i++)
		sync_print_pending(&result->pending[i]);
	for (size_t i = 0; i < result->errors.n; i++)
		log_error(0, "%s", result->errors.item[i]);
	if (result->cache_error)
		log_warn(0, "the clone cache is not refreshed: %s", result->cache_error);
	if (!result->success)
		return;
	printf("%s %s", result->path, result->created ? "is new" : "is synced");
	if (result->migrated)
		printf(", and is no legacy mirror any more");
	if (!result->upstream_url)
		printf("; it has no upstream");
	printf(": %zu changed, %zu pending, %zu only in the gate\n", result->applied_n,
	       result->pending_n, result->gate_only.n);
}
