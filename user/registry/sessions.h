/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessions.h - what serve needs to have sessions with agents: events, the world, who dials whom
 *
 * Here it is put together; what each part is stands in its own header. Owned by: serve. Called by:
 * serve. Threads: none.
 */
#ifndef REGISTRY_SESSIONS_H
#define REGISTRY_SESSIONS_H

#include "agents.h"
#include "base/event.h"
#include "base/passed.h"
#include "peers.h"
#include "register.h"
#include "runtime.h"
#include "teller.h"

struct sessions;

struct sessions_use {
	struct loop *loop;
	struct runtime *runtime;
	struct agents *agents;
	struct registrar *registrar;
	struct peers *peers;   /* hear that a container stopped or went */
	const char *folder;    /* of certificates */
	const char *plan;      /* a file; NULL: agents start at once */
	struct passed *passed; /* sockets that we were started with; NULL: none */
	const char *socket;    /* of those who watch */
	unsigned port;         /* of peers */
	int by;                /* who runs podman: as runtime_podman_new() has it */
	enum contain_policy contain;
	int (*inside)(void *user, const char *container); /* see dialer.h; NULL: by addresses */
	void *user;
};

/** sessions_new() - what @use names is borrowed; nobody is dialled yet. -errno with @why */
int sessions_new(const struct sessions_use *use, struct sessions **ret, struct problem *why);

/** sessions_begin() - containers are looked for, and dialled; @degraded: "" or why rows are too many */
int sessions_begin(struct sessions *sessions, const char *degraded);

/** sessions_renew() - certificates are read again, for sessions from now on; -errno with @why */
int sessions_renew(struct sessions *sessions, struct problem *why);

/** sessions_replan() - the plan is read again; sessions that there are keep theirs. -errno with @why */
int sessions_replan(struct sessions *sessions, struct problem *why);

/** sessions_free() - after the runtime was freed; the loop must be there. NULL: nothing */
void sessions_free(struct sessions *sessions);

#endif
