// SPDX-License-Identifier: Apache-2.0
/* verb_last_commit.c - terok-gate last-commit: what a mirror's branch ends with */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "stale.h"
#include "verbs.h"

static void show_json(const struct last_commit *commit)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "commit_hash", commit->hash);
	json_add_string(&json, "commit_date", commit->date);
	json_add_string(&json, "commit_author", commit->author);
	json_add_string(&json, "commit_message", commit->message);
	json_close_object(&json);
	text = json_done(&json);
	puts(text ?: "null");
}

static void show_text(const struct last_commit *commit)
{
	char author[200], message[400];

	printf("%.12s  %s  %s: %s\n", commit->hash, commit->date,
	       log_safe(author, sizeof(author), commit->author),
	       log_safe(message, sizeof(message), commit->message));
}

int verb_last_commit(int argc, char **argv)
{
	_cleanup_(stale_commit_clear) struct last_commit commit = {};
	_cleanup_mirror_ struct mirror *mirror = NULL;
	const char *base = NULL, *branch = NULL;
	struct problem why = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "branch", "NAME", "of this branch, not of HEAD", CLI_STRING, &branch },
		{ "base-path", "FOLDER", "where mirrors are", CLI_STRING, &base },
		{ "json", NULL, "one JSON object; null if there is no commit", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	r = mirror_open(base, argv[1], &mirror, &why)
		?: stale_last_commit(mirror, branch, &commit, &why);
	if (r == -ENOENT && json && mirror) {
		puts("null");
		return 0;
	}
	if (r)
		return log_error(0, "last-commit %s: %s", argv[1],
				 *why.text ? why.text : strerror(-r)),
		       r == -EINVAL ? -EIO : r;
	if (json)
		show_json(&commit);
	else
		show_text(&commit);
	return 0;
}
