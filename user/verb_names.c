// SPDX-License-Identifier: Apache-2.0
/* verb_names.c - terok-bpfd names, flush: what a guard's names are, and forgetting them */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/event.h"
#include "base/json.h"
#include "base/log.h"
#include "control.h"
#include "deed.h"
#include "flows.h"
#include "guard.h"
#include "names_list.h"
#include "names_text.h"
#include "verbs.h"

static void queries_text(const struct terok_queries *q)
{
	printf("queries: %llu asked, %llu cached, %llu local, %llu forwarded, %llu blocked, "
	       "%llu spent, %llu malformed\n",
	       q->asked, q->cached, q->local, q->forwarded, q->blocked, q->spent, q->malformed);
	printf("         %llu failed, %llu alarms, %llu addresses left out (private or local)\n",
	       q->failed, q->alarms, q->rebound);
}

static void queries_json(struct json *json, const struct terok_queries *q)
{
	json_open_object(json, "queries");
	json_add_uint(json, "asked", q->asked);
	json_add_uint(json, "cached", q->cached);
	json_add_uint(json, "local", q->local);
	json_add_uint(json, "forwarded", q->forwarded);
	json_add_uint(json, "blocked", q->blocked);
	json_add_uint(json, "spent", q->spent);
	json_add_uint(json, "malformed", q->malformed);
	json_add_uint(json, "failed", q->failed);
	json_add_uint(json, "alarms", q->alarms);
	json_add_uint(json, "rebound", q->rebound);
	json_close_object(json);
}

static void names_text(const struct guard *guard, const struct names_list *list,
		       const struct terok_queries *queries)
{
	uint64_t now = now_boot_ns();
	char port[32];

	snprintf(port, sizeof(port), "resolver at port %u", guard->value.dns_port);
	printf("guard %u (%s): names %s, %s, %zu name%s\n", guard->id, guard->info.name,
	       names_mode(&guard->value), guard->value.dns_port ? port : "no resolver", list->n,
	       list->n == 1 ? "" : "s");
	for (size_t i = 0; i < list->n; i++)
		name_text(&list->name[i], now);
	queries_text(queries);
}

static int names_json(const struct guard *guard, const struct names_list *list,
		      const struct terok_queries *queries)
{
	_cleanup_json_ struct json json = {};
	uint64_t now = now_boot_ns();

	json_open_object(&json, NULL);
	json_add_uint(&json, "guard", guard->id);
	json_add_string(&json, "name", guard->info.name);
	json_add_string(&json, "mode", names_mode(&guard->value));
	json_add_uint(&json, "resolver_port", guard->value.dns_port);
	json_open_array(&json, "names");
	for (size_t i = 0; i < list->n; i++)
		name_json(&json, NULL, &list->name[i], now);
	json_close_array(&json);
	queries_json(&json, queries);
	json_close_object(&json);
	return json_done(&json) ? (puts(json.text), 0) : json.error;
}

int deed_names(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_names_list_ struct names_list list = {};
	struct terok_queries queries;
	struct problem why = {};
	struct guard guard;
	int r = verb_open(deed->guard, &kernel, &guard);

	if (r)
		return r;
	r = names_list(kernel, guard.id, &list, &why);
	if (r)
		return verb_fail(r, &why);
	names_queries(kernel, guard.id, &queries);
	if (!deed->json)
		names_text(&guard, &list, &queries);
	else
		r = names_json(&guard, &list, &queries);
	return r ? log_error(r, "names of guard %u", guard.id) : 0;
}

int verb_names(int argc, char **argv)
{
	return deed_show(DEED_NAMES, argc, argv);
}

/* --- flush --------------------------------------------------------------------------------- */

static int flush_print(const struct guard *guard, const char *name, int n, unsigned ended,
		       bool json)
{
	_cleanup_json_ struct json out = {};

	if (!json) {
		printf("guard %u (%s): %d name%s forgotten, %u connection%s ended\n", guard->id,
		       guard->info.name, n, n == 1 ? "" : "s", ended, ended == 1 ? "" : "s");
		return 0;
	}
	json_open_object(&out, NULL);
	json_add_uint(&out, "guard", guard->id);
	json_add_string(&out, "name", guard->info.name);
	if (name)
		json_add_string(&out, "domain", name);
	json_add_int(&out, "forgotten", n);
	json_add_uint(&out, "flows_ended", ended);
	json_close_object(&out);
	puts(json_done(&out) ?: "{}");
	return 0;
}

/* One name as it is in the maps; a wildcard is no name. */
static int flush_name(const char *text, struct profile_entry *entry, struct problem *why)
{
	int r = profile_entry_parse(text, entry, why);

	if (!r && (!*entry->domain || *entry->domain == '*' || entry->deny || entry->dest.port ||
		   entry->dest.proto))
		r = problem(why, -EINVAL, "'%.80s': one name is expected, as names lists it", text);
	return r;
}

int deed_flush(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	const char *name = *deed->domain ? deed->domain : NULL;
	struct problem why = {};
	struct guard guard;
	unsigned ended = 0;
	int r = verb_open(deed->guard, &kernel, &guard), n;

	if (r)
		return r;
	n = names_flush(kernel, guard.id, name, &why);
	if (!n && name)
		n = problem(&why, -ENOENT, "%s has no name %s; terok-bpfd names lists them",
			    guard.info.name, name);
	/* told in any case: of what is in no map any more the agent may still have an answer */
	r = control_notify(guard.id);
	if (r && r != -ENOENT)
		log_warn(r, "the agent does not answer: it may tell old addresses for a minute");
	if (n < 0)
		return verb_fail(n == -EINVAL ? -EIO : n, &why);
	if (!deed->keep)
		ended = flows_end_said(kernel, guard.id, FLOWS_REFUSED);
	return flush_print(&guard, name, n, ended, deed->json);
}

int verb_flush(int argc, char **argv)
{
	bool json = false, keep = false;
	const struct cli_option options[] = {
		{ "keep-flows", NULL, "leave open connections alone", CLI_FLAG, &keep },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct profile_entry entry = {};
	struct problem why = {};
	struct control_deed deed;
	int n = cli_parse(argc, argv, options, 1, 2), r;

	if (n < 0)
		return n;
	r = n == 2 ? flush_name(argv[2], &entry, &why) : 0;
	if (!r)
		r = deed_init(&deed, DEED_FLUSH, argv[1], &why);
	if (r)
		return verb_fail(r, &why);
	deed_entry(&deed, &entry);
	deed.keep = keep;
	deed.json = json;
	return deed_do(&deed);
}
