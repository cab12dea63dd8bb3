// SPDX-License-Identifier: Apache-2.0
#include "backup.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFS      "refs/"
#define STAMP_LEN 16 /* 20261121T101112Z */
#define SHORT_SHA 12
#define DAY_S     86400

int backup_folder(char ret[BACKUP_REF_MAX], const char *of)
{
	const char *branch = git_ref_branch(of);

	if (git_ref_check(of, NULL))
		return -ENAMETOOLONG;
	snprintf(ret, BACKUP_REF_MAX, "%s%s/", branch ? REFS_BACKUP : REFS_KEPT,
		 branch ?: of + strlen(REFS));
	return 0;
}

int backup_ref(char ret[BACKUP_REF_MAX], const char *of, const char *sha, time_t at)
{
	char stamp[STAMP_LEN + 1] = "";
	int r = backup_folder(ret, of);
	struct tm tm;
	size_t n;

	if (r)
		return r;
	gmtime_r(&at, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	n = strlen(ret);
	snprintf(ret + n, BACKUP_REF_MAX - n, "%s-%.*s", stamp, SHORT_SHA, sha);
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

/* What it is a backup of, by what stands between the prefix and the stamp. */
static int parse_of(char ret[BACKUP_OF_MAX], const char *name, size_t n, bool branch)
{
	if (snprintf(ret, BACKUP_OF_MAX, "%s%.*s", branch ? REFS_HEADS : REFS, (int)n, name) >=
		BACKUP_OF_MAX ||
	    git_ref_check(ret, NULL))
		return -EINVAL;
	/* branches have a place of their own, and what is ours no backups */
	return !branch && (git_ref_branch(ret) || !strncasecmp(ret, "refs/terok/", 11)) ? -EINVAL
											: 0;
}

int backup_parse(const char *ref, struct backup *ret)
{
	bool branch = !strncmp(ref, REFS_BACKUP, strlen(REFS_BACKUP));
	const char *prefix = branch ? REFS_BACKUP : REFS_KEPT;
	const char *slash = strrchr(ref, '/'), *name = ref + strlen(prefix);
	struct backup backup = {};

	if (strncmp(ref, prefix, strlen(prefix)) != 0 || slash <= name ||
	    strlen(ref) >= sizeof(backup.ref))
		return -EINVAL;
	if (parse_of(backup.of, name, slash - name, branch) ||
	    parse_stamp(slash + 1, &backup.saved_at))
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
	static const char *const prefix[] = { REFS_BACKUP, REFS_KEPT };
	_cleanup_backups_ struct backups backups = {};
	struct refs refs[2] = {};
	int r = refs_read_some(mirror, prefix, refs, 2, why);

	if (r)
		return r;
	backups.item = calloc(refs[0].n + refs[1].n + 1, sizeof(*backups.item));
	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; i < refs[k].n && backups.item; i++) {
			struct backup *backup = &backups.item[backups.n];
			char whole[BACKUP_REF_MAX];

			memcpy(backup->sha, refs[k].item[i].sha, sizeof(backup->sha));
			if (snprintf(whole, sizeof(whole), "%s%s", prefix[k],
				     refs[k].item[i].name) < (int)sizeof(whole) &&
			    !backup_parse(whole, backup))
				backups.n++;
		}
		refs_clear(&refs[k]);
	}
	if (!backups.item)
		return -ENOMEM;
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

int backup_add(struct ref_changes *changes, const struct backups *present, const char *of,
	       const char *sha, char ret[BACKUP_REF_MAX])
{
	const struct backup *same;
	int r = backup_ref(ret, of, sha, time(NULL));

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

/* What a ref is; "": it is not there. */
static int read_one(const struct mirror *mirror, const char *ref, char ret[GIT_SHA_MAX + 1],
		    struct problem *why)
{
	const char *name = strrchr(ref, '/') + 1;
	_cleanup_refs_ struct refs refs = {};
	char folder[BACKUP_OF_MAX];
	int r;

	snprintf(folder, sizeof(folder), "%.*s", (int)(name - ref), ref);
	r = refs_read(mirror, folder, &refs, why);
	if (!r)
		snprintf(ret, GIT_SHA_MAX + 1, "%s", refs_find(&refs, name) ?: "");
	return r;
}

int backup_restore(const struct mirror *mirror, const char *ref, struct backup_restored *ret,
		   struct problem *why)
{
	_cleanup_backups_ struct backups backups = {};
	_cleanup_changes_ struct ref_changes changes = {};
	struct backup_restored restored = {};
	char now[GIT_SHA_MAX + 1];
	const struct backup *backup;
	int r = find_one(mirror, ref, &backups, &backup, why)
		    ?: read_one(mirror, backup->of, now, why);

	if (r)
		return r;
	memcpy(restored.of, backup->of, sizeof(restored.of));
	memcpy(restored.restored_sha, backup->sha, sizeof(restored.restored_sha));
	if (strcmp(now, backup->sha) != 0) {
		if (*now)
			r = backup_add(&changes, &backups, backup->of, now,
				       restored.previous_backup_ref);
		if (!r)
			r = changes_add(&changes, "", backup->of, *now ? now : NULL, backup->sha);
		if (!r)
			r = refs_change(mirror, &changes, "terok-gate: restored", why);
	}
	if (r == -EEXIST)
		return problem(why, r, "a backup of %s of this second is there; try again",
			       restored.of);
	if (!r)
		*ret = restored;
	return r;
}
