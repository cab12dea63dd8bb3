// SPDX-License-Identifier: Apache-2.0
/* verb_ssh_agent.c - terok-proxy ssh agent: the SSH agent alone, for who needs nothing else */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/cli.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/passed.h"
#include "base/paths.h"
#include "base/signals.h"
#include "base/sock.h"
#include "service/listen.h"
#include "ssh.h"

struct serve {
	struct agent_options options;
	struct ssh_place at;
	const char *bind, *port, *socket, *runtime, *said_audit;
	bool local;
	char *key_file, *audit, *local_path, *runtime_path;
	struct loop *loop;
	struct agent *agent;
	struct sock_place place;
	struct passed passed;
	struct signals signals;
};

static int paths_find(struct serve *serve)
{
	const char *session = getenv("XDG_RUNTIME_DIR"), *audit = serve->said_audit;
	const struct opened *opened = &serve->at.opened;

	serve->key_file = opened->key_file ? path_absolute(opened->key_file) : NULL;
	if (!audit || strcmp(audit, "none"))
		serve->audit = audit ? path_absolute(audit)
				     : path_below(ROOT_CREDENTIALS, "ssh_audit.jsonl");
	if (serve->runtime)
		serve->runtime_path = path_absolute(serve->runtime);
	else if (session)
		serve->runtime_path = strdup(session);
	if (serve->local)
		serve->local_path = path_below(ROOT_RUNTIME, NULL);
	if (serve->local && !serve->local_path)
		return log_error(-ENOENT, "there is no home");
	serve->options = (struct agent_options){ .store = serve->at.files.db,
						 .keys_file = serve->at.files.keys,
						 .key_file = serve->key_file,
						 .audit = serve->audit,
						 .local = serve->local_path,
						 .runtime = serve->runtime_path };
	return 0;
}

static int options_read(struct serve *serve, int argc, char **argv)
{
	const struct cli_option options[] = {
		SSH_PLACE_OPTIONS(serve->at),
		{ "port", "N", "of TCP (18732); 0: none", CLI_STRING, &serve->port },
		{ "bind", "ADDRESS", "of TCP (127.0.0.1)", CLI_STRING, &serve->bind },
		{ "socket-path", "PATH", "a unix socket, for us alone", CLI_STRING,
		  &serve->socket },
		{ "audit", "FILE", "what was signed; none: not noted", CLI_STRING,
		  &serve->said_audit },
		{ "local", NULL, "a socket on this host for each project", CLI_FLAG,
		  &serve->local },
		{ "runtime", "DIR", "folder of the hub's sockets", CLI_STRING, &serve->runtime },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (!r)
		r = ssh_place_find(&serve->at);
	return r ?: paths_find(serve);
}

static int listen_all(struct serve *serve, struct problem *why)
{
	bool other = serve->passed.n || serve->socket;
	unsigned port = other ? 0 : PROXY_AGENT_PORT;
	int r = cli_number("port", serve->port, 0, 65535, &port), fd;

	while (!r && (fd = passed_next(&serve->passed)) >= 0)
		r = agent_listen(serve->agent, fd, NULL);
	if (!r && port) {
		r = listen_tcp(&proxy_service, serve->bind ?: "127.0.0.1", port, &fd, why);
		r = r ?: agent_listen(serve->agent, fd, NULL);
	}
	if (!r && serve->socket) {
		r = sock_place_take(serve->socket, &serve->place, why);
		fd = r ? -1 : fcntl(serve->place.fd, F_DUPFD_CLOEXEC, 3);
		r = r ?: fd < 0 ? -errno : agent_listen(serve->agent, fd, NULL);
	}
	return r;
}

static int on_signal(struct signals *signals, int signal)
{
	(void)signal;
	loop_stop(container_of(signals, struct serve, signals)->loop);
	return 0;
}

static int run(struct serve *serve, struct problem *why)
{
	int r = passed_open(&serve->passed, why);

	if (!r)
		r = confine_privs();
	if (!r)
		r = loop_new(&serve->loop);
	if (!r)
		r = signals_add(serve->loop, &serve->signals, NULL, on_signal);
	if (!r)
		r = agent_new(serve->loop, &serve->options, &serve->agent, why);
	if (!r)
		r = listen_all(serve, why);
	if (!r) {
		log_info("serves keys of %s", serve->options.keys_file);
		r = loop_run(serve->loop);
	}
	return r;
}

int verb_ssh_agent(int argc, char **argv)
{
	struct serve serve = { .place = SOCK_PLACE_NONE };
	struct problem why = {};
	int r = options_read(&serve, argc, argv);

	if (!r) {
		signal(SIGPIPE, SIG_IGN);
		r = run(&serve, &why);
		if (r && *why.text)
			log_error(0, "%s", why.text);
		else if (r)
			log_error(r, "the SSH agent");
	}
	agent_free(serve.agent);
	signals_end(&serve.signals);
	loop_free(serve.loop);
	sock_place_leave(&serve.place);
	ssh_place_done(&serve.at);
	free(serve.key_file);
	free(serve.audit);
	free(serve.local_path);
	free(serve.runtime_path);
	return r == -EINVAL && *why.text ? -EIO : r;
}
