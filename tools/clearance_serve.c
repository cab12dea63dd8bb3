// SPDX-License-Identifier: Apache-2.0
#include "clearance_serve.h"

#include <string.h>

#include "base/log.h"
#include "hub/helper_main.h"
#include "hub/standalone.h"

int verb_serve(int argc, char **argv)
{
	struct standalone_paths paths = { .history = { .days = HISTORY_DAYS, .mib = HISTORY_MIB } };
	const char *days = NULL, *mib = NULL;
	const struct cli_option options[] = {
		{ "socket", "PATH", "for clients (terok-clearance.sock)", CLI_STRING,
		  &paths.clients },
		{ "readers", "PATH", "for readers (terok-shield-events.sock)", CLI_STRING,
		  &paths.readers },
		{ "helper", "PATH", "of serve-verdict (terok-clearance-verdict.sock)", CLI_STRING,
		  &paths.helper },
		{ "history", "PATH", "kept there (terok/history.db); none: not", CLI_STRING,
		  &paths.history.file },
		{ "history-days", "N", "keep history so long (30); 0: keep none", CLI_STRING,
		  &days },
		{ "history-size", "MIB", "and no more of it than that (64)", CLI_STRING, &mib },
		{ "check", NULL, "only say whether it could begin", CLI_FLAG, &paths.check },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (!r)
		r = cli_number("history-days", days, 0, HISTORY_DAYS_MAX, &paths.history.days);
	if (!r)
		r = cli_number("history-size", mib, HISTORY_MIB_MIN, HISTORY_MIB_MAX,
			       &paths.history.mib);
	if (paths.history.file && !strcmp(paths.history.file, "none"))
		paths.history.days = 0;
	return r ?: standalone_main(&paths);
}

int verb_serve_verdict(int argc, char **argv)
{
	const char *path = NULL, *shield = NULL;
	const struct cli_option options[] = {
		{ "socket", "PATH", "for the hub (terok-clearance-verdict.sock)", CLI_STRING,
		  &path },
		{ "shield", "PATH", "the program it runs (terok-shield)", CLI_STRING, &shield },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	return r ?: helper_main(path, shield);
}

int serve_main(const struct cli_program *program, int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	struct cli_program hub = *program;

	hub.name = "terok-clearance-hub";
	hub.default_verb = NULL;
	if (!argc || strcmp(slash ? slash + 1 : argv[0], hub.name))
		return cli_main(program, argc, argv);
	log_setup(hub.name, LOG_INFO, false);
	if (argc > 1 && !strcmp(argv[1], "clearance"))
		argv[1] = (char *)"live";
	return cli_main(&hub, argc, argv);
}
