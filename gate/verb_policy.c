// SPDX-License-Identifier: Apache-2.0
/* verb_policy.c - terok-gate policy: what holds for pushes to a project, as the next one will find it */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "place.h"
#include "policy.h"
#include "verbs.h"

static void add_list(struct json *json, const char *key, const struct policy_list *list)
{
	json_open_array(json, key);
	for (unsigned i = 0; i < list->n; i++)
		json_add_string(json, NULL, list->item[i]);
	json_close_array(json);
}

static void print_json(const struct policy *policy)
{
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	add_list(&json, "push", &policy->push);
	add_list(&json, "protected", &policy->protect);
	add_list(&json, "forbidden", &policy->forbidden);
	json_add_uint(&json, "max_push", policy->max_push);
	json_add_uint(&json, "max_object", policy->max_object);
	json_add_uint(&json, "max_refs", policy->max_refs);
	json_add_uint(&json, "check_seconds", policy->check_seconds);
	json_add_uint(&json, "ask_seconds", policy->ask_seconds);
	json_add_string(&json, "symlinks", policy->any_symlinks ? "any" : "inside");
	json_add_string(&json, "submodules", policy->any_submodules ? "any" : "safe");
	json_close_object(&json);
	puts(json_done(&json) ?: "null");
}

static void print_list(const char *what, const struct policy_list *list, const char *none)
{
	char pattern[256];

	printf("%-15s", what);
	for (unsigned i = 0; i < list->n; i++)
		printf("%s%s", i ? ", " : "", log_safe(pattern, sizeof(pattern), list->item[i]));
	puts(list->n ? "" : none);
}

static void print_text(const struct policy *policy, const char *path)
{
	printf("%-15s%s%s\n", "file", path, policy->from_file ? "" : " (not there: defaults)");
	print_list("push", &policy->push, "nothing");
	print_list("protected", &policy->protect, "nothing");
	print_list("forbidden", &policy->forbidden, "nothing");
	printf("%-15s%" PRIu64 " bytes\n", "max_push", policy->max_push);
	printf("%-15s%" PRIu64 " bytes\n", "max_object", policy->max_object);
	printf("%-15s%" PRIu64 "\n", "max_refs", policy->max_refs);
	printf("%-15s%" PRIu64 "\n", "check_seconds", policy->check_seconds);
	printf("%-15s%" PRIu64 "%s\n", "ask_seconds", policy->ask_seconds,
	       policy->ask_seconds ? "" : " (nobody is asked)");
	printf("%-15s%s\n", "symlinks", policy->any_symlinks ? "any" : "inside");
	printf("%-15s%s\n", "submodules", policy->any_submodules ? "any" : "safe");
}

int verb_policy(int argc, char **argv)
{
	const char *given = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object, as the file may have it", CLI_FLAG, &json },
		{ "base-path", "DIR", "the folder of mirrors", CLI_STRING, &given },
		{},
	};
	_cleanup_free_ char *base = NULL, *path = NULL;
	_cleanup_(policy_done) struct policy policy = {};
	struct problem why;
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	if (project_check(argv[1], &why))
		return log_error(0, "PROJECT: %s", why.text), -EINVAL;
	base = given ? strdup(given) : place_default(PLACE_BASE);
	path = base ? policy_path(base, argv[1]) : NULL;
	if (!path)
		return log_error(
			   0, "where the mirrors are is not known: no home; say --base-path DIR"),
		       -ENOENT;
	r = policy_read(base, argv[1], &policy, &why);
	if (r)
		return log_error(0, "%s: until it is mended nobody pushes to %s", why.text,
				 argv[1]),
		       -EIO;
	if (json)
		print_json(&policy);
	else
		print_text(&policy, path);
	return 0;
}
