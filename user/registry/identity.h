/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - who calls: three stages, each of which can say no, before any method of agents
 *
 * 1 the certificate's CN; 2 that it names an agent, then which container is at the peer's address,
 * or has the listener that it came in by (agent_doors.h);
 * 3 that both are the same agent, and that the kernel says so too where it can be asked. The runtime's
 * labels are what is believed, then the certificate, then the request. Whoever is refused hears one
 * text; which stage it was stands in the log, as event=.
 *
 * Owns: nothing of a call. Called by: serve. Threads: none.
 */
#ifndef REGISTRY_IDENTITY_H
#define REGISTRY_IDENTITY_H

#include "evidence.h"
#include "leaf.h"
#include "peers.h"
#include "reply.h"

#define IDENTITY_REFUSED "registration rejected"

struct identity;

/* A connection that is asked about; in the memory of who asks. */
struct identity_ask {
	/* from here on who asks fills in */
	struct leaf leaf;  /* !present: the peer has shown none */
	uint8_t addr[16];  /* the peer's, IPv4 as ::ffff:a.b.c.d */
	uint16_t port;     /* host byte order */
	int fd;            /* our end, borrowed until done(); -1: it has gone */
	uint64_t since_ns; /* CLOCK_BOOTTIME: the connection was there */
	/* whose listener it came in by: it is not looked up by addr. NULL: by addr */
	const char *container;
	/* once, also from within identity_begin(); @who is "" unless @reply is REPLY_OK */
	void (*done)(struct identity_ask *ask, const struct reply *reply,
		     const struct resolved *who);
	/* from here on it is the module's */
	struct identity *identity;
	struct peer_ask peer;
	struct resolved who; /* as the runtime has it, while the kernel is asked */
	struct evidence_ask evidence;
};

/** identity_new() - @peers must be; @evidence may be NULL: the kernel is not asked. -EINVAL, logged */
int identity_new(struct peers *peers, struct evidence *evidence, struct identity **ret);
void identity_free(struct identity *identity);

/** identity_begin() - and done() is called */
void identity_begin(struct identity *identity, struct identity_ask *ask);

/** identity_holds() - is @who still who it was when identity_begin() said so? */
bool identity_holds(const struct identity *identity, const struct resolved *who);

/** identity_forget() - done() is not called; nothing if it was */
void identity_forget(struct identity_ask *ask);

#endif
