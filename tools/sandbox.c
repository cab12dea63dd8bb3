// SPDX-License-Identifier: Apache-2.0
/* sandbox.c - terok-sandbox: containers for other people's code, guarded, by podman */
#include <stdio.h>
#include <syslog.h>

#include "base/cli.h"
#include "base/log.h"
#include "sandbox_verbs.h"

static const struct cli_verb verbs[] = {
	{ "run", "[NAME] [OPTIONS] -- [FLAGS] IMAGE [COMMAND]",
	  "Start a container, guarded from its first instruction", verb_run },
	{ "stop", "NAME... [--grace SECONDS] [--json]", "End containers and remove them",
	  verb_stop },
	{ "logs", "NAME [OPTIONS]", "Show what a container has written", verb_logs },
	{ "wait", "NAME [--timeout SECONDS] [--json]", "Wait for its end, and exit as it did",
	  verb_wait },
	{ "state", "NAME [--json]", "Print its state in one word", verb_state },
	{ "list", "[PREFIX] [--json]", "List containers with their state", verb_list },
	{ "doctor", "[NAME] [OPTIONS]", "Say what is wrong with this host, or in a container",
	  verb_doctor },
	{ "shield", "setup --root|--user | status", "Set the guard up, or say how it stands",
	  verb_shield },
	{ NULL, NULL, NULL, NULL },
};

static const struct cli_program program = {
	.name = "terok-sandbox",
	.version = TEROK_VERSION,
	.summary = "Run other people's code in containers that reach what you allow.",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	static char help[] = "--help";
	char *alone[] = { argv[0], help, NULL };

	log_setup("terok-sandbox", LOG_INFO, false);
	if (argc < 2) { /* scripts know it so: help, and 1 */
		cli_main(&program, 2, alone);
		return fflush(stdout), 1;
	}
	return cli_main(&program, argc, argv);
}
