/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission.h - the way of a call over gRPC to its method: may it, and who is it
 *
 * Both listeners come this way: the token first (auth.h), then, where agents call, the identity
 * (identity.h). Whoever is refused hears what those say. What was found out stays with the call.
 * A connection is as old as the first call that we have seen on it, so that an agent's later calls
 * are not looked up again; what its certificate says and what its token has proven stay with it too.
 * That the certificate is of today is looked at for each call: TLS did so once, for the first.
 *
 * Owns: what belongs to a call until it ends, and to a connection. Called by: gRPC's servers, methods. Threads: none.
 */
#ifndef REGISTRY_ADMISSION_H
#define REGISTRY_ADMISSION_H

#include "agents.h"
#include "auth.h"
#include "grpc/call.h"
#include "identity.h"
#include "register.h"

#define ADMISSION_NS                                                                               \
	(60 * SECOND_NS) /* for which it is good: a call's message may be long in coming */

struct admission;

/* What is known of a connection: of its first call on, until it ends. */
struct known {
	struct leaf leaf;
	uint64_t since_ns;       /* CLOCK_BOOTTIME: it was there */
	int64_t from_s, until_s; /* its certificate holds, in seconds since 1970 */
	struct auth_proof proof;
};

/* What is known of a call: grpc_call_mine() of it, from admission to its end. */
struct caller {
	struct admission *admission;
	struct grpc_call *call;
	struct known *known; /* of its connection */
	struct resolved who; /* .container "": nobody has asked */
	struct auth_ask auth;
	struct identity_ask identity;
	struct register_ask registering;
	uint64_t admitted_ns; /* CLOCK_BOOTTIME */
	bool said;            /* its message has come */
};

struct admission_use {
	struct loop *loop;
	struct auth *auth;
	struct identity *identity; /* NULL: who calls is no agent */
	const char *container; /* of which all who come are, by the listener; NULL: by address */
	struct agents *agents;
	struct registrar *registrar;
};

/** admission_new() - what @use names is borrowed */
int admission_new(const struct admission_use *use, struct admission **ret);

/** admission_free() - once there are no calls. NULL: nothing */
void admission_free(struct admission *admission);

/** admission_admit() - for struct grpc_server_use; @admission is its user */
void admission_admit(struct grpc_call *call, void *admission);

/** admission_gone() - the same: a connection has ended */
void admission_gone(void *known, void *admission);

/** admission_admitted() - for a method's start(), once: whose call that is; @admission is its user */
struct caller *admission_admitted(void *admission);

/** admission_of() - what it was made with */
const struct admission_use *admission_of(const struct caller *caller);

/** caller_holds() - may it still, or did its message come too late? Who it was then is not known now. */
bool caller_holds(const struct caller *caller);

/** caller_end() - answer, and nothing of it is left */
void caller_end(struct caller *caller, const struct reply *reply);

/** caller_over() - the call has ended by itself: for struct grpc_events */
void caller_over(struct grpc_call *call, enum grpc_code code, const char *text);

/** leaf_of_peer() - what a connection's peer has shown */
void leaf_of_peer(const struct grpc_peer *peer, struct leaf *ret);

#endif
