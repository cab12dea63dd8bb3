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

/* What a guard allows that nobody said profiles for: a name a line, else what is shipped so. */
static void default_profiles(struct words *ret)
{
	const char *config = getenv("TEROK_CONFIG");
	_cleanup_free_ char *path = NULL, *line = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	size_t room = 0;

	if (asprintf(&path, "%s/default-profiles", config && *config ? config : "/etc/terok") < 0)
		path = NULL;
	file = path ? fopen(path, "re") : NULL;
	if (!file)
		words_add(ret, "dev-standard");
	while (file && getline(&line, &room, file) >= 0) {
		char *name = line + strspn(line, " \t");

		name[strcspn(name, " \t\r\n#")] = '\0';
		if (*name)
			words_add(ret, log_safe(name, strlen(name) + 1, name));
	}
}

static void status_json(const struct words *profiles, const char *hook, const char *health,
			const char *hint)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "mode", "hook");
	json_open_array(&json, "profiles");
	for (unsigned i = 0; i < profiles->n; i++)
		json_add_string(&json, NULL, profiles->word[i]);
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

static void status_text(const struct words *profiles, const char *hook, const char *health)
{
	printf("Shield mode: hook\nProfiles: ");
	for (unsigned i = 0; i < profiles->n; i++)
		printf("%s%s", i ? ", " : "", profiles->word[i]);
	printf("\nAudit: enabled\nHooks: %s\nHealth: %s\n", *hook ? hook : "not-installed", health);
	fflush(stdout); /* before a hint on standard error */
}

static int status(bool json)
{
	_cleanup_words_ struct words profiles = {};
	char hook[HOST_PATH_MAX] = "";
	struct problem why = {};
	const char *health = "ok";

	if (host_hook(NULL, hook, &why))
		health = "setup-needed", *hook = '\0';
	else if (host_agent(&why))
		health = "agent-down";
	default_profiles(&profiles);
	if (json) {
		status_json(&profiles, hook, health, why.text);
		return 0;
	}
	status_text(&profiles, hook, health);
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
