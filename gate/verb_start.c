// SPDX-License-Identifier: Apache-2.0
/* verb_start.c - terok-gate start, stop: by systemd where the units are, else in the background */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "daemon.h"
#include "install.h"
#include "life.h"
#include "systemd.h"
#include "place.h"
#include "unit.h"
#include "verbs.h"

#define BIND_VARIABLE "TEROK_GATE_BIND"
#define LIMIT_S       60

#define WORDS(...)    ((const char *const[]){ __VA_ARGS__, NULL })

struct start {
	const char *base, *tokens, *port, *bind, *pid_file;
	bool daemon;
};

static int start_daemon(const struct start *start, const struct life_place *place, unsigned port,
			struct problem *why)
{
	_cleanup_free_ char *program = NULL;
	pid_t pid = 0;
	int r = install_program(&program, why) ?: install_base(place->base, why);

	if (!r)
		r = daemon_start(&(struct daemon_options){ .program = program,
							   .base = place->base,
							   .tokens = place->tokens,
							   .bind = start->bind,
							   .port = port,
							   .pid_file = place->pid_file },
				 &pid, why);
	if (!r)
		printf("gate runs in the background, process %d, port %u\n", pid, port);
	return r;
}

static int start_socket(const struct start *start, const struct life *life, struct problem *why)
{
	int r;

	if (start->port || start->base || start->tokens || start->pid_file)
		return problem(why, -EINVAL,
			       "its units say where things are: terok-gate install takes these "
			       "options, or --daemon goes without the units");
	if (life->outdated)
		log_warn(0, "%s", life->outdated);
	r = systemd_do(WORDS("start", UNIT_SOCKET), LIMIT_S, why);
	if (!r)
		printf("gate is begun by who comes in, port %u\n", life->port);
	return r;
}

/* A second one is refused, whoever runs the first. */
static int start_gate(struct start *start, const struct life_place *place, unsigned port,
		      struct problem *why)
{
	_cleanup_life_ struct life life = {};
	int r = life_read(place, &life);

	if (r)
		return r;
	if (life.running)
		return problem(why, -EALREADY,
			       "a gate runs already (%s), port %u; see: terok-gate "
			       "status",
			       life_word(life.mode), life.port);
	if (life.mode == LIFE_SYSTEMD && !start->daemon)
		return start_socket(start, &life, why);
	if (!geteuid())
		log_warn(0, "as root the gate serves root's mirrors; it is made for users");
	return start_daemon(start, place, port, why);
}

int verb_start(int argc, char **argv)
{
	_cleanup_place_ struct life_place place = {};
	struct start start = { .bind = getenv(BIND_VARIABLE) };
	unsigned port = GATE_PORT;
	struct problem why = {};
	const struct cli_option options[] = {
		{ "port", "N", "of TCP (9418)", CLI_STRING, &start.port },
		{ "bind", "ADDRESS", "of TCP (127.0.0.1)", CLI_STRING, &start.bind },
		{ "base-path", "DIR", "folder of the mirrors", CLI_STRING, &start.base },
		{ "token-file", "FILE", "tokens of containers", CLI_STRING, &start.tokens },
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING, &start.pid_file },
		{ "daemon", NULL, "in the background, also if there are units", CLI_FLAG,
		  &start.daemon },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0)
		    ?: cli_number("port", start.port, 1, 65535, &port);

	if (r)
		return r;
	if (!start.bind || !*start.bind)
		start.bind = "127.0.0.1";
	r = life_place_find(start.base, start.tokens, start.pid_file, &place, &why)
		?: start_gate(&start, &place, port, &why);
	if (r)
		log_error(0, "start: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}

/* The socket first, or who comes in begins the service again. */
static int stop_units(struct problem *why)
{
	int r = systemd_do(WORDS("stop", UNIT_SOCKET, UNIT_SERVICE), LIMIT_S, why);

	if (!r)
		printf("stopped " UNIT_SOCKET "\n");
	return r;
}

static int stop_gate(const struct life_place *place, struct problem *why)
{
	_cleanup_life_ struct life life = {};
	int units = 0, r = life_read(place, &life);

	if (r)
		return r;
	if (life.installed && life.unknown && life.mode == LIFE_SYSTEMD)
		log_warn(0, "%s", life.unknown);
	if (life.mode == LIFE_SYSTEMD && life.running) {
		units = 1;
		r = stop_units(why);
	}
	if (!r)
		r = daemon_stop(place->pid_file, why);
	if (r > 0)
		printf("stopped the gate in the background\n");
	if (!r && !units)
		printf("no gate runs\n");
	return r < 0 ? r : 0;
}

int verb_stop(int argc, char **argv)
{
	_cleanup_place_ struct life_place place = {};
	const char *pid_file = NULL;
	struct problem why = {};
	const struct cli_option options[] = {
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING, &pid_file },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r)
		return r;
	r = life_place_find(NULL, NULL, pid_file, &place, &why) ?: stop_gate(&place, &why);
	if (r)
		log_error(0, "stop: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
