// SPDX-License-Identifier: Apache-2.0
/*
 * verb_agents.c - terok-cp agents: who is registered, read beside the control plane that writes it
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agents.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "verbs.h"

static void when(char ret[static 24], int64_t at)
{
	time_t seconds = at;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(ret, 24, "%Y-%m-%dT%H:%M:%SZ", &tm))
		strcpy(ret, "?");
}

static int show_one(const struct agent *agent, void *user)
{
	char name[AGENT_NAME_LEN], project[AGENT_NAME_LEN], id[AGENT_ID_LEN], hex[LEAF_HEX_LEN];
	char registered[24], seen[24];
	struct json *json = user;

	leaf_hex(agent->thumbprint, hex);
	if (json) {
		json_open_object(json, NULL);
		json_add_string(json, "agent_name", agent->name);
		json_add_string(json, "project", agent->project);
		json_add_string(json, "container_id", agent->container);
		json_add_string(json, "cert_thumbprint", hex);
		json_add_int(json, "registered_at_unix", agent->registered);
		json_add_int(json, "last_seen_unix", agent->seen);
		json_close_object(json);
		return 0;
	}
	when(registered, agent->registered);
	when(seen, agent->seen);
	printf("%-20s %-20s %-12.12s %-12.12s %-20s %s\n",
	       log_safe(name, sizeof(name), agent->name),
	       *agent->project ? log_safe(project, sizeof(project), agent->project) : "-",
	       log_safe(id, sizeof(id), agent->container), hex, registered, seen);
	return 0;
}

static int show(struct agents *agents, bool as_json, struct problem *why)
{
	_cleanup_json_ struct json json = {};
	const char *text;
	int r;

	if (!as_json) {
		printf("%-20s %-20s %-12s %-12s %-20s %s\n", "AGENT", "PROJECT", "CONTAINER",
		       "THUMBPRINT", "REGISTERED", "LAST SEEN");
		return agents_each(agents, show_one, NULL, why);
	}
	json_open_array(&json, NULL);
	r = agents_each(agents, show_one, &json, why);
	if (r)
		return r;
	json_close_array(&json);
	text = json_done(&json);
	if (!text)
		return -ENOMEM;
	puts(text);
	return 0;
}

int verb_agents(int argc, char **argv)
{
	_cleanup_(agents_freep) struct agents *agents = NULL;
	_cleanup_free_ char *path = NULL;
	struct problem why = {};
	const char *said = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "db", "FILE", "the registry", CLI_STRING, &said },
		{ "json", NULL, "an array of objects", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r)
		return r;
	path = agents_path(said);
	r = !path ? -ENOMEM : agents_open_reader(path, &agents, &why) ?: show(agents, json, &why);
	if (r)
		log_error(0, "agents: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
