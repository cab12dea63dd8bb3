/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.h - the agent: the one process with privileges, between the kernel and the hub
 *
 * Composition root: makes the loop, wires kernel, ring, questions, guards and the hub
 * worker together, and is the only file that knows all of them. It takes fixed-size
 * structs only and believes only the kernel. Its death changes nothing that is denied or
 * allowed: everything that decides is pinned.
 */
#ifndef TEROK_CORE_H
#define TEROK_CORE_H

#include <stdbool.h>

#include "base/problem.h"
#include "hub/history_db.h"

struct core_options {
	const char *socket;          /* where the hub listens; NULL: RUN/clearance.sock */
	int ready_fd;                /* told with one byte when all stands, then closed; -1: none */
	const char *const *upstream; /* name servers, NULL at the end; NULL: resolv.conf's */
	struct history_limits history;
	bool transient; /* end when the last guard has gone, and unload what we loaded */
};

/** core_run() - be the agent until SIGTERM or SIGINT; 0 or negative errno with @why */
int core_run(const struct core_options *options, struct problem *why);

/** core_socket_path() - where the hub of this runtime folder listens; static */
const char *core_socket_path(void);

#endif
