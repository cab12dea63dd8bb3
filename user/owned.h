/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owned.h - which cgroups a user may have guarded, and how many
 *
 * A cgroup that is no container's is a user's as the kernel has it: the directory is theirs, and
 * the one above it as well. So it lies within what was delegated to them; where that begins is a
 * limit that somebody set for them, and as a whole only root's to guard. No cgroup and no process
 * within it is anybody else's, and no guard above it or within it: nobody's network is cut off but
 * their own, and nobody's guard is led around by one of another's. What root starts there later, or
 * a program that becomes root, is guarded with the rest: it can lose by that, and gets nothing.
 *
 * Called by: the children that attach for users (deed_attach.c, enrol_worker.c). Threads: none.
 */
#ifndef TEROK_OWNED_H
#define TEROK_OWNED_H

#include <stdint.h>

#include "base/problem.h"

struct kernel;

/* The table of guards is everybody's. */
#define OWNED_GUARDS 256 /* of one user */

/**
 * owned_check() - may @uid, not 0, have the cgroup guarded that is open as @fd?
 * @path: of it, below the root
 *
 * Return: 0; -EPERM with what is not theirs in @why; or what the kernel says.
 */
int owned_check(int fd, const char *path, uint32_t uid, struct problem *why);

/**
 * owned_room() - may @uid have another guard? -EDQUOT; 0: root always
 * @kernel: opened if it is NULL or not the latest; the caller's to kernel_freep()
 */
int owned_room(struct kernel **kernel, uint32_t uid, struct problem *why);

#endif
