// SPDX-License-Identifier: Apache-2.0
/*
 * bpfd.c - terok-bpfd: the verb table, and the door for workers
 *
 * A verb is a file: verb_<name>.c. A worker is this program started again by the core with
 * --worker NAME and its channel at descriptor 3; nobody else has a use for that.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/journald.h"
#include "base/log.h"
#include "dns/worker.h"
#include "deed.h"
#include "hub/worker.h"
#include "enrol_worker.h"
#include "owner_worker.h"
#include "watcher/worker.h"
#include "verbs.h"

static const struct cli_verb verbs[] = {
	{ "load", "[--json]", "Load programs and maps and pin them", verb_load },
	{ "unload", "[--force] [--json]", "Detach every guard and remove all pins", verb_unload },
	{ "run", "[--socket PATH]", "Be the agent: tell refusals, apply answers", verb_run },
	{ "status", "[GUARD] [--json]", "Show the agent and the guards", verb_status },
	{ "attach", "CGROUP|CONTAINER [OPTIONS]", "Guard a cgroup or a running container",
	  verb_attach },
	{ "detach", "GUARD [--json]", "Stop guarding", verb_detach },
	{ "exec", "[OPTIONS] -- CMD [ARG...]", "Run a command in a guard of its own", verb_exec },
	{ "learn-session", "[OPTIONS] -- CMD [ARG...]", "Run a command open, print what it reached",
	  verb_learn_session },
	{ "up", "GUARD [--json]", "Deny all but what rules allow", verb_up },
	{ "down", "GUARD [--all] [--json]", "Open; denies and private ranges hold", verb_down },
	{ "block", "GUARD [--json]", "Let nothing out but loopback", verb_block },
	{ "bypass", "GUARD --for TIME|--off [--json]", "Let up mean down for a time", verb_bypass },
	{ "allow", "GUARD DEST [OPTIONS]", "Allow an address, prefix or domain", verb_allow },
	{ "deny", "GUARD DEST [OPTIONS]", "Deny an address, prefix or domain", verb_deny },
	{ "resolve", "GUARD [--json]", "Ask anew for its domains' addresses", verb_resolve },
	{ "publish", "GUARD PORT [--remove] [--json]", "Let the outside connect to a port",
	  verb_publish },
	{ "rules", "GUARD [--json]", "Show the rules as the kernel has them", verb_rules },
	{ "names", "GUARD [--json]", "Show the names it asked for and their addresses",
	  verb_names },
	{ "flush", "GUARD [NAME] [--json]", "Forget what its names were found to be", verb_flush },
	{ "explain", "GUARD DEST [OPTIONS]", "Say what would happen, and why", verb_explain },
	{ "profiles", "[show NAME...|lint [NAME|FILE...]] [--json]",
	  "List, print and check profiles", verb_profiles },
	{ "logs", "[GUARD] [--lines N] [--json]", "Print what was done and refused, and when",
	  verb_logs },
	{ "history", "[GUARD] [OPTIONS]", "Print what was asked, who answered, what ended",
	  verb_history },
	{ "export", "--json", "Print all of that, as JSON", verb_export },
	{ "harvest", "GUARD [--since TIME] [--json]", "Propose a profile of what was refused",
	  verb_harvest },
	{ "watch", "[GUARD] [--json]", "Print refusals and answers as they happen", verb_watch },
	{ "doctor", "[GUARD] [--fix] [--json]", "Look for what is wrong, and say how to mend it",
	  verb_doctor },
	{ "setup", "[--root|--user] [OPTIONS]", "Install hooks and units, or take them away",
	  verb_setup },
	{ "check", "[--json]", "Say what this kernel lacks for guarding", verb_check },
	{ NULL, NULL, NULL, NULL },
};

static const struct cli_program program = {
	.name = "terok-bpfd",
	.version = TEROK_VERSION,
	.summary = "Guard the egress of containers: the kernel decides, people answer.",
	.section = "8",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	log_setup("terok-bpfd", LOG_INFO, journald_reads());
	if (argc == 3 && !strcmp(argv[1], "--worker") && !strcmp(argv[2], "hub"))
		return hub_worker_main();
	if (argc == 3 && !strcmp(argv[1], "--worker") && !strcmp(argv[2], "resolver"))
		return dns_worker_main();
	if (argc == 3 && !strcmp(argv[1], "--worker") && !strcmp(argv[2], "owner"))
		return owner_worker_main();
	if (argc == 3 && !strcmp(argv[1], "--worker") && !strcmp(argv[2], "deed"))
		return deed_worker_main();
	if (argc == 3 && !strcmp(argv[1], "--worker") && !strcmp(argv[2], "enrol"))
		return enrol_worker_main();
	if (argc == 3 && !strcmp(argv[1], "--worker") && !strcmp(argv[2], "watcher"))
		return watcher_main();
	return cli_main(&program, argc, argv);
}
