// SPDX-License-Identifier: Apache-2.0
/* verb_branches.c - terok-gate branches: what the gate has beside its upstream, as last synced */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "survey.h"
#include "sync_show.h"
#include "verbs.h"

static void add_branch(struct json *json, const struct surveyed *branch)
{
	json_open_object(json, NULL);
	json_add_string(json, "branch", branch->name);
	json_add_string(json, "state", plan_word(&branch->plan));
	sync_add_sha(json, "gate_sha", branch->is.gate);
	sync_add_sha(json, "upstream_sha", branch->is.upstream);
	json_close_object(json);
}

static int show_json(const struct mirror *mirror, const struct survey *survey)
{
	_cleanup_json_ struct json json = {};
	struct sync_pending *pending = NULL;
	const char *text;
	size_t n = 0;
	int r = sync_list_pending(mirror, survey, &pending, &n);

	if (r)
		return r;
	json_open_object(&json, NULL);
	json_add_string(&json, "project", mirror->project);
	json_open_array(&json, "branches");
	for (size_t i = 0; i < survey->n; i++)
		if (survey->item[i].plan.state != PLAN_GONE)
			add_branch(&json, &survey->item[i]);
	json_close_array(&json);
	json_open_array(&json, "pending");
	for (size_t i = 0; i < n; i++)
		sync_add_pending(&json, &pending[i]);
	json_close_array(&json);
	json_close_object(&json);
	sync_pending_free(pending, n);
	text = json_done(&json);
	puts(text ?: "null");
	return 0;
}

static int show_text(const struct mirror *mirror, const struct survey *survey)
{
	struct sync_pending *pending = NULL;
	size_t n = 0;
	int r = sync_list_pending(mirror, survey, &pending, &n);

	for (size_t i = 0; i < survey->n; i++) {
		const struct surveyed *branch = &survey->item[i];
		char name[GIT_BRANCH_MAX + 1];

		if (branch->plan.state != PLAN_GONE)
			printf("%-9s  %-12.12s  %-12.12s  %s\n", plan_word(&branch->plan),
			       branch->is.gate ?: "-", branch->is.upstream ?: "-",
			       log_safe(name, sizeof(name), branch->name));
	}
	for (size_t i = 0; i < n; i++)
		sync_print_pending(&pending[i]);
	sync_pending_free(pending, n);
	return r;
}

int verb_branches(int argc, char **argv)
{
	_cleanup_mirror_ struct mirror *mirror = NULL;
	_cleanup_survey_ struct survey survey = {};
	const char *base = NULL;
	struct problem why = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "base-path", "FOLDER", "where mirrors are", CLI_STRING, &base },
		{ "json", NULL, "one JSON object, with what is pending", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	r = mirror_open(base, argv[1], &mirror, &why) ?: survey_read(mirror, &survey, &why);
	if (!r)
		r = json ? show_json(mirror, &survey) : show_text(mirror, &survey);
	if (r)
		log_error(0, "branches %s: %s", argv[1], *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
