// SPDX-License-Identifier: Apache-2.0
/* harvest_text.c - a harvest as the text of a profile, and as JSON */
#include <inttypes.h>
#include <string.h>

#include "harvest.h"

#define TEXT_LEN 512

static const char *const left_names[] = {
	[HARVEST_ALLOWED] = "allowed",     [HARVEST_DENIED] = "denied",
	[HARVEST_BLOCKED] = "blocked",     [HARVEST_NO_RULE] = "no_rule",
	[HARVEST_UNSAYABLE] = "unsayable", [HARVEST_UNREADABLE] = "unreadable",
};
_Static_assert(sizeof(left_names) / sizeof(left_names[0]) == HARVEST_LEFT_MAX_, "all names");

static const char *const left_texts[] = {
	[HARVEST_ALLOWED] = "that is allowed by now",
	[HARVEST_DENIED] = "that a rule denies",
	[HARVEST_BLOCKED] = "in state block",
	[HARVEST_NO_RULE] = "that no rule could let out",
	[HARVEST_UNSAYABLE] = "of a name that no profile can say",
	[HARVEST_UNREADABLE] = "that cannot be read",
};
_Static_assert(sizeof(left_texts) / sizeof(left_texts[0]) == HARVEST_LEFT_MAX_, "all texts");

static void print_times(const char *what, uint64_t n, bool at_least, const char *before, FILE *to)
{
	if (n)
		fprintf(to, "%s%s %s%" PRIu64 " time%s", before, what, at_least ? "at least " : "",
			n, n == 1 ? "" : "s");
}

static void print_facts(const struct harvest_item *item, bool at_least, FILE *to)
{
	print_times("reached", item->reached, at_least, "", to);
	print_times("refused", item->refused, at_least, item->reached ? ", " : "", to);
	for (int i = 0; i < HARVEST_PROCESSES && *item->process[i]; i++)
		fprintf(to, "%s%s", i ? ", " : " by ", item->process[i]);
	if (item->more_processes)
		fputs(" and others", to);
	if (*item->when)
		fprintf(to, ", last %s", item->when);
	fputc('\n', to);
}

static void print_item(const struct harvest_item *item, bool at_least, FILE *to)
{
	char text[PROFILE_TEXT_LEN];

	fputs("# ", to);
	print_facts(item, at_least, to);
	fprintf(to, "%s%s\n", item->local ? "# " : "", profile_entry_format(text, &item->entry));
	if (*item->name)
		fprintf(to, "#   which was called %s\n", item->name);
}

static void print_group(const struct harvest *harvest, const struct harvest_group *group, FILE *to)
{
	fputc('\n', to);
	if (group->local)
		fputs("# WARNING: private or link-local, so the host's own neighbourhood, or a "
		      "metadata\n# service that hands out keys. Nothing here is proposed; "
		      "uncomment what you know.\n",
		      to);
	else if (!group->domain)
		fputs("# addresses without a known name\n", to);
	else
		fprintf(to, "# %s\n", group->domain);
	if (*group->all)
		fprintf(
		    to,
		    "# in place of these %u names, all below it, those of tomorrow as well:\n# %s\n",
		    group->names, group->all);
	for (size_t i = 0; i < group->n; i++)
		print_item(harvest->sorted[group->from + i], harvest->at_least, to);
}

void harvest_print(const struct harvest *harvest, const char *title, FILE *to)
{
	struct harvest_group group = {};

	fprintf(to, "# %s\n", title);
	if (*harvest->from)
		fprintf(to, "# from %s to %s\n", harvest->from, harvest->to);
	fputs("# Read it before you use it: what was tried is not always what is needed.\n", to);
	for (int i = 0; i < HARVEST_LEFT_MAX_; i++)
		if (harvest->left[i])
			fprintf(to, "# left out: %" PRIu64 " %s\n", harvest->left[i],
				left_texts[i]);
	if (!harvest->n_sorted)
		fputs("# nothing is left to propose\n", to);
	while (harvest_next(harvest, &group))
		print_group(harvest, &group, to);
}

static void json_item(const struct harvest_item *item, struct json *json)
{
	char text[PROFILE_TEXT_LEN];

	json_open_object(json, NULL);
	json_add_string(json, "entry", profile_entry_format(text, &item->entry));
	json_add_bool(json, "proposed", !item->local);
	if (*item->name)
		json_add_string(json, "name", item->name);
	json_add_uint(json, "reached", item->reached);
	json_add_uint(json, "refused", item->refused);
	json_add_string(json, "last", item->when);
	json_open_array(json, "processes");
	for (int i = 0; i < HARVEST_PROCESSES && *item->process[i]; i++)
		json_add_string(json, NULL, item->process[i]);
	json_close_array(json);
	json_add_bool(json, "more_processes", item->more_processes);
	json_close_object(json);
}

static void json_group(const struct harvest *harvest, const struct harvest_group *group,
		       struct json *json)
{
	json_open_object(json, NULL);
	if (group->domain)
		json_add_string(json, "domain", group->domain);
	else
		json_add_null(json, "domain");
	if (*group->all)
		json_add_string(json, "all", group->all);
	else
		json_add_null(json, "all");
	json_open_array(json, "entries");
	for (size_t i = 0; i < group->n; i++)
		json_item(harvest->sorted[group->from + i], json);
	json_close_array(json);
	json_close_object(json);
}

void harvest_json(const struct harvest *harvest, struct json *json)
{
	struct harvest_group group = {};

	json_add_string(json, "from", harvest->from);
	json_add_string(json, "to", harvest->to);
	json_add_bool(json, "at_least", harvest->at_least);
	json_open_object(json, "left_out");
	for (int i = 0; i < HARVEST_LEFT_MAX_; i++)
		json_add_uint(json, left_names[i], harvest->left[i]);
	json_close_object(json);
	json_open_array(json, "groups");
	while (harvest_next(harvest, &group))
		json_group(harvest, &group, json);
	json_close_array(json);
}
