// SPDX-License-Identifier: Apache-2.0
/* main.c - terok-gate: git for containers that never see the upstream's keys */
#include <syslog.h>

#include "base/cli.h"
#include "base/log.h"
#include "verbs.h"

static const struct cli_verb verbs[] = {
	{ "serve", "[OPTIONS]", "serve mirrors to containers over HTTP", verb_serve },
	{ "install", "[OPTIONS]", "have the user's systemd begin the server for who comes in",
	  verb_install },
	{ "uninstall", "", "take that away again", verb_uninstall },
	{ "start", "[OPTIONS]", "begin the server: by systemd, or in the background", verb_start },
	{ "stop", "[OPTIONS]", "end it", verb_stop },
	{ "status", "[PROJECT] [OPTIONS]", "does it run, who runs it, how is a mirror",
	  verb_status },
	{ "ensure-reachable", "[OPTIONS]", "fail, with what to do, if containers cannot come in",
	  verb_ensure_reachable },
	{ "token", "create PROJECT TASK | list | revoke TOKEN [OPTIONS]",
	  "what containers come in with: create, list, revoke", verb_token },
	{ "sync", "PROJECT [OPTIONS]", "make a mirror, or bring it to what its upstream has",
	  verb_sync },
	{ "branches", "PROJECT [OPTIONS]", "the gate's branches beside its upstream's",
	  verb_branches },
	{ "apply", "PROJECT [BRANCH...] [OPTIONS]",
	  "do what a sync left pending, and keep a backup", verb_apply },
	{ "backups", "PROJECT [OPTIONS]", "tips that something displaced", verb_backups },
	{ "restore", "PROJECT REF [OPTIONS]", "make a branch or tag what a backup is",
	  verb_restore },
	{ "last-commit", "PROJECT [OPTIONS]", "what a branch ends with", verb_last_commit },
	{ "audit", "[PROJECT] [OPTIONS]", "who cloned, fetched and pushed what", verb_audit },
	{ "policy", "PROJECT [--json]", "what holds for pushes to a project", verb_policy },
	{ "hook", "pre-receive | post-receive", "say yes or no to a push: git runs it, not people",
	  verb_hook },
	{ NULL, NULL, NULL, NULL },
};

static const struct cli_program program = {
	.name = "terok-gate",
	.version = TEROK_VERSION,
	.summary = "Git for containers that never see the upstream's keys.",
	.verbs = verbs,
	.default_verb = "serve", /* as units and scripts of before begin it: options alone */
};

int main(int argc, char **argv)
{
	log_setup("terok-gate", LOG_INFO, false);
	return cli_main(&program, argc, argv);
}
