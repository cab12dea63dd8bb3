// SPDX-License-Identifier: Apache-2.0
/* verb_status.c - terok-gate status, ensure-reachable: of the server, and of one mirror */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "gate.h"
#include "service/show.h"
#include "stale.h"
#include "survey.h"
#include "verbs.h"

/* --- the server ------------------------------------------------------------------------ */

static void add_life(struct json *json, const struct life *life)
{
	show_add_begin(json, life);
	show_add(json, "transport", !life->running ? NULL : life->port ? "tcp" : "socket");
	show_add(json, "address", life->address);
	show_add(json, "base_path", life->folder);
	show_add_end(json, life);
}

static void print_life(const struct life *life)
{
	char at[300];

	show_line("mode", life_word(life->mode));
	show_line("running", life->running ? "yes" : "no");
	if (life->port)
		snprintf(at, sizeof(at), "%.200s port %u", life->address ?: "?", life->port);
	else
		snprintf(at, sizeof(at), "%.250s", life->address ?: "?");
	show_line("at", at);
	show_line("mirrors", life->folder);
	show_end(life);
}

/* --- one mirror ------------------------------------------------------------------------ */

struct told {
	struct mirror *mirror;
	struct survey survey;
	struct staleness staleness;
	struct last_commit commit;
	size_t branches, pending;
};

static void told_done(struct told *told)
{
	mirror_free(told->mirror);
	survey_clear(&told->survey);
	stale_commit_clear(&told->commit);
}

static int told_read(const char *base, const char *project, const char *branch, struct told *ret,
		     struct problem *why)
{
	int r = mirror_open(base, project, &ret->mirror, why)
		    ?: survey_read(ret->mirror, &ret->survey, why);

	for (size_t i = 0; i < ret->survey.n; i++) {
		ret->branches += ret->survey.item[i].is.gate != NULL;
		ret->pending += survey_pending(&ret->survey.item[i]);
	}
	if (r)
		return r;
	r = stale_last_commit(ret->mirror, branch, &ret->commit, why);
	return r == -ENOENT ? 0 : r; /* a mirror without a commit is one */
}

static void add_mirror(struct json *json, const struct told *told)
{
	json_open_object(json, "mirror");
	json_add_string(json, "project", told->mirror->project);
	json_add_string(json, "path", told->mirror->path);
	json_add_uint(json, "branches", told->branches);
	json_add_uint(json, "pending", told->pending);
	show_add(json, "last_commit", *told->commit.hash ? told->commit.hash : NULL);
	stale_add(json, "staleness", &told->staleness);
	json_close_object(json);
}

static void print_mirror(const struct told *told)
{
	show_line("mirror", told->mirror->path);
	printf("%-10s %zu, %zu of them pending\n", "branches", told->branches, told->pending);
	show_line("last", *told->commit.hash ? told->commit.hash : "no commit");
	stale_print(&told->staleness);
}

/* --- verbs ----------------------------------------------------------------------------- */

static int show(const struct life *life, const struct told *told, bool as_json)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	if (!as_json) {
		print_life(life);
		if (told)
			print_mirror(told);
		return 0;
	}
	json_open_object(&json, NULL);
	add_life(&json, life);
	if (told)
		add_mirror(&json, told);
	json_close_object(&json);
	text = json_done(&json);
	if (!text)
		return -ENOMEM;
	puts(text);
	return 0;
}

int verb_status(int argc, char **argv)
{
	_cleanup_place_ struct life_place place = {};
	_cleanup_life_ struct life life = {};
	_cleanup_(told_done) struct told told = {};
	const char *base = NULL, *pid_file = NULL, *branch = NULL;
	struct problem why = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "base-path", "DIR", "folder of the mirrors", CLI_STRING, &base },
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING, &pid_file },
		{ "branch", "NAME", "of the mirror, not HEAD's", CLI_STRING, &branch },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int n = cli_parse(argc, argv, options, 0, 1), r;

	if (n < 0)
		return n;
	r = gate_place(base, pid_file, &place, &why) ?: life_read(&gate_service, &place, &life);
	if (!r && n)
		r = told_read(place.folder, argv[1], branch, &told, &why);
	if (!r && n)
		stale_check(told.mirror, branch, &told.staleness);
	if (!r)
		r = show(&life, n ? &told : NULL, json);
	if (r)
		log_error(0, "status: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}

int verb_ensure_reachable(int argc, char **argv)
{
	_cleanup_place_ struct life_place place = {};
	_cleanup_life_ struct life life = {};
	const char *base = NULL, *pid_file = NULL;
	struct problem why = {};
	const struct cli_option options[] = {
		{ "base-path", "DIR", "folder of the mirrors", CLI_STRING, &base },
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING, &pid_file },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r)
		return r;
	r = gate_place(base, pid_file, &place, &why)
		    ?: life_read(&gate_service, &place, &life) ?: life_reachable(&gate_service, &life, &why);
	if (r)
		log_error(0, "%s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
