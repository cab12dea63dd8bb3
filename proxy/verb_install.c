// SPDX-License-Identifier: Apache-2.0
/* verb_install.c - terok-proxy install, uninstall: the units of a user's service manager */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "proxy.h"
#include "service/install.h"
#include "verbs.h"

#define LOOPBACK     "127.0.0.1"
#define PROXY_VALUES 10 /* of its units, beside the roots */

struct ports {
	unsigned http, agent;
};

static int make_units(const struct proxy_files *files, const struct life_place *place,
		      const struct ports *ports, bool dry, struct problem *why)
{
	_cleanup_(install_roots_done) struct install_roots roots = {};
	_cleanup_free_ char *program = NULL;
	char http[UNIT_TCP], agent[UNIT_TCP], http_port[8], agent_port[8];
	int r = install_program(&program, why) ?: unit_tcp(LOOPBACK, ports->http, http, why)
					       ?: unit_tcp(LOOPBACK, ports->agent, agent, why);

	r = r ?: install_roots_find(&roots, why);
	if (r)
		return r;
	snprintf(http_port, sizeof(http_port), "%u", ports->http);
	snprintf(agent_port, sizeof(agent_port), "%u", ports->agent);
	struct unit_value values[PROXY_VALUES + INSTALL_ROOTS + 1] = {
		{ "SOCKET", UNIT_LINE, "--socket-path", "", files->socket },
		{ "LISTEN", UNIT_LINE, "--port", "", http },
		{ "AGENT", UNIT_LINE, "--ssh-agent-port", "", agent },
		{ "SOCKETPATH", UNIT_EXEC, "--socket-path", "--socket-path=", files->socket },
		{ "DB", UNIT_EXEC, "--db-path", "--db-path=", files->db },
		{ "ROUTES", UNIT_EXEC, "--routes-file", "--routes-file=", files->routes },
		{ "PORT", UNIT_NUMBER, "--port", "--port=", http_port },
		{ "AGENTPORT", UNIT_NUMBER, "--ssh-agent-port", "--ssh-agent-port=", agent_port },
		{ "KEYS", UNIT_EXEC, "--ssh-keys-file", "--ssh-keys-file=", files->keys },
		{ "PROGRAM", UNIT_PROGRAM, "this program", "", program },
	};

	install_roots_values(&roots, &values[PROXY_VALUES]);

	return install_units(&proxy_service,
			     &(struct install){ .place = place,
						.values = values,
						.prepare = proxy_prepare,
						.prepared = files,
						.dry = dry },
			     why);
}

int verb_install(int argc, char **argv)
{
	_cleanup_files_ struct proxy_files files = {};
	_cleanup_place_ struct life_place place = {};
	struct ports ports = { PROXY_PORT, PROXY_AGENT_PORT };
	const char *http = NULL, *agent = NULL;
	struct proxy_said said = {};
	struct problem why = {};
	bool dry = false;
	const struct cli_option options[] = {
		{ "port", "N", "of TCP (18731)", CLI_STRING, &http },
		{ "ssh-agent-port", "N", "of the SSH agent (18732)", CLI_STRING, &agent },
		{ "socket-path", "PATH", "of the unix socket", CLI_STRING, &said.socket },
		{ "db-path", "FILE", "the store of credentials", CLI_STRING, &said.db },
		{ "routes-file", "FILE", "which provider is where", CLI_STRING, &said.routes },
		{ "ssh-keys-file", "FILE", "projects' keys in files", CLI_STRING, &said.keys },
		{ "dry-run", NULL, "show the units, do nothing", CLI_FLAG, &dry },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0)
		    ?: cli_number("port", http, 1, 65535, &ports.http)
		    ?: cli_number("ssh-agent-port", agent, 1, 65535, &ports.agent);

	if (r)
		return r;
	if (ports.http == ports.agent)
		return log_error(-EINVAL, "install: --port and --ssh-agent-port are the same");
	r = proxy_files_find(&said, &files, &why)
		?: proxy_place(&files, &place, &why)
		?: make_units(&files, &place, &ports, dry, &why);
	if (r)
		log_error(0, "install: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}

int verb_uninstall(int argc, char **argv)
{
	_cleanup_files_ struct proxy_files files = {};
	_cleanup_place_ struct life_place place = {};
	struct problem why = {};
	const struct cli_option none[] = { {} };
	int r = cli_parse(argc, argv, none, 0, 0);

	if (r)
		return r;
	r = proxy_files_find(&(struct proxy_said){}, &files, &why)
		?: proxy_place(&files, &place, &why)
		?: install_remove(&proxy_service, &place, &why);
	if (r)
		log_error(0, "uninstall: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
