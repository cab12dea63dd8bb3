// SPDX-License-Identifier: Apache-2.0
/* verb_ssh.c - terok-proxy ssh: which deed */
#include "deeds.h"
#include "ssh.h"
#include "verbs.h"

int verb_ssh(int argc, char **argv)
{
	static const struct deed deeds[] = {
		{ "init", verb_ssh_init },   { "add", verb_ssh_add },
		{ "list", verb_ssh_list },   { "remove", verb_ssh_remove },
		{ "agent", verb_ssh_agent }, {}
	};

	return deeds_run(deeds, "init, add, list, remove or agent", argc, argv);
}
