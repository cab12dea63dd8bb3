// SPDX-License-Identifier: Apache-2.0
/* verb_install.c - terok-gate install, uninstall: the units of a user's service manager */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "gate.h"
#include "place.h"
#include "service/install.h"
#include "verbs.h"

#define BIND_VARIABLE "TEROK_GATE_BIND"

static int install_gate(const struct life_place *place, const char *listen, const char *tokens,
			bool dry, struct problem *why)
{
	_cleanup_free_ char *program = NULL;
	int r = install_program(&program, why);
	const struct unit_value values[] = {
		{ "LISTEN", UNIT_LINE, "--bind", "", listen },
		{ "BASE", UNIT_EXEC, "--base-path", "--base-path=", place->folder },
		{ "TOKENS", UNIT_EXEC, "--token-file", "--token-file=", tokens },
		{ "STATE", UNIT_SETTING, "the state folder",
		  "TEROK_SANDBOX_STATE_DIR=", place->state },
		{ "PROGRAM", UNIT_PROGRAM, "this program", "", program },
		{},
	};

	return r
		   ?: install_units(&gate_service,
				    &(struct install){ .place = place,
						       .values = values,
						       .prepare = gate_prepare,
						       .prepared = place,
						       .dry = dry },
				    why);
}

int verb_install(int argc, char **argv)
{
	_cleanup_place_ struct life_place place = {};
	_cleanup_free_ char *file = NULL;
	const char *base = NULL, *tokens = NULL, *port_text = NULL, *bind = getenv(BIND_VARIABLE);
	unsigned port = GATE_PORT;
	struct problem why = {};
	char listen[UNIT_TCP];
	bool dry = false;
	const struct cli_option options[] = {
		{ "port", "N", "of TCP (9418)", CLI_STRING, &port_text },
		{ "bind", "ADDRESS", "of TCP (127.0.0.1)", CLI_STRING, &bind },
		{ "base-path", "DIR", "folder of the mirrors", CLI_STRING, &base },
		{ "token-file", "FILE", "tokens of containers", CLI_STRING, &tokens },
		{ "dry-run", NULL, "show the units, do nothing", CLI_FLAG, &dry },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0)
		    ?: cli_number("port", port_text, 1, 65535, &port);

	if (r)
		return r;
	r = gate_place(base, NULL, &place, &why)
		?: unit_tcp(bind && *bind ? bind : "127.0.0.1", port, listen, &why);
	file = r ? NULL : place_absolute(tokens, PLACE_TOKENS);
	if (!r)
		r = file ? install_gate(&place, listen, file, dry, &why) : -ENOMEM;
	if (r)
		log_error(0, "install: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}

int verb_uninstall(int argc, char **argv)
{
	_cleanup_place_ struct life_place place = {};
	struct problem why = {};
	const struct cli_option none[] = { {} };
	int r = cli_parse(argc, argv, none, 0, 0);

	if (r)
		return r;
	r = gate_place(NULL, NULL, &place, &why) ?: install_remove(&gate_service, &place, &why);
	if (r)
		log_error(0, "uninstall: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
