// SPDX-License-Identifier: Apache-2.0
/* verb_run.c - terok-bpfd run: be the agent (core.c) until a signal ends it */
#include <errno.h>
#include <string.h>

#include "base/cli.h"
#include "core.h"
#include "verbs.h"

int verb_run(int argc, char **argv)
{
	struct core_options core = { .ready_fd = -1,
				     .history = { .days = HISTORY_DAYS, .mib = HISTORY_MIB } };
	const char *servers[CLI_LIST_MAX + 1] = {}, *ready = NULL, *days = NULL, *mib = NULL;
	unsigned ready_fd = 0;
	struct cli_list upstream = {};
	const struct cli_option options[] = {
		{ "socket", "PATH", "where the hub listens (RUN/clearance.sock)", CLI_STRING,
		  &core.socket },
		{ "upstream", "ADDR[:PORT]", "ask this name server; may be repeated", CLI_LIST,
		  &upstream },
		{ "history-days", "N", "keep history so long (30); 0: keep none", CLI_STRING,
		  &days },
		{ "history-size", "MIB", "and no more of it than that (64)", CLI_STRING, &mib },
		{ "transient", NULL, "end with the last guard (exec starts it so)", CLI_FLAG,
		  &core.transient },
		{ "ready-fd", "N", "write a byte there when all stands", CLI_STRING, &ready },
		{},
	};
	struct problem why = {};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	r = cli_number("ready-fd", ready, 0, 1023, &ready_fd);
	if (!r)
		r = cli_number("history-days", days, 0, HISTORY_DAYS_MAX, &core.history.days);
	if (!r)
		r = cli_number("history-size", mib, HISTORY_MIB_MIN, HISTORY_MIB_MAX,
			       &core.history.mib);
	if (r)
		return r;
	if (ready)
		core.ready_fd = ready_fd;
	memcpy(servers, upstream.item, upstream.n * sizeof(servers[0]));
	if (upstream.n)
		core.upstream = servers;
	r = core_run(&core, &why);
	return r ? verb_fail(r == -EINVAL ? -EIO : r, &why) : 0;
}
