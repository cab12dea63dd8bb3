// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_shield.c - terok-sandbox shield: set the guard up, and how it stands, in the words of the
 * program that this one replaces
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "sandbox_bpfd.h"
#include "sandbox_host.h"
#include "sandbox_verbs.h"

static int setup(bool root, bool user)
{
	const char *const args[] = { "setup", root ? "--root" : "--user", NULL };
	struct problem why = {};

	if (root == user)
		return log_error(0,
				 "shield setup: for whom? --root: hooks for all users' and root's "
				 "containers, with sudo; --user: for yours alone"),
		       -EINVAL;
	return log_error(0, "%s", (bpfd_exec(args, &why), why.text)), -EIO;
}

static void status_json(const char *hook, const char *health, const char *hint)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "mode", "hook");
	json_open_array(&json, "profiles");
	json_add_string(&json, NULL, "dev-standard");
	json_close_array(&json);
	json_add_bool(&json, "audit_enabled", true);
	if (*hook)
		json_add_string(&json, "hook", hook);
	else
		json_add_null(&json, "hook");
	json_add_string(&json, "health", health);
	json_add_string(&json, "hint", hint);
	json_close_object(&json);
	text = json_done(&json);
	puts(text ?: "null");
}

static int status(bool json)
{
	char hook[HOST_PATH_MAX] = "";
	struct problem why = {};
	const char *health = "ok";

	if (host_hook(hook, &why))
		health = "setup-needed", *hook = '\0';
	else if (host_agent(&why))
		health = "agent-down";
	if (json) {
		status_json(hook, health, why.text);
		return 0;
	}
	printf("Shield mode: hook\n"
	       "Profiles: dev-standard\n"
	       "Audit: enabled\n"
	       "Hooks: %s\n"
	       "Health: %s\n",
	       *hook ? hook : "not-installed", health);
	if (*why.text)
		log_error(0, "%s", why.text);
	return 0;
}

int verb_shield(int argc, char **argv)
{
	bool root = false, user = false, json = false;
	const struct cli_option options[] = {
		{ "root", NULL, "setup: for all users", CLI_FLAG, &root },
		{ "user", NULL, "setup: for this user", CLI_FLAG, &user },
		{ "json", NULL, "status: one JSON object", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	if (!strcmp(argv[1], "setup"))
		return setup(root, user);
	if (!strcmp(argv[1], "status") && !root && !user)
		return status(json);
	return log_error(0, "shield: setup or status (see terok-sandbox shield --help)"), -EINVAL;
}
