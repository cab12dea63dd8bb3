/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_place.h - where the files of the SSH agent are, for whoever serves it
 *
 * Called by: verb_ssh_agent.c, verb_serve.c. Threads: none (it reads the environment).
 */
#ifndef PROXY_AGENT_PLACE_H
#define PROXY_AGENT_PLACE_H

#include "agent.h"
#include "opened.h"
#include "proxy.h"

/* What was said; NULL: where it is always. */
struct agent_said {
	const struct opened *opened; /* the store */
	const char *keys;            /* ssh-keys.json */
	const char *audit;           /* ssh_audit.jsonl beside the store; "none": nowhere */
	const char *runtime;         /* of the hub's sockets: XDG_RUNTIME_DIR, if that is set */
	bool local;                  /* sockets on the host, in the folder of our own */
};

struct agent_place {
	struct proxy_files files;
	char *key_file, *passphrase_file, *audit, *local, *runtime;
	struct agent_options options; /* of all these, for agent_new() */
};

/** agent_place_find() - 0 and @ret, the caller's to agent_place_done(); -ENOENT no home, with @why */
int agent_place_find(const struct agent_said *said, struct agent_place *ret, struct problem *why);

void agent_place_done(struct agent_place *place);

#endif
