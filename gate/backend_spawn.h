/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend_spawn.h - start a program with three pipes, cheaply
 *
 * base/spawn.h is for programs that are asked something; this is for one per request, whose
 * pipes are ours to serve. Nothing of our memory is copied for it (vfork). Called by: backend.c.
 */
#ifndef GATE_BACKEND_SPAWN_H
#define GATE_BACKEND_SPAWN_H

#include <sys/types.h>

#include "base/problem.h"

struct backend_process {
	pid_t pid;               /* leader of a process group; -1: none */
	int pidfd, in, out, err; /* ours, non-blocking, close-on-exec; -1: none */
};

#define BACKEND_PROCESS_NONE                                                                       \
	((struct backend_process){ .pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1 })

/**
 * backend_spawn() - run @argv with @env in @folder
 *
 * Return: 0, with what is in @ret the caller's; negative errno of what failed, with @why.
 */
int backend_spawn(const char *const *argv, const char *const *env, const char *folder,
		  struct backend_process *ret, struct problem *why);

#endif
