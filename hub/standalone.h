/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standalone.h - the hub of a user's session as a process: terok-clearance serve
 *
 * The same hub as the agent's, with readers for a back end: ingest.c hears them, hub_reader.c
 * makes requests of what they say, serve.c has the clients. It starts wholly or not at all,
 * gives up what it does not need before it hears the first word, and ends within a second.
 */
#ifndef HUB_STANDALONE_H
#define HUB_STANDALONE_H

#include <stdbool.h>

#include "history_db.h"

/* Sockets; NULL: the usual place in XDG_RUNTIME_DIR. And what is kept of what happens. */
struct standalone_paths {
	const char *clients; /* terok-clearance.sock: made; NULL: below terok/clearance as well */
	const char *readers; /* terok-shield-events.sock: made */
	const char *helper;  /* terok-clearance-verdict.sock: connected to, for each verdict */
	struct history_limits history; /* .file NULL: terok/history.db in XDG_STATE_HOME */
	bool check; /* only say whether it could begin: what is there now stays */
};

/**
 * standalone_main() - serve until SIGTERM or SIGINT; 0 or negative errno, logged
 *
 * Sockets that systemd has opened at these places are taken as they are.
 */
int standalone_main(const struct standalone_paths *paths);

#endif
