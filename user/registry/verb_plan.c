// SPDX-License-Identifier: Apache-2.0
/* verb_plan.c - terok-cp plan lint: would serve take this plan? */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "plan.h"
#include "verbs.h"

static void show_text(const struct plan *plan)
{
	for (unsigned i = 0; i < plan->n; i++)
		printf("%u %s uid=%u gid=%u timeout=%u\n", i, plan->step[i].name, plan->step[i].uid,
		       plan->step[i].gid, plan->step[i].timeout_s);
	printf("%u " PLAN_READY "\n", plan->n);
}

static int show_json(const struct plan *plan)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_open_array(&json, "steps");
	for (unsigned i = 0; i < plan->n; i++) {
		const struct plan_step *step = &plan->step[i];

		json_open_object(&json, NULL);
		json_add_string(&json, "name", step->name);
		json_add_uint(&json, "uid", step->uid);
		json_add_uint(&json, "gid", step->gid);
		json_add_uint(&json, "timeout", step->timeout_s);
		json_close_object(&json);
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "name", PLAN_READY);
	json_close_object(&json);
	json_close_array(&json);
	json_close_object(&json);
	text = json_done(&json);
	return text ? puts(text), 0 : -ENOMEM;
}

int verb_plan(int argc, char **argv)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct problem why = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int n = cli_parse(argc, argv, options, 2, 2), r;

	if (n < 0)
		return n;
	if (strcmp(argv[1], "lint") != 0)
		return log_error(-EINVAL, "plan: lint FILE?");
	r = plan_read(argv[2], &plan, &why);
	if (r) {
		log_error(0, "plan: %s", why.text);
		return r == -EINVAL ? -EIO : r; /* not a wrong command line */
	}
	if (json)
		return show_json(plan);
	show_text(plan);
	return 0;
}
