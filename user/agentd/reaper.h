/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper.h - the children that we began, each by its own descriptor; then those that we were given
 *
 * A child of ours is never reaped by chance: its end comes through its pidfd, and it stays a zombie,
 * whose number nobody else can get, until its owner lets it go. What the kernel hands to the first
 * process of a container, because its parent has gone, is an orphan: nobody waits for it but us. Two
 * phases, so that one is never taken for the other. Owns: the list of known children.
 * Called by: pipeline.c, init.c, register.c. Threads: none; all in the loop.
 */
#ifndef AGENTD_REAPER_H
#define AGENTD_REAPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/event.h"

#define REAPER_ROUND 32 /* orphans at once; others have their turn before the next */

struct reaper {
	struct loop *loop;
	struct reaped *first;
	struct timer again;
	unsigned long orphans; /* that were reaped */
};

/* A member of whatever waits for it; zero: none. */
struct reaped {
	struct reaper *reaper;
	struct reaped *next;
	struct source source; /* the pidfd */
	pid_t pid;            /* 0: none */
	bool ended;
	int code;  /* its exit code; -1: a signal ended it */
	int signo; /* which; 0: none */
	void (*fn)(struct reaped *child);
};

/**
 * reaper_watch() - @fn is called once when @pid has ended; it stays a zombie
 *
 * Return: 0; negative errno: it is an orphan from here on.
 */
int reaper_watch(struct reaper *reaper, struct reaped *child, pid_t pid,
		 void (*fn)(struct reaped *child));

/** reaper_release() - it may go; one that has not ended is an orphan from here on */
void reaper_release(struct reaped *child);

/** reaper_look() - reap orphans that have ended: after each SIGCHLD */
void reaper_look(struct reaper *reaper);

/** reaper_empty() - is there no child any more, whoever began it? */
bool reaper_empty(void);

/** reaper_signal_all() - all that we are the parent of, or as the first process of a namespace all of it */
void reaper_signal_all(int signo);

#endif
