// SPDX-License-Identifier: Apache-2.0
/* verb_start.c - terok-proxy start, stop: by systemd where the units are, else in the background */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "proxy.h"
#include "service/run.h"
#include "verbs.h"

struct start {
	struct proxy_said said;
	const char *port, *agent;
	bool daemon;
};

static int start_proxy(const struct start *start, const struct proxy_files *files, unsigned port,
		       unsigned agent, struct problem *why)
{
	_cleanup_place_ struct life_place place = {};
	_cleanup_free_ char *socket = NULL, *db = NULL, *routes = NULL, *keys = NULL;
	const struct proxy_said *said = &start->said;
	char http_port[24], agent_port[40];
	int r = proxy_place(files, &place, why);

	if (r)
		return r;
	snprintf(http_port, sizeof(http_port), "--port=%u", port);
	snprintf(agent_port, sizeof(agent_port), "--ssh-agent-port=%u", agent);
	if (asprintf(&socket, "--socket-path=%s", files->socket) < 0 ||
	    asprintf(&db, "--db-path=%s", files->db) < 0 ||
	    asprintf(&routes, "--routes-file=%s", files->routes) < 0 ||
	    asprintf(&keys, "--ssh-keys-file=%s", files->keys) < 0)
		return problem(why, -ENOMEM, "no memory");
	return run_start(
	    &proxy_service,
	    &(struct run_start){ .place = &place,
				 .words = (const char *const[]){ socket, db, routes, http_port,
								 agent_port, keys, NULL },
				 .port = port,
				 .told = start->port || start->agent || said->socket || said->db ||
					 said->routes || said->keys || said->pid_file,
				 .daemon = start->daemon,
				 .prepare = proxy_prepare,
				 .prepared = files },
	    why);
}

int verb_start(int argc, char **argv)
{
	_cleanup_files_ struct proxy_files files = {};
	unsigned port = PROXY_PORT, agent = PROXY_AGENT_PORT;
	struct start start = {};
	struct problem why = {};
	const struct cli_option options[] = {
		{ "port", "N", "of TCP (18731)", CLI_STRING, &start.port },
		{ "ssh-agent-port", "N", "of the SSH agent (18732)", CLI_STRING, &start.agent },
		{ "socket-path", "PATH", "of the unix socket", CLI_STRING, &start.said.socket },
		{ "db-path", "FILE", "the store of credentials", CLI_STRING, &start.said.db },
		{ "routes-file", "FILE", "which provider is where", CLI_STRING,
		  &start.said.routes },
		{ "ssh-keys-file", "FILE", "projects' keys in files", CLI_STRING,
		  &start.said.keys },
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING,
		  &start.said.pid_file },
		{ "daemon", NULL, "in the background, also if there are units", CLI_FLAG,
		  &start.daemon },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0)
		    ?: cli_number("port", start.port, 1, 65535, &port)
		    ?: cli_number("ssh-agent-port", start.agent, 1, 65535, &agent);

	if (r)
		return r;
	r = proxy_files_find(&start.said, &files, &why)
		?: start_proxy(&start, &files, port, agent, &why);
	if (r)
		log_error(0, "start: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}

int verb_stop(int argc, char **argv)
{
	_cleanup_files_ struct proxy_files files = {};
	_cleanup_place_ struct life_place place = {};
	struct proxy_said said = {};
	struct problem why = {};
	const struct cli_option options[] = {
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING, &said.pid_file },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r)
		return r;
	r = proxy_files_find(&said, &files, &why)
		?: proxy_place(&files, &place, &why) ?: run_stop(&proxy_service, &place, &why);
	if (r)
		log_error(0, "stop: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
