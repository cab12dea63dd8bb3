// SPDX-License-Identifier: Apache-2.0
/* verb_backups.c - terok-gate backups, restore: tips that were displaced, of branches and of tags, and back with them */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backup.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "sync_show.h"
#include "verbs.h"

#define DAYS_MAX 36500
#define WAIT_MAX 86400

static void time_text(char buf[32], time_t at)
{
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void add_backup(struct json *json, const struct backup *backup)
{
	char at[32];

	time_text(at, backup->saved_at);
	json_open_object(json, NULL);
	json_add_string(json, "ref", backup->ref);
	sync_add_sha(json, "branch", git_ref_branch(backup->of));
	json_add_string(json, "of", backup->of);
	json_add_string(json, "saved_at", at);
	json_add_string(json, "sha", backup->sha);
	json_close_object(json);
}

static void show_json(const struct mirror *mirror, const struct backups *backups, int gone)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "project", mirror->project);
	json_add_int(&json, "pruned", gone);
	json_open_array(&json, "backups");
	for (size_t i = 0; i < backups->n; i++)
		add_backup(&json, &backups->item[i]);
	json_close_array(&json);
	json_close_object(&json);
	text = json_done(&json);
	puts(text ?: "null");
}

static void show_text(const struct backups *backups, int gone)
{
	char safe[BACKUP_REF_MAX], at[32];

	if (gone)
		log_info("%d backups are removed", gone);
	for (size_t i = 0; i < backups->n; i++) {
		time_text(at, backups->item[i].saved_at);
		printf("%s  %.12s  %s\n", at, backups->item[i].sha,
		       log_safe(safe, sizeof(safe), backups->item[i].ref));
	}
}

/* @days: -1: nothing is removed by its age. */
static int change(struct mirror *mirror, int days, const char *ref, unsigned wait_s, int *ret,
		  struct problem *why)
{
	int r = mirror_lock(mirror, "backups", wait_s, why);

	if (r)
		return r;
	mirror_mend(mirror, 0, NULL);
	if (days >= 0)
		r = backup_prune(mirror, days, why);
	if (r >= 0)
		*ret = r;
	if (r >= 0 && ref) {
		r = backup_delete(mirror, ref, why);
		*ret += !r;
	}
	return r < 0 ? r : 0;
}

int verb_backups(int argc, char **argv)
{
	_cleanup_mirror_ struct mirror *mirror = NULL;
	_cleanup_backups_ struct backups backups = {};
	const char *base = NULL, *days = NULL, *ref = NULL, *wait = NULL;
	unsigned keep = 0, wait_s = MIRROR_WAIT_S;
	struct problem why = {};
	bool json = false;
	int gone = 0, r;
	const struct cli_option options[] = {
		{ "prune", "DAYS", "remove those that are older; 0: none", CLI_STRING, &days },
		{ "delete", "REF", "remove this one", CLI_STRING, &ref },
		{ "wait", "SECONDS", "for another that is at work (60)", CLI_STRING, &wait },
		{ "base-path", "FOLDER", "where mirrors are", CLI_STRING, &base },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};

	r = cli_parse(argc, argv, options, 1, 1);
	if (r < 0)
		return r;
	r = cli_number("prune", days, 0, DAYS_MAX, &keep)
		?: cli_number("wait", wait, 0, WAIT_MAX, &wait_s);
	if (r)
		return r;
	r = mirror_open(base, argv[1], &mirror, &why);
	if (!r && (days || ref))
		r = change(mirror, days ? (int)keep : -1, ref, wait_s, &gone, &why);
	if (!r)
		r = backup_list(mirror, &backups, &why);
	if (r)
		return log_error(0, "backups %s: %s", argv[1], *why.text ? why.text : strerror(-r)),
		       r == -EINVAL ? -EIO : r;
	if (json)
		show_json(mirror, &backups, gone);
	else
		show_text(&backups, gone);
	return 0;
}

/* --- restore -------------------------------------------------------------------------- */

static void show_restored(const struct backup_restored *restored, const char *error)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	sync_add_sha(&json, "branch", git_ref_branch(restored->of));
	sync_add_sha(&json, "of", restored->of);
	sync_add_sha(&json, "restored_sha", restored->restored_sha);
	sync_add_sha(&json, "previous_backup_ref", restored->previous_backup_ref);
	sync_add_sha(&json, "error", error);
	json_close_object(&json);
	text = json_done(&json);
	puts(text ?: "null");
}

static int restore(const char *base, char **argv, unsigned wait_s, struct backup_restored *ret,
		   struct problem *why)
{
	_cleanup_mirror_ struct mirror *mirror = NULL;
	int r = mirror_open(base, argv[1], &mirror, why)
		    ?: mirror_lock(mirror, "restore", wait_s, why);

	if (r)
		return r;
	mirror_mend(mirror, 0, NULL);
	return backup_restore(mirror, argv[2], ret, why);
}

int verb_restore(int argc, char **argv)
{
	const char *base = NULL, *wait = NULL;
	struct backup_restored restored = {};
	unsigned wait_s = MIRROR_WAIT_S;
	char name[BACKUP_OF_MAX];
	struct problem why = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "wait", "SECONDS", "for another that is at work (60)", CLI_STRING, &wait },
		{ "base-path", "FOLDER", "where mirrors are", CLI_STRING, &base },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 2, 2);

	if (r < 0)
		return r;
	r = cli_number("wait", wait, 0, WAIT_MAX, &wait_s);
	if (r)
		return r;
	umask(077);
	r = restore(base, argv, wait_s, &restored, &why);
	if (json)
		show_restored(&restored, r ? *why.text ? why.text : strerror(-r) : NULL);
	if (r)
		return log_error(0, "restore %s: %s", argv[1], *why.text ? why.text : strerror(-r)),
		       r == -EINVAL ? -EIO : r;
	if (!json)
		printf("%s is %.12s%s%s\n",
		       log_safe(name, sizeof(name), git_ref_branch(restored.of) ?: restored.of),
		       restored.restored_sha, *restored.previous_backup_ref ? "; saved: " : "",
		       restored.previous_backup_ref);
	return 0;
}
