/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_guard.h - the cgroup and the guard of one "exec", from nothing to nothing
 *
 * I1: CMD joins the cgroup only after the guard and its rules are in the kernel.
 * I2: what lives in the cgroup at the end is dead before the guard is detached.
 * I3: from before the guard to after CMD the cgroup is not empty, so the agent does not
 *     take it for one that was left behind: a keeper sits in it, a process that does
 *     nothing and ends when exec closes its pipe, or is killed.
 * I4: if exec is killed in between, the guard stays (it is pinned), and the agent removes
 *     it with its cgroup when that is empty.
 *
 * Owns: the cgroup, the guard, the kernel's descriptors.
 * Called by: verb_exec.c, verb_learn_session.c. Threads: none.
 */
#ifndef TEROK_EXEC_GUARD_H
#define TEROK_EXEC_GUARD_H

#include "cgroup.h"
#include "exec_options.h"
#include "guard.h"

struct exec_guard {
	char parent[TEROK_PATH_LEN], path[TEROK_PATH_LEN];
	int cgroup_fd; /* -1: none */
	pid_t keeper;
	int keeper_fd; /* -1: none */
	bool guarded;
	struct kernel *kernel;
	struct guard guard;
};

/** exec_guard_make() - cgroup, guard named @name, rules of addresses; no agent needed */
int exec_guard_make(struct exec_guard *own, const struct exec_options *options, const char *name,
		    struct problem *why);

/**
 * exec_guard_tell() - make the agent know the guard, starting an agent if there is none
 *
 * Return: 0 also when an agent runs but does not answer (the guard holds without it).
 */
int exec_guard_tell(struct exec_guard *own, struct problem *why);

/**
 * exec_guard_names() - put the domains of @options in force; after exec_guard_tell(), since it is
 * the agent that resolves them
 *
 * Return: 0; -EPERM there are domains and the agent serves no names.
 */
int exec_guard_names(struct exec_guard *own, const struct exec_options *options,
		     struct problem *why);

/** exec_guard_kill() - kill what lives in it; @killed: how many; logs what it cannot kill */
void exec_guard_kill(struct exec_guard *own, unsigned *killed);

/**
 * exec_guard_clear() - detach and remove, after exec_guard_kill()
 * @ret: counters since the start, read last
 *
 * Return: true when @ret is filled.
 */
bool exec_guard_clear(struct exec_guard *own, struct terok_counts *ret);

#endif
