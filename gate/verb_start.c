// SPDX-License-Identifier: Apache-2.0
/* verb_start.c - terok-gate start, stop: by systemd where the units are, else in the background */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "gate.h"
#include "place.h"
#include "service/run.h"
#include "verbs.h"

#define BIND_VARIABLE "TEROK_GATE_BIND"

struct start {
	const char *base, *tokens, *port, *bind, *pid_file;
	bool daemon;
};

static int start_gate(const struct start *start, const struct life_place *place, unsigned port,
		      struct problem *why)
{
	_cleanup_free_ char *file = place_absolute(start->tokens, PLACE_TOKENS), *base = NULL,
			    *tokens = NULL, *bind = NULL, *number = NULL;

	if (!file || asprintf(&base, "--base-path=%s", place->folder) < 0 ||
	    asprintf(&tokens, "--token-file=%s", file) < 0 ||
	    asprintf(&bind, "--bind=%s", start->bind) < 0 ||
	    asprintf(&number, "--port=%u", port) < 0)
		return problem(why, -ENOMEM, "no memory");
	return run_start(&gate_service,
			 &(struct run_start){
			     .place = place,
			     .words = (const char *const[]){ base, tokens, bind, number, NULL },
			     .port = port,
			     .told = start->port || start->base || start->tokens || start->pid_file,
			     .daemon = start->daemon,
			     .prepare = gate_prepare,
			     .prepared = place },
			 why);
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
	r = gate_place(start.base, start.pid_file, &place, &why)
		?: start_gate(&start, &place, port, &why);
	if (r)
		log_error(0, "start: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
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
	r = gate_place(NULL, pid_file, &place, &why) ?: run_stop(&gate_service, &place, &why);
	if (r)
		log_error(0, "stop: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
