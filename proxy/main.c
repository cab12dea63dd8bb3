// SPDX-License-Identifier: Apache-2.0
/* main.c - terok-proxy: credentials that a container can use and never see */
#include <syslog.h>

#include "base/cli.h"
#include "base/log.h"
#include "verbs.h"

static const struct cli_verb verbs[] = {
	{ "serve", "[OPTIONS]", "serve credentials to containers", verb_serve },
	{ "route", "lint", "are routes as the proxy can use them?", verb_route },
	{ "install", "[OPTIONS]", "have the user's systemd begin the proxy for who comes in",
	  verb_install },
	{ "uninstall", "", "take that away again", verb_uninstall },
	{ "start", "[OPTIONS]", "begin the proxy: by systemd, or in the background", verb_start },
	{ "stop", "[OPTIONS]", "end it", verb_stop },
	{ "status", "[OPTIONS]", "does it run, who runs it, what has it", verb_status },
	{ "ensure-reachable", "[OPTIONS]", "fail, with what to do, if containers cannot come in",
	  verb_ensure_reachable },
	{ "env", "PROJECT TASK [OPTIONS]", "what a container needs to find it, with tokens",
	  verb_env },
	{ "credential", "set PROVIDER | list | delete PROVIDER",
	  "what containers use and never see", verb_credential },
	{ "token", "create PROJECT TASK PROVIDER | list | revoke TOKEN",
	  "what a container shows in place of it", verb_token },
	{ "store", "status | unlock | lock | rotate", "the key of what is kept", verb_store },
	{ "ssh", "init PROJECT | add PROJECT FILE | list | remove | agent",
	  "keys that containers use, and never have", verb_ssh },
	{ NULL, NULL, NULL, NULL },
};

static const struct cli_program program = {
	.name = "terok-proxy",
	.version = TEROK_VERSION,
	.summary = "Credentials that a container can use and never see.",
	.verbs = verbs,
	.default_verb = "serve", /* as units and scripts of before begin it: options alone */
};

int main(int argc, char **argv)
{
	log_setup("terok-proxy", LOG_INFO, false);
	return cli_main(&program, argc, argv);
}
