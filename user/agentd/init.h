/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init.h - the container's own command, and the duties of a first process
 *
 * The command starts when the control plane says that the container is ready, once, as the
 * container's user and never as root by an omission. Its end is ours: its exit code is the
 * container's. Signals that we get are for it. Orphans are reaped all the time, and at the end each
 * has INIT_DRAIN_NS to leave by itself, by SIGTERM and by SIGKILL. Works also when we are not the first
 * process of a namespace: the kernel is asked for the orphans.
 * Called by: main.c (its life), session.c (AgentReady). Owns: the command. Threads: none.
 */
#ifndef AGENTD_INIT_H
#define AGENTD_INIT_H

#include "account.h"
#include "base/event.h"
#include "base/signals.h"
#include "reaper.h"

#define INIT_READY_FILE "/var/run/clawker/ready"
#define INIT_GRACE_NS   (10 * SECOND_NS) /* from SIGTERM to SIGKILL */
#define INIT_DRAIN_NS   (2 * SECOND_NS)  /* of each of the three ways for orphans to go */

struct init;

struct init_use {
	struct loop *loop;
	struct reaper *reaper;
	char *const *argv;      /* NULL-terminated; empty: there is nothing to start */
	struct account account; /* who it runs as */
	const char *ready_file; /* there while the command runs; NULL: none */
	uint64_t grace_ns;      /* 0: INIT_GRACE_NS */

	/** leaving() - the command has ended, or a signal came before it: sessions and listener go now */
	void (*leaving)(void *user);
	/** gone() - nothing is left of anything: leave with this exit code */
	void (*gone)(void *user, int code);
	void *user;
};

/** init_fn - @error 0: it runs; else a negative errno with @text. Once. */
typedef void (*init_fn)(void *user, int error, const char *text);

/** init_new() - signals are heard and orphans are ours from here on; 0 or negative errno */
int init_new(const struct init_use *use, struct init **ret);

/** init_start() - start the command, if it was not started; @fn from within or from the loop */
void init_start(struct init *init, init_fn fn, void *user);

void init_free(struct init *init);

#endif
