// SPDX-License-Identifier: Apache-2.0
/* verb_install.c - terok-gate install, uninstall: the units of a user's service manager */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "install.h"
#include "place.h"
#include "verbs.h"

#define BIND_VARIABLE "TEROK_GATE_BIND"

int verb_install(int argc, char **argv)
{
	_cleanup_place_ struct life_place place = {};
	const char *base = NULL, *tokens = NULL, *port_text = NULL, *bind = getenv(BIND_VARIABLE);
	unsigned port = GATE_PORT;
	struct problem why = {};
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
	r = life_place_find(base, tokens, NULL, &place, &why)
		?: install_units(&place, bind && *bind ? bind : "127.0.0.1", port, dry, &why);
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
	r = life_place_find(NULL, NULL, NULL, &place, &why) ?: install_remove(&place, &why);
	if (r)
		log_error(0, "uninstall: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
