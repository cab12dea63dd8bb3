/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register.h - an agent says that it is there: the checks in their order, one row, a reply
 *
 * What is written is what the runtime's labels say, the thumbprint of the certificate that it came
 * with, and our clock; what the request says is compared and never kept. All that come in one round
 * of the loop are one commit, and a reply is sent once that is durable. The same again, by the same
 * certificate, is answered at once and not written. Who was seen meanwhile is written some seconds later,
 * all of them in one commit: after a start a thousand are seen at once, and none of it is lost but by a crash.
 *
 * Owns: what waits for the commit. Called by: serve. Threads: none.
 */
#ifndef REGISTRY_REGISTER_H
#define REGISTRY_REGISTER_H

#include <stddef.h>

#include "agents.h"
#include "base/event.h"
#include "leaf.h"
#include "peers.h"
#include "reply.h"

#define REGISTER_SEEN_S 10 /* of who calls again last_seen may be so old before it is written */
#define REGISTER_FAILED "register: identity check failed" /* whichever of them it was */

struct registrar;

struct register_ask {
	/* from here on who asks fills in; texts stay until register_begin() returns */
	const char *agent, *project; /* of the request; NULL: there is none */
	const struct resolved *who;  /* .container "" or NULL: nobody has resolved it */
	const struct leaf *leaf;     /* of the connection */
	const struct spent *spent;   /* what its token costs; NULL: nothing */
	/* once, also from within register_begin() */
	void (*done)(struct register_ask *ask, const struct reply *reply);
	/* from here on it is the module's */
	struct registrar *registrar; /* NULL: it does not wait */
	struct register_ask *next;
	struct reply reply; /* once it is committed */
	bool added;
	struct agent row;
};

/** registrar_new() - @agents is borrowed, and this is its one writer */
int registrar_new(struct loop *loop, struct agents *agents, struct registrar **ret);

/** registrar_free() - what waits is committed, and nobody told. NULL: nothing */
void registrar_free(struct registrar *registrar);

/** register_begin() - and done() is called */
void register_begin(struct registrar *registrar, struct register_ask *ask);

/** register_forget() - done() is not called; what it wrote is written. Nothing if it was called */
void register_forget(struct register_ask *ask);

/** registrar_spend() - an assertion is used, with the next commit; as agents_spend() */
int registrar_spend(struct registrar *registrar, const struct spent *spent, struct problem *why);

/** registrar_commit() - what is open, now; those who wait for it are told by the loop, as it went */
int registrar_commit(struct registrar *registrar, struct problem *why);

/** registrar_evict() - the row of @container goes, now; as agents_evict(), registrar_commit() */
int registrar_evict(struct registrar *registrar, const char *container, struct problem *why);

#define REGISTRAR_SEEN_NS  (5 * SECOND_NS) /* until those who were seen are written */
#define REGISTRAR_SEEN_MAX 1024            /* of them; the next one has them written now */

/** registrar_touch() - @container was seen now; after REGISTRAR_SEEN_NS that is in its row */
void registrar_touch(struct registrar *registrar, const char *container);

#endif
