// SPDX-License-Identifier: Apache-2.0
/* verb_run.c - terok-bpfd run: be the agent (core.c) until a signal ends it */
#include <errno.h>
#include <stdlib.h>

#include "base/cli.h"
#include "core.h"
#include "verbs.h"

int verb_run(int argc, char **argv)
{
	struct core_options core = { .ready_fd = -1 };
	const char *ready = NULL;
	const struct cli_option options[] = {
		{ "socket", "PATH", "where the hub listens (RUN/clearance.sock)", CLI_STRING,
		  &core.socket },
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
	r = core_run(&core, &why);
	return r ? verb_fail(r == -EINVAL ? -EIO : r, &why) : 0;
}
