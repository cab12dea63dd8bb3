// SPDX-License-Identifier: Apache-2.0
/* verb_setup.c - terok-bpfd setup: hooks, units and folders, each change told before it is made */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "setup.h"
#include "verbs.h"

struct wish {
	bool root, user, remove, dry_run, check, as_json, yes, force;
};

/* --- telling ------------------------------------------------------------------------------- */

/* With --check a step is what was found; without it, what is done. */
static const char *check_name(enum setup_act act)
{
	switch (act) {
	case SETUP_MKDIR:
	case SETUP_WRITE: return "missing";
	case SETUP_CHMOD:
	case SETUP_REPLACE:
	case SETUP_EDIT:
	case SETUP_DELETE:
	case SETUP_RMDIR: return "stale";
	case SETUP_RUN: return "needed";
	case SETUP_RECORD:
	case SETUP_KEEP:
	case SETUP_WARN:
	case SETUP_REFUSE:
	case SETUP_ACT_MAX_: break;
	}
	return setup_act_name(act);
}

static void step_print(const struct setup_step *step, void *user)
{
	const struct wish *wish = user;
	char what[SETUP_DIR_LEN + 64], why[sizeof(step->why)];

	if (wish->as_json)
		return;
	printf("%-8s %s%s%s%s\n", wish->check ? check_name(step->act) : setup_act_name(step->act),
	       log_safe(what, sizeof(what), step->what), *step->why ? " (" : "",
	       log_safe(why, sizeof(why), step->why), *step->why ? ")" : "");
	fflush(stdout); /* it is told before it is made, also to a pipe */
}

static void plan_json(const struct setup *setup, const struct wish *wish, int made)
{
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	json_add_string(&json, "scope", setup->place.scope == SETUP_ROOT ? "root" : "user");
	json_add_bool(&json, "remove", wish->remove);
	json_add_string(&json, "hooks_dir", setup->place.hooks);
	json_add_bool(&json, "made", made > 0);
	json_add_uint(&json, "changes", setup_changes(setup));
	json_add_uint(&json, "findings", setup_findings(setup));
	json_open_array(&json, "steps");
	for (unsigned i = 0; i < setup->n; i++) {
		const struct setup_step *step = &setup->step[i];

		if (step->act == SETUP_RECORD)
			continue;
		json_open_object(&json, NULL);
		json_add_string(&json, "step", setup_act_name(step->act));
		json_add_string(&json, "what", step->what);
		json_add_string(&json, "why", step->why);
		json_close_object(&json);
	}
	json_close_array(&json);
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

static void plan_print(const struct setup *setup, struct wish *wish)
{
	for (unsigned i = 0; i < setup->n; i++)
		if (setup->step[i].act != SETUP_RECORD)
			step_print(&setup->step[i], wish);
}

/* --- doing --------------------------------------------------------------------------------- */

static bool refused(const struct setup *setup, bool remove)
{
	for (unsigned i = 0; i < setup->n; i++)
		if (setup->step[i].act == SETUP_REFUSE ||
		    (!remove && setup->step[i].act == SETUP_KEEP))
			return true;
	return false;
}

/* What a reader should know of a plan that is made, and cannot see in it. */
static void advise(const struct setup *setup, const struct wish *wish)
{
	if (setup->systemd || wish->remove || wish->as_json || !setup_changes(setup))
		return;
	if (setup->place.scope == SETUP_ROOT)
		printf("systemd does not run here: begin 'terok-bpfd run' in the way of this "
		       "machine, before guarded containers\n");
	else
		printf("no service manager of yours runs here: units begin after the next login\n");
}

static int plan_only(struct setup *setup, struct wish *wish)
{
	const char *scope = setup->place.scope == SETUP_ROOT ? "--root" : "--user";

	if (wish->as_json)
		plan_json(setup, wish, 0);
	else
		plan_print(setup, wish);
	if (!setup_findings(setup)) {
		if (!wish->as_json)
			printf("%s\n",
			       wish->remove ? "nothing to remove" : "all is as it should be");
		return 0;
	}
	if (!wish->check)
		return 0;
	if (!wish->as_json && setup_changes(setup))
		printf("try: terok-bpfd setup %s%s\n", scope, wish->remove ? " --remove" : "");
	return 1;
}

static int plan_make(struct setup *setup, struct wish *wish)
{
	struct problem why = {};
	int r = setup_apply(setup, step_print, wish, &why);

	if (wish->as_json)
		plan_json(setup, wish, !r);
	else if (!r && !setup_findings(setup))
		printf("%s\n", wish->remove ? "nothing to remove" : "all is as it should be");
	if (r)
		return log_error(
			   0, "setup: %s; what was told before is made, run it again for the rest",
			   why.text),
		       1;
	advise(setup, wish);
	return refused(setup, wish->remove);
}

static int scope_run(enum setup_scope scope, struct wish *wish)
{
	static struct setup setup;
	struct problem why = {};
	int r = wish->remove ? setup_plan_removal(scope, wish->force, &setup, &why)
			     : setup_plan(scope, wish->force, &setup, &why);

	if (r)
		verb_fail(-EIO, &why), r = 1;
	else
		r = wish->check || wish->dry_run ? plan_only(&setup, wish)
						 : plan_make(&setup, wish);
	setup_done(&setup);
	return r;
}

/* --- for whom ------------------------------------------------------------------------------ */

/* 0: nobody, which has been said. */
static enum setup_scope ask(void)
{
	char answer[16] = "";

	printf("Set up for root's containers, on the whole machine (r), or for yours (u)?\n"
	       "Choose [r/u]: ");
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		printf("\n");
	answer[strcspn(answer, "\n")] = '\0';
	if (!strcasecmp(answer, "r") || !strcasecmp(answer, "root"))
		return SETUP_ROOT;
	if (!strcasecmp(answer, "u") || !strcasecmp(answer, "user"))
		return SETUP_USER;
	printf("Cancelled.\n");
	return 0;
}

/* Who may: root for the machine, a user for their own files; anybody may look. */
static int may(enum setup_scope scope, const struct wish *wish)
{
	bool looks = wish->check || wish->dry_run;

	if (scope == SETUP_ROOT && geteuid() && !looks)
		return log_error(0, "setup --root changes the whole machine; try: sudo terok-bpfd "
				    "setup --root"),
		       1;
	if (scope == SETUP_USER && !geteuid())
		return log_error(0, "setup --user is for a user's own podman, run as that user; "
				    "root's is setup --root"),
		       1;
	return 0;
}

int verb_setup(int argc, char **argv)
{
	struct wish wish = {};
	const struct cli_option options[] = {
		{ "root", NULL, "hooks, agent and folders of the machine", CLI_FLAG, &wish.root },
		{ "user", NULL, "hooks and units of who asks", CLI_FLAG, &wish.user },
		{ "remove", NULL, "take away what setup made", CLI_FLAG, &wish.remove },
		{ "dry-run", NULL, "print the changes, make none", CLI_FLAG, &wish.dry_run },
		{ "check", NULL, "say what is stale; exit 1 if something is", CLI_FLAG,
		  &wish.check },
		{ "force", NULL, "also files that were edited", CLI_FLAG, &wish.force },
		{ "yes", NULL, "do not ask for whom: root's or yours", CLI_FLAG, &wish.yes },
		{ "json", NULL, "one JSON object", CLI_FLAG, &wish.as_json },
		{},
	};
	int n = cli_parse(argc, argv, options, 0, 0);
	enum setup_scope scope = wish.root ? SETUP_ROOT : SETUP_USER;

	if (n < 0)
		return n;
	if (wish.root && wish.user)
		return log_error(0, "setup: --root and --user are two things: choose one"), 1;
	if (!wish.root && !wish.user) {
		if (wish.yes || wish.check)
			scope = geteuid() ? SETUP_USER : SETUP_ROOT;
		else if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
			scope = ask();
		else
			return log_error(0, "setup: for whom? --root for the machine, --user for "
					    "your own containers"),
			       1;
		if (!scope)
			return 0;
	}
	umask(0); /* modes are what they are said to be */
	return may(scope, &wish) ?: scope_run(scope, &wish);
}
