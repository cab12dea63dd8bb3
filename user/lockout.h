/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lockout.h - a guard that would shut out whoever makes it
 *
 * A guard denies from its first instant. On a cgroup that holds the caller's own session, the
 * agent or process 1 that ends the way to undo it: the terminal of somebody far away, the names
 * of everybody, the machine's services.
 * Called by: deed_attach.c. Threads: none.
 */
#ifndef TEROK_LOCKOUT_H
#define TEROK_LOCKOUT_H

#include <sys/types.h>

#include "base/problem.h"

/**
 * lockout_check() - -EDEADLK with who it is that lives in @path (below the cgroup2 root); 0: none
 * @you: the process that asks; 0: it is told already that it will be cut off
 */
int lockout_check(const char *path, pid_t you, struct problem *why);

#endif
