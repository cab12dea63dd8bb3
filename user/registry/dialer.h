/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialer.h - the control plane's sessions: one for each container of an agent that runs
 *
 * A container is dialled until it has gone, for as long as it is given at a time, and again when its
 * session breaks. Each attempt is by what the runtime says then: all who wait are told by one look,
 * that was begun after they asked, so that a container which has just started is never taken for one
 * that does not run. Of many who are told by one look each connects at a time of its own: they did
 * not start together, but we may have, and a hundred handshakes at once make each of them late. Who is dialled already is not dialled twice; but that somebody asked again is
 * kept, and an end that it could have changed is none. Nothing is told of one that was cancelled.
 *
 * Owns: dials (dial.h) and their sessions. Called by: feeder, serve. Threads: none.
 */
#ifndef REGISTRY_DIALER_H
#define REGISTRY_DIALER_H

#include "agents.h"
#include "bus.h"
#include "session_line.h"
#include "plan.h"
#include "runtime.h"

/* The contract's, but for .apart_ns, .hello_ns and .step_grace_ns. */
struct dial_times {
	uint64_t backoff_ns, backoff_max_ns; /* doubled each time; slept is [0, that) */
	uint64_t apart_ns; /* n who are told by one look connect within n - 1 times that */
	uint64_t total_ns; /* of one cycle: from the first look to a session */
	uint64_t hello_ns; /* from a connection's begin to HelloAck */
	uint64_t register_ns;
	uint64_t step_grace_ns; /* 0: the executor's own */
};

#define DIAL_TIMES                                                                                 \
	((struct dial_times){ .backoff_ns = SECOND_NS / 2,                                         \
			      .backoff_max_ns = 10 * SECOND_NS,                                    \
			      .apart_ns = SECOND_NS / 250,                                         \
			      .total_ns = 60 * SECOND_NS,                                          \
			      .hello_ns = 10 * SECOND_NS,                                          \
			      .register_ns = 30 * SECOND_NS })

#define DIAL_CLOSES 5 /* that may fail one after the other: descriptors leak */

struct dialer;

/* All but .plan, .seen, .inside and .random must be; what it names is borrowed. */
struct dialer_use {
	struct loop *loop;
	struct runtime *runtime;
	struct lines *lines;
	struct agents *agents;
	struct bus *bus;
	struct plan *plan; /* NULL: agents start at once */
	/* a container was there, with the certificate that it registered with; may be NULL */
	void (*seen)(void *user, const char *container);
	/*
	 * a socket in that container's network, the caller's, or a negative errno: then each is dialled at
	 * its own loopback, and none at an address, which is not to be reached from here. NULL: at addresses
	 */
	int (*inside)(void *user, const char *container);
	void *user;
	struct dial_times times;
	uint64_t (*random)(void); /* NULL: the kernel's */
};

/** dialer_new() - @use is copied; -EINVAL, logged, if something is missing */
int dialer_new(const struct dialer_use *use, struct dialer **ret);

/** dialer_free() - after the runtime was freed, which may have it; as if all were cancelled */
void dialer_free(struct dialer *dialer);

/** dialer_dial() - a container has started, or may have; 0, -EINVAL (no id), -ENOSPC, -ENOMEM */
int dialer_dial(struct dialer *dialer, const char *container);

/** dialer_cancel() - it has stopped; nothing if it is not dialled */
void dialer_cancel(struct dialer *dialer, const char *container);

/** dialer_plan() - sessions from now on have this one */
void dialer_plan(struct dialer *dialer, struct plan *plan);

/** dialer_count() - containers that are dialled, or have a session */
unsigned dialer_count(const struct dialer *dialer);

#endif
