// SPDX-License-Identifier: Apache-2.0
/* verb_apply.c - terok-gate apply: what a sync left pending is done, and what it displaces is kept */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "apply.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "sync_show.h"
#include "verbs.h"

#define WAIT_MAX 86400

static void show_json(const struct apply_result *result)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_add_bool(&json, "success", !result->errors.n);
	json_open_array(&json, "applied");
	for (size_t i = 0; i < result->n; i++)
		sync_add_applied(&json, &result->item[i].change);
	json_close_array(&json);
	json_open_object(&json, "backups");
	for (size_t i = 0; i < result->n; i++)
		json_add_string(&json, result->item[i].change.branch, result->item[i].backup);
	json_close_object(&json);
	sync_add_lines(&json, "errors", &result->errors);
	json_close_object(&json);
	text = json_done(&json);
	puts(text ?: "null");
}

static void show_text(const struct apply_result *result)
{
	char name[GIT_BRANCH_MAX + 1], backup[BACKUP_REF_MAX];

	for (size_t i = 0; i < result->n; i++) {
		const struct applied *applied = &result->item[i];

		printf("%s is %s; saved: %s\n",
		       log_safe(name, sizeof(name), applied->change.branch),
		       *applied->change.new_sha ? "what the upstream has" : "removed",
		       log_safe(backup, sizeof(backup), applied->backup));
	}
	for (size_t i = 0; i < result->errors.n; i++)
		log_error(0, "%s", result->errors.item[i]);
	if (!result->n && !result->errors.n)
		puts("nothing is pending");
}

static int run(const char *base, char **argv, int n, bool lossless, unsigned wait_s, bool json)
{
	_cleanup_mirror_ struct mirror *mirror = NULL;
	_cleanup_apply_ struct apply_result result = {};
	struct problem why = {};
	int r;

	umask(077);
	r = mirror_open(base, argv[1], &mirror, &why) ?: mirror_lock(mirror, "apply", wait_s, &why);
	if (!r) {
		mirror_mend(mirror, 0, NULL);
		r = apply_run(mirror, (const char *const *)argv + 2, n - 1, lossless, &result,
			      &why);
	}
	if (r)
		return log_error(0, "apply %s: %s", argv[1], *why.text ? why.text : strerror(-r)),
		       r == -EINVAL ? -EIO : r;
	if (json)
		show_json(&result);
	else
		show_text(&result);
	return result.errors.n ? -EIO : 0;
}

int verb_apply(int argc, char **argv)
{
	const char *base = NULL, *wait = NULL;
	bool json = false, lossless = false;
	unsigned wait_s = MIRROR_WAIT_S;
	const struct cli_option options[] = {
		{ "lossless", NULL, "only what loses no commit that the upstream never had",
		  CLI_FLAG, &lossless },
		{ "wait", "SECONDS", "for another that is at work (60)", CLI_STRING, &wait },
		{ "base-path", "FOLDER", "where mirrors are", CLI_STRING, &base },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int n = cli_parse(argc, argv, options, 1, argc), r;

	if (n < 0)
		return n;
	r = cli_number("wait", wait, 0, WAIT_MAX, &wait_s);
	return r ?: run(base, argv, n, lossless, wait_s, json);
}
