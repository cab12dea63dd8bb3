// SPDX-License-Identifier: Apache-2.0
/* sync_result.c - what a sync came to, and its lists */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sync.h"

void sync_say(struct sync_lines *lines, const char *fmt, ...)
{
	char **bigger = reallocarray(lines->item, lines->n + 1, sizeof(*bigger));
	va_list ap;
	int r;

	if (!bigger)
		return;
	lines->item = bigger;
	va_start(ap, fmt);
	r = vasprintf(&lines->item[lines->n], fmt, ap);
	va_end(ap);
	lines->n += r >= 0;
}

void sync_lines_clear(struct sync_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->item[i]);
	free(lines->item);
	*lines = (struct sync_lines){ 0 };
}

void sync_pending_free(struct sync_pending *pending, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(pending[i].branch);
	free(pending);
}

void sync_result_clear(struct sync_result *result)
{
	sync_lines_clear(&result->errors);
	sync_lines_clear(&result->notes);
	sync_lines_clear(&result->gate_only);
	for (size_t i = 0; i < result->applied_n; i++)
		free(result->applied[i].branch);
	free(result->applied);
	sync_pending_free(result->pending, result->pending_n);
	free(result->path);
	free(result->upstream_url);
	free(result->cache_error);
	*result = (struct sync_result){ 0 };
}

static void copy_sha(char to[GIT_SHA_MAX + 1], const char *from)
{
	snprintf(to, GIT_SHA_MAX + 1, "%s", from ?: "");
}

int sync_list_pending(const struct mirror *mirror, const struct survey *survey,
		      struct sync_pending **ret, size_t *ret_n)
{
	struct sync_pending *list = calloc(survey->n + 1, sizeof(*list));
	_cleanup_free_ uint64_t *only_here = calloc(survey->n + 1, sizeof(*only_here));
	bool counted = only_here && !survey_only_here(mirror, survey, only_here, NULL);
	size_t n = 0;

	if (!list || !only_here) {
		free(list);
		return -ENOMEM;
	}
	for (size_t i = 0; i < survey->n; i++) {
		const struct surveyed *branch = &survey->item[i];
		struct sync_pending *op = &list[n];

		if (!survey_pending(branch))
			continue;
		op->branch = strdup(branch->name);
		if (!op->branch) {
			sync_pending_free(list, n);
			return -ENOMEM;
		}
		op->plan = branch->plan;
		copy_sha(op->gate_sha, branch->is.gate);
		copy_sha(op->upstream_sha, branch->is.upstream);
		copy_sha(op->old_snapshot_sha, branch->is.attic);
		op->counted = counted;
		op->gate_only_commits = only_here[n++];
	}
	*ret = list;
	*ret_n = n;
	return 0;
}
