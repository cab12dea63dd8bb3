// SPDX-License-Identifier: Apache-2.0
#include "scan.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "pattern.h"

#define MODULES ".gitmodules"

static int by_commit(const void *a, const void *b)
{
	return strcmp(((const struct scan_merge *)a)->commit,
		      ((const struct scan_merge *)b)->commit);
}

void scan_sort(struct scan_merge *merge, size_t n)
{
	if (n)
		qsort(merge, n, sizeof(*merge), by_commit);
}

void scan_done(struct scan *scan)
{
	for (size_t i = 0; i < scan->n; i++)
		free(scan->found[i].path);
	free(scan->found);
	scan->found = NULL;
	scan->n = scan->room = 0;
}

/* --- what is kept --------------------------------------------------------------------- */

static int keep(struct scan *scan, enum scan_what what, const char *path)
{
	struct scan_found *found;

	/* the same of another parent of this merge */
	for (size_t i = scan->first; scan->parents > 1 && i < scan->n; i++) {
		found = &scan->found[i];
		if (found->what == what && !strcmp(found->path, path)) {
			found->parents++;
			return 0;
		}
	}
	if (scan->n == SCAN_KEPT || (scan->parents > 1 && scan->n - scan->first == SCAN_MERGE_KEPT))
		return -E2BIG;
	if (scan->n == scan->room) {
		size_t room = scan->room ? 2 * scan->room : 64;
		struct scan_found *more = reallocarray(scan->found, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		scan->found = more;
		scan->room = room;
	}
	found = &scan->found[scan->n];
	*found = (struct scan_found){ .what = what, .merge = scan->parents > 1, .parents = 1 };
	strcpy(found->commit, scan->commit);
	strcpy(found->blob, scan->blob);
	found->path = strdup(path);
	if (!found->path)
		return -ENOMEM;
	scan->n++;
	return 0;
}

/* What a merge has from one of its parents is not new there, but for what needs a grant. */
static void end_commit(struct scan *scan)
{
	size_t kept = scan->first;

	for (size_t i = scan->first; i < scan->n; i++) {
		struct scan_found *found = &scan->found[i];

		if (found->what == SCAN_FORBIDDEN || found->parents >= scan->parents)
			scan->found[kept++] = *found;
		else
			free(found->path);
	}
	scan->n = scan->first = kept;
}

static unsigned parents_of(const struct scan *scan, const char *commit)
{
	struct scan_merge wanted;
	const struct scan_merge *merge = NULL;

	strcpy(wanted.commit, commit);
	if (scan->n_merges)
		merge = bsearch(&wanted, scan->merge, scan->n_merges, sizeof(wanted), by_commit);
	return merge ? merge->parents : 1;
}

static bool is_large(const struct scan *scan)
{
	for (size_t i = 0; scan->large && scan->large[i]; i++)
		if (!strcmp(scan->large[i], scan->blob))
			return true;
	return false;
}

static bool leads_into(const struct policy_list *list, const char *path)
{
	return policy_matches(list, path, pattern_below);
}

static int look(struct scan *scan, const char *path)
{
	const struct policy_list *forbidden = &scan->policy->forbidden;
	bool there = scan->status != 'D', link = there && !strcmp(scan->mode, "120000");
	bool module = there && !strcmp(scan->mode, "160000");
	int r = 0;

	scan->paths++;
	/* a link or another repository where a folder should be has all that is below it */
	if (scan->forbidden && (policy_matches(forbidden, path, pattern_path) ||
				((link || module) && leads_into(forbidden, path))))
		r = keep(scan, SCAN_FORBIDDEN, path);
	if (!r && scan->modules && there && !strcasecmp(path, MODULES))
		r = keep(scan, link || module ? SCAN_MODULES_LINK : SCAN_MODULES, path);
	if (!r && scan->links && link)
		r = keep(scan, SCAN_LINK, path);
	if (!r && there && !module && is_large(scan))
		r = keep(scan, SCAN_LARGE, path);
	return r;
}

/* --- what git says -------------------------------------------------------------------- */

/* ":100644 100644 OLD NEW M" */
static int take_record(struct scan *scan, const char *text)
{
	const char *at = text + 1;

	for (int i = 0; i < 4; i++) {
		size_t n = strcspn(at, " ");

		if (at[n] != ' ' || !n)
			return -EBADMSG;
		if (i == 1) {
			if (n != 6)
				return -EBADMSG;
			memcpy(scan->mode, at, n);
			scan->mode[n] = '\0';
		} else if (i == 3) {
			if (n > GIT_SHA_MAX)
				return -EBADMSG;
			memcpy(scan->blob, at, n);
			scan->blob[n] = '\0';
		}
		at += n + 1;
	}
	if (!git_is_sha(scan->blob) || !strchr("AMDT", *at) || !*at || at[1])
		return -EBADMSG; /* renames are not asked for */
	scan->status = *at;
	scan->in_record = true;
	return 0;
}

static int take_commit(struct scan *scan, const char *text)
{
	if (!git_is_sha(text))
		return -EBADMSG;
	if (!strcmp(text, scan->commit))
		return 0; /* the same merge and its next parent */
	end_commit(scan);
	strcpy(scan->commit, text);
	scan->parents = parents_of(scan, text);
	return 0;
}

static int take_word(struct scan *scan, const char *text)
{
	if (!scan->in_record)
		return *text == ':' && *scan->commit ? take_record(scan, text)
						     : take_commit(scan, text);
	scan->in_record = false;
	if (!*text)
		return -EBADMSG;
	return look(scan, text);
}

int scan_bytes(const char *bytes, size_t n, void *user)
{
	struct scan *scan = user;
	int r = 0;

	while (n && !r) {
		const char *end = memchr(bytes, '\0', n);
		size_t take = end ? (size_t)(end - bytes) : n;

		if (scan->record_n + take >= sizeof(scan->record))
			return -E2BIG;
		memcpy(scan->record + scan->record_n, bytes, take);
		scan->record_n += take;
		if (!end)
			return 0;
		scan->record[scan->record_n] = '\0';
		scan->record_n = 0;
		r = take_word(scan, scan->record);
		bytes += take + 1;
		n -= take + 1;
	}
	return r;
}

int scan_end(struct scan *scan)
{
	if (scan->record_n || scan->in_record)
		return -EBADMSG;
	end_commit(scan);
	return 0;
}
