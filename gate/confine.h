/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - which files the server, and every git that it runs, can reach at all, and which calls
 *
 * git reads what a hostile container sends. Whatever becomes of it, it may read and execute what
 * programs are made of, work in the folder of mirrors, and write nothing else: no shell's start
 * file, no key and no other project of its user's is there for it (Landlock, which every process
 * that is begun has as well). What mirrors lead to outside of their folder, by links or
 * alternates, has to be named.
 *
 * Called by: verb_serve.c. Owns: nothing. Threads: none.
 */
#ifndef GATE_CONFINE_H
#define GATE_CONFINE_H

#include <stdbool.h>

#include "base/cli.h"
#include "base/problem.h"

struct gate_confine {
	const char *base;             /* the folder of mirrors */
	const char *tokens, *audit;   /* files; their folders are kept in order. NULL: none */
	int socket_folder;            /* that we listen in, and clean up at the end; -1: none */
	const struct cli_list *reach; /* folders that mirrors lead to */
};

/**
 * gate_confine() - from now on, for ever
 *
 * Return: 1; 0: this kernel cannot (before Linux 5.19 files cannot be moved between folders then,
 * as git does); negative errno with @why, and the caller does not go on.
 */
int gate_confine(const struct gate_confine *confine, struct problem *why);

/**
 * gate_confine_calls() - the server and every git without what a git never needs of the kernel
 *
 * After all else: no other process is looked into, nothing is mounted, no namespace made, no
 * socket but unix ones, and what the kernel has had its holes in is not there. Return: 0;
 * negative errno with @why, and the caller does not go on.
 */
int gate_confine_calls(struct problem *why);

#endif
