// SPDX-License-Identifier: Apache-2.0
/* main.c - terok-gate: git for containers that never see the upstream's keys */
#include <syslog.h>

#include "base/cli.h"
#include "base/log.h"
#include "verbs.h"

static const struct cli_verb verbs[] = {
	{ "token", "create PROJECT TASK | list | revoke TOKEN [OPTIONS]",
	  "Say what containers come in with: create, list, revoke", verb_token },
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
