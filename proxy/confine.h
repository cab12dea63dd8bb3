/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - what the process that speaks HTTP gives up before it hears anybody
 *
 * It reads what hostile containers and upstreams send, and has a user's credentials. Whatever
 * becomes of it, it starts no program, has no capability, reaches no file but the store, the routes,
 * its own lines of audit, and what names and certificates are looked up in (Landlock), and makes no
 * call that none of its libraries needs: no keyring, no namespace, no other process (seccomp).
 * A rule is for a folder: where the store's key is a file beside the store, this process could read
 * it, and with it the keys of SSH that it is never given. A key in another place is out of its reach.
 *
 * Called by: verb_serve.c. Owns: nothing. Threads: none yet.
 */
#ifndef PROXY_CONFINE_H
#define PROXY_CONFINE_H

#include "base/problem.h"

struct proxy_confine {
	const char *store, *routes;  /* files; the store's folder is written to */
	const char *audit, *ca_file; /* files; NULL: none */
	const char *locks;           /* a folder */
	const char *local;           /* the folder of the SSH agent's sockets; NULL: none */
	int socket_folder;           /* that we listen in, and clean up at the end; -1: none */
};

/** proxy_confine() - from now on, for ever. 0; negative errno with @why, and the caller does not go on */
int proxy_confine(const struct proxy_confine *confine, struct problem *why);

#endif
