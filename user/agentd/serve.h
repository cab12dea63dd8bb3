/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.h - the listener: the control plane and nobody else, over TLS, a Session for each call
 *
 * Whoever connects shows a certificate of our authority, for a client, in the control plane's name;
 * else the handshake fails. Called by: main.c. Owns: the server and its sessions. Threads: none.
 */
#ifndef AGENTD_SERVE_H
#define AGENTD_SERVE_H

#include "bootstrap.h"
#include "session.h"

#define SERVE_PEER "clawker-controlplane"
#define SERVE_PORT ":7700"

struct agentd_serve;

/**
 * agentd_serve_new() - listen
 * @place: what its sessions share; outlives it
 * @listen: HOST:PORT, PORT 0: any
 *
 * Return: 0; -EINVAL what was configured is wrong; another errno: nobody can listen there; with @why.
 */
int agentd_serve_new(const struct agentd_place *place, const char *listen,
		     const struct bootstrap *bootstrap, struct agentd_serve **ret,
		     struct problem *why);

/* Cut at once, with all sessions. NULL: nothing. */
void agentd_serve_free(struct agentd_serve *serve);

#endif
