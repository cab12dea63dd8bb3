// SPDX-License-Identifier: Apache-2.0
#include "backup.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAMP_LEN 16 /* 20261121T101112Z */
#define SHORT_SHA 12
#define DAY_S     86400

int backup_ref(char ret[BACKUP_REF_MAX], const char *branch, const char *sha, time_t at)
{
	char stamp[STAMP_LEN + 1] = "";
	struct tm tm;

	if (git_branch_check(branch, NULL))
		return -ENAMETOOLONG;
	gmtime_r(&at, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(ret, BACKUP_REF_MAX, REFS_BACKUP "%s/%s-%.*s", branch, stamp, SHORT_SHA, sha);
	return 0;
}

static int number(const char *text, int digits)
{
	int n = 0;

	while (digits--)
		n = n * 10 + (*text++ - '0');
	return n;
}

/* "20261121T101112Z-0123456789ab" */
static int parse_stamp(const char *text, time_t *ret)
{
	static const char form[] = "ddddddddTddddddZ-hhhhhhhhhhhh";
	struct tm tm = {}, back;

	if (strlen(text) != sizeof(form) - 1)
		return -EINVAL;
	for (size_t i = 0; form[i]; i++) {
		unsigned char c = (unsigned char)text[i];

		if (form[i] == 'd' ? !isdigit(c) : form[i] == 'h' ? !isxdigit(c) : c != form[i])
			return -EINVAL;
	}
	tm.tm_year = number(text, 4) - 1900;
	tm.tm_mon = number(text + 4, 2) - 1;
	tm.tm_mday = number(text + 6, 2);
	tm.tm_hour = number(text + 9, 2);
	tm.tm_min = number(text + 11, 2);
	tm.tm_sec = number(text + 13, 2);
	back = tm;
	*ret = timegm(&back);
	/* the 31st of February would have become another day, and no clock of ours said 0026 */
	return tm.tm_year >= 70 && back.tm_mon == tm.tm_mon && back.tm_mday == tm.tm_mday &&
		       back.tm_hour == tm.tm_hour && back.tm_min == tm.tm_min &&
		       back.tm_sec == tm.tm_sec
		   ? 0
		   : -EINVAL;
}

int backup_parse(const char *ref, struct backup *ret)
{
	const size_t prefix = strlen(REFS_BACKUP);
	const char *slash = strrchr(ref, '/');
	struct backup backup = {};
	size_t n;

	if (strncmp(ref, REFS_BACKUP, prefix) || slash <= ref + prefix ||
	    strlen(ref) >= sizeof(backup.ref))
		return -EINVAL;
	n = slash - ref - prefix;
	if (n >= sizeof(backup.branch))
		return -EINVAL;
	memcpy(backup.branch, ref + prefix, n);
	if (git_branch_check(backup.branch, NULL) || parse_stamp(slash + 1, &backup.saved_at))
		return -EINVAL;
	memcpy(backup.ref, ref, strlen(ref));
	memcpy(backup.sha, ret->sha, sizeof(backup.sha));
	*ret = backup;
	return 0;
}

/* --- what there is -------------------------------------------------------------------- */

void backups_clear(struct backups *backups)
{
	free(backups->item);
	*backups = (struct backups){ 0 };
}

static int newest_first(const void *a, const void *b)
{
	const struct backup *x = a, *y = b;

	if (x->saved_at != y->saved_at)
		return x->saved_at < y->saved_at ? 1 : -1;
	return strcmp(x->ref, y->ref);
}

int backup_list(const struct mirror *mirror, struct backups *ret, struct problem *why)
{
	_cleanup_backups_ struct backups backups = {};
	_cleanup_refs_ struct refs refs = {};
	int r = refs_read(mirror, REFS_BACKUP, &refs, why);

	if (r)
		return r;
	backups.item = calloc(refs.n + 1, sizeof(*backups.item));
	if (!backups.item)
		return -ENOMEM;
	for (size_t i = 0; i < refs.n; i++) {
		struct backup *backup = &backups.item[backups.n];
		char whole[BACKUP_REF_MAX];

		memcpy(backup->sha, refs.item[i].sha, sizeof(backup->sha));
		if (snprintf(whole, sizeof(whole), REFS_BACKUP "%s", refs.item[i].name) <
			(int)sizeof(whole) &&
		    !backup_parse(whole, backup))
			backups.n++;
	}
	qsort(backups.item, backups.n, sizeof(*backups.item), newest_first);
	*ret = TAKE(backups, (struct backups){ 0 });
	return 0;
}

static const struct backup *find(const struct backups *backups, const char *ref)
{
	for (size_t i = 0; i < backups->n; i++)
		if (!strcmp(backups->item[i].ref, ref))
			return &backups->item[i];
	return NULL;
}

int backup_add(struct ref_changes *changes, const struct backups *present, const char *branch,
	       const char *sha, char ret[BACKUP_REF_MAX])
{
	const struct backup *same;
	int r = backup_ref(ret, branch, sha, time(NULL));

	if (r)
		return r;
	same = find(present, ret);
	if (same)
		return strcmp(same->sha, sha) ? -EEXIST : 0;
	return changes_add(changes, "", ret, NULL, sha);
}

/* --- removing ------------------------------------------------------------------------- */

int backup_prune(const struct mirror *mirror, unsigned days, struct problem *why)
{
	_cleanup_backups_ struct backups backups = {};
	_cleanup_changes_ struct ref_changes changes = {};
	time_t before = time(NULL) - (time_t)days * DAY_S;
	int r = days ? backup_list(mirror, &backups, why) : 0;

	for (size_t i = 0; i < backups.n && !r; i++)
		if (backups.item[i].saved_at < before)
			r = changes_add(&changes, "", backups.item[i].ref, backups.item[i].sha,
					NULL);
	if (!r)
		r = refs_change(mirror, &changes, "terok-gate: its time is over", why);
	return r ?: (int)changes.n;
}

static int find_one(const struct mirror *mirror, const char *ref, struct backups *backups,
		    const struct backup **ret, struct problem *why)
{
	struct backup parsed = {};
	char clean[80];
	int r;

	git_text_redact(clean, sizeof(clean), ref);
	if (backup_parse(ref, &parsed))
		return problem(why, -EINVAL, "'%s' is no backup's name; see terok-gate backups %s",
			       clean, mirror->project);
	r = backup_list(mirror, backups, why);
	if (r)
		return r;
	*ret = find(backups, ref);
	return *ret ? 0
		    : problem(why, -ENOENT, "%s has no backup '%s'; see terok-gate backups %s",
			      mirror->project, clean, mirror->project);
}

int backup_delete(const struct mirror *mirror, const char *ref, struct problem *why)
{
	_cleanup_backups_ struct backups backups = {};
	_cleanup_changes_ struct ref_changes changes = {};
	const struct backup *backup;
	int r = find_one(mirror, ref, &backups, &backup, why);

	if (!r)
		r = changes_add(&changes, "", ref, backup->sha, NULL);
	return r ?: refs_change(mirror, &changes, "terok-gate: backup deleted", why);
}

/* --- and back ------------------------------------------------------------------------- */

int backup_restore(const struct mirror *mirror, const char *ref, struct backup_restored *ret,
		   struct problem *why)
{
	_cleanup_backups_ struct backups backups = {};
	_cleanup_changes_ struct ref_changes changes = {};
	_cleanup_refs_ struct refs heads = {};
	struct backup_restored restored = {};
	const struct backup *backup;
	const char *now;
	int r = find_one(mirror, ref, &backups, &backup, why)
		    ?: refs_read(mirror, REFS_HEADS, &heads, why);

	if (r)
		return r;
	now = refs_find(&heads, backup->branch);
	memcpy(restored.branch, backup->branch, sizeof(restored.branch));
	memcpy(restored.restored_sha, backup->sha, sizeof(restored.restored_sha));
	if (!now || strcmp(now, backup->sha)) {
		if (now)
			r = backup_add(&changes, &backups, backup->branch, now,
				       restored.previous_backup_ref);
		if (!r)
			r = changes_add(&changes, REFS_HEADS, backup->branch, now, backup->sha);
		if (!r)
			r = refs_change(mirror, &changes, "terok-gate: restored", why);
	}
	if (r == -EEXIST)
		return problem(why, r, "a backup of %s of this second is there; try again",
			       restored.branch);
	if (!r)
		*ret = restored;
	return r;
}
