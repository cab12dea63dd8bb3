// SPDX-License-Identifier: Apache-2.0
/* verb_run.c - terok-bpfd run: be the agent (core.c) until a signal ends it */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "core.h"
#include "verbs.h"

int verb_run(int argc, char **argv)
{
	struct core_options core = { .ready_fd = -1 };
	const char *servers[CLI_LIST_MAX + 1] = {}, *ready = NULL;
	struct cli_list upstream = {};
	const struct cli_option options[] = {
		{ "socket", "PATH", "where the hub listens (RUN/clearance.sock)", CLI_STRING,
		  &core.socket },
		{ "upstream", "ADDR[:PORT]", "ask this name server; may be repeated", CLI_LIST,
		  &upstream },
		{ "transient", NULL, "end with the last guard (exec starts it so)", CLI_FLAG,
		  &core.transient },
		{ "ready-fd", "N", "write a byte there when all stands", CLI_STRING, &ready },
		{},
	};
	struct problem why = {};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	if (ready) {
		char *end;
		long fd = strtol(ready, &end, 10);

		if (*end || end == ready || fd < 0 || fd > 1023) {
			problem(&why, -EINVAL, "--ready-fd '%s' is not a descriptor", ready);
			return verb_fail(-EINVAL, &why);
		}
		core.ready_fd = fd;
	}
	memcpy(servers, upstream.item, upstream.n * sizeof(servers[0]));
	if (upstream.n)
		core.upstream = servers;
	r = core_run(&core, &why);
	return r ? verb_fail(r == -EINVAL ? -EIO : r, &why) : 0;
}
