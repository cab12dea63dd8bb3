/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - what the control plane gives up before it hears anybody
 *
 * It reads what agents' containers send, and has the keys by which agents know it. Whatever becomes
 * of it, it starts no program, has no capability, reaches no file but the registry, its certificates,
 * the plan and what names are looked up in (Landlock), and makes no call that none of its libraries
 * needs (seccomp). Its memory goes into no core dump, and nobody of the same user looks into it.
 * Podman, which needs all of that, is run by a process that was begun before (base/runner.h), which
 * runs what podman_line.h has and nothing else.
 * A rule is for a folder: the root's key lies beside the certificates that are read again at SIGHUP,
 * and so is not out of its reach. What it can still do is speak to what unix sockets of its user lead to.
 *
 * Called by: verb_serve.c. Owns: nothing. Threads: none yet.
 */
#ifndef REGISTRY_CONFINE_H
#define REGISTRY_CONFINE_H

#include "base/problem.h"

struct cp_confine {
	const char *pki;                     /* a folder */
	const char *db;                      /* a file; its folder is written to */
	const char *plan, *ca_file, *socket; /* files, whose folders count. NULL: none */
};

/** cp_confine() - from now on, for ever. 0; negative errno with @why, and the caller does not go on */
int cp_confine(const struct cp_confine *confine, struct problem *why);

#endif
