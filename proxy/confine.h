/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - what a process that hears containers gives up before it does: HTTP's, the SSH agent's
 *
 * It reads what hostile containers and upstreams send, and may have a user's credentials. Whatever
 * becomes of it, it starts no program, has no capability, reaches no file but the store, the routes,
 * its own lines of audit, and what names and certificates are looked up in (Landlock), and makes no
 * call that none of its libraries needs: no keyring, no namespace, no other process (seccomp).
 * A rule is for a folder: the store's key, which leads to the keys of SSH that this process is never
 * given, has a folder of its own (proxy/store/keys_place.c); where it lies in one that is needed here,
 * the log says so. What needs it again, as a key that was replaced, is to be begun anew.
 * What it can still do is speak to what its user's unix sockets lead to, and write to the store.
 *
 * Called by: verb_serve.c, verb_ssh_agent.c. Owns: nothing. Threads: none yet.
 */
#ifndef PROXY_CONFINE_H
#define PROXY_CONFINE_H

#include "base/problem.h"

struct proxy_confine {
	const char *store, *routes; /* files; the store's folder is written to. NULL: none */
	const char *key; /* the file of the store's key, which is out of reach; NULL: none */
	const char *audit, *ca_file; /* files; NULL: none */
	const char *locks;           /* a folder; NULL: none */
	const char *local;           /* the folder of the SSH agent's sockets; NULL: none */
	int socket_folder;           /* that we listen in, and clean up at the end; -1: none */
};

/** proxy_confine() - from now on, for ever. 0; negative errno with @why, and the caller does not go on */
int proxy_confine(const struct proxy_confine *confine, struct problem *why);

#endif
