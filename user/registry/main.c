// SPDX-License-Identifier: Apache-2.0
/* main.c - terok-cp: which agent is which */
#include <syslog.h>

#include "base/cli.h"
#include "base/log.h"
#include "verbs.h"

static const struct cli_verb verbs[] = {
	{ "pki", "init | issue AGENT | rotate [WHAT...] | assert | show",
	  "certificates: of the control plane, of people's programs, of agents", verb_pki },
	{ "agents", "[OPTIONS]", "who is registered", verb_agents },
	{ "serve", "[OPTIONS]", "agents register and have sessions, people's programs ask",
	  verb_serve },
	{ "install", "[OPTIONS]", "have systemd begin the control plane, for a user or for root",
	  verb_install },
	{ "uninstall", "", "take that away again", verb_uninstall },
	{ "start", "[OPTIONS]", "begin it: by systemd, or in the background", verb_start },
	{ "stop", "[OPTIONS]", "end it", verb_stop },
	{ "status", "[OPTIONS]", "does it run, who runs it, whom does it know", verb_status },
	{ "watch", "[OPTIONS]", "what happens to agents, as it happens", verb_watch },
	{ "plan", "lint FILE [--json]", "is that a plan of what runs before an agent starts?",
	  verb_plan },
	{ NULL, NULL, NULL, NULL },
};

static const struct cli_program program = {
	.name = "terok-cp",
	.version = TEROK_VERSION,
	.summary = "Which agent is which, and a line to each of them.",
	.section = "8",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	log_setup("terok-cp", LOG_INFO, false);
	return cli_main(&program, argc, argv);
}
