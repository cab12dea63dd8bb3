/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_child.h - CMD as a process: started inside its cgroup, signalled, waited for
 *
 * Without a terminal of our own making CMD is our child, in our process group, as after
 * "env CMD". With one there is a monitor between us, which leads the terminal's session:
 *
 *   exec (person's terminal) --- talk --- monitor (session leader) --- CMD (own group,
 *                                                                      foreground)
 *
 * Without the monitor CMD would lead the session itself, and Ctrl-Z would do nothing: the
 * kernel does not stop a process group that nobody in its session could continue. The
 * monitor alone reaps CMD, so it alone sends it signals: the number cannot be another's.
 *
 * Owns: the child, its pidfd, the socket to the monitor.
 * Called by: verb_exec.c, verb_learn_session.c. Knows no guards. Threads: none.
 */
#ifndef TEROK_EXEC_CHILD_H
#define TEROK_EXEC_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/event.h"

struct exec_child {
	/* set by the owner */
	char **argv;
	int cgroup_fd;  /* joined before CMD's first instruction */
	int terminal;   /* the inside of a pty, or -1: share our standard files */
	bool to_stderr; /* CMD's standard output goes to standard error: ours is for a result */
	sigset_t mask;  /* that CMD starts with: the one that exec was started with */
	struct sigaction on_child, on_pipe; /* the same of SIGCHLD and SIGPIPE */
	void (*ended)(struct exec_child *child, int code, int sig);
	void (*stopped)(struct exec_child *child); /* with a terminal only */

	pid_t pid; /* CMD, or the monitor */
	int pidfd, talk;
	bool over;
	struct source pidfd_source, talk_source;
};

/**
 * child_start() - fork, join the cgroup, exec
 *
 * What keeps CMD from running is said on its standard error and ends as code 127 (not
 * found), 126 (cannot be run) or 125 (could not be guarded), through ended(). Signals that
 * were ignored when exec was started (nohup) stay ignored. @child->terminal is closed.
 * Return: 0 or negative errno.
 */
int child_start(struct exec_child *child, struct loop *loop);

/**
 * child_take_signals() - before child_start(): signals that are for CMD come to @fn instead
 * @fd: gets the signalfd, whose news is to be passed on
 *
 * What CMD shall have of it again is kept in @child. Return: 0 or negative errno.
 */
int child_take_signals(struct exec_child *child, struct loop *loop, struct source *source,
		       source_fn fn, int *fd);

/** child_signal() - to CMD, with a terminal to its process group; nothing once it is over */
void child_signal(struct exec_child *child, int sig);

/** child_done() - close all; CMD itself is left alone */
void child_done(struct exec_child *child);

#endif
