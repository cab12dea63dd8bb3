// SPDX-License-Identifier: Apache-2.0
/* verb_ssh_agent.c - terok-proxy ssh agent: the SSH agent alone, for who needs nothing else */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "agent_place.h"
#include "base/cleanup.h"
#include "base/cli.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/passed.h"
#include "base/signals.h"
#include "base/sock.h"
#include "confine.h"
#include "service/listen.h"
#include "ssh.h"

struct serve {
	struct ssh_place at;
	struct agent_said said;
	const char *bind, *port, *socket;
	struct agent_place found;
	struct loop *loop;
	struct agent *agent;
	struct sock_place place;
	struct passed passed;
	struct signals signals;
};

static int options_read(struct serve *serve, int argc, char **argv)
{
	const struct cli_option options[] = {
		SSH_PLACE_OPTIONS(serve->at),
		{ "port", "N", "of TCP (18732); 0: none", CLI_STRING, &serve->port },
		{ "bind", "ADDRESS", "of TCP (127.0.0.1)", CLI_STRING, &serve->bind },
		{ "socket-path", "PATH", "a unix socket, for us alone", CLI_STRING,
		  &serve->socket },
		{ "audit", "FILE", "what was signed; none: not noted", CLI_STRING,
		  &serve->said.audit },
		{ "local", NULL, "a socket on this host for each project", CLI_FLAG,
		  &serve->said.local },
		{ "runtime", "DIR", "folder of the hub's sockets", CLI_STRING,
		  &serve->said.runtime },
		{},
	};

	return cli_parse(argc, argv, options, 0, 0);
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
	struct proxy_confine confine = { .local = serve->found.options.local };
	int r = passed_open(&serve->passed, why);

	if (!r)
		r = confine_privs();
	if (!r)
		r = loop_new(&serve->loop);
	if (!r)
		r = signals_add(serve->loop, &serve->signals, NULL, on_signal);
	if (!r)
		r = agent_new(serve->loop, &serve->found.options, &serve->agent, why);
	if (!r)
		r = listen_all(serve, why);
	if (!r) { /* the store and the keys are the signer's */
		confine.socket_folder = serve->place.folder;
		r = proxy_confine(&confine, why);
	}
	if (!r) {
		log_info("serves keys of %s", serve->found.files.keys);
		r = loop_run(serve->loop);
	}
	return r;
}

int verb_ssh_agent(int argc, char **argv)
{
	struct serve serve = { .place = SOCK_PLACE_NONE };
	struct problem why = {};
	int r = options_read(&serve, argc, argv);

	if (r)
		return r;
	serve.said.opened = &serve.at.opened;
	serve.said.keys = serve.at.said_keys_file;
	signal(SIGPIPE, SIG_IGN);
	r = agent_place_find(&serve.said, &serve.found, &why);
	r = r ?: run(&serve, &why);
	if (r && *why.text)
		log_error(0, "%s", why.text);
	else if (r && r != -EINVAL)
		log_error(r, "the SSH agent");
	agent_free(serve.agent);
	signals_end(&serve.signals);
	loop_free(serve.loop);
	sock_place_leave(&serve.place);
	agent_place_done(&serve.found);
	return r == -EINVAL && *why.text ? -EIO : r;
}
