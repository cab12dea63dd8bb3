/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.h - whose socket is at the other end of a connection, as the kernel knows it
 *
 * An address is a network's, and whoever shares a container's network has the same. Where the
 * container is in a guard of this machine terok-bpfd finds the very socket (CONTROL_WHOSE), and it
 * must be that guard's: a container that is taken for another is found out. Where neither is in a
 * guard the kernel has nothing to say, and what the runtime says stands, unless guards are required.
 *
 * An agent that is away may come back: it is asked for EVIDENCE_NS. One that has answered, or has
 * run since the machine was started, is known: nobody is let in past it. Only where there never was
 * one its absence means nothing. What agreed is kept for its connection, which is the same socket
 * until it ends, and for nobody else.
 *
 * Owns: questions that wait. Called by: identity. Threads: none.
 */
#ifndef REGISTRY_EVIDENCE_H
#define REGISTRY_EVIDENCE_H

#include <stdint.h>

#include "agent_name.h"
#include "service/word.h"

#define EVIDENCE_NS     (5 * SECOND_NS)
#define EVIDENCE_ASKING 4 /* at once: the agent hears 8 of one user */

enum evidence_is {
	EVIDENCE_ERROR,     /* it could not be found out: zero lets nobody in */
	EVIDENCE_GONE,      /* the container has no such connection, or has it no more */
	EVIDENCE_OTHER,     /* somebody else's */
	EVIDENCE_UNGUARDED, /* nothing is known, and has to be */
	EVIDENCE_NOTHING,   /* nothing is known */
	EVIDENCE_AGREES,
};

struct evidence;

/* A question, in the memory of who asks. */
struct evidence_ask {
	/* from here on who asks fills in; until done() */
	int fd;                /* our end, borrowed */
	const uint8_t *addr;   /* the peer's, 16 bytes, IPv4 as ::ffff:a.b.c.d */
	uint16_t port;         /* host byte order */
	const char *container; /* that it is taken for: its id */
	/* once, also from within .ask() */
	void (*done)(struct evidence_ask *ask, enum evidence_is is);
	/* from here on it is the module's */
	struct evidence *evidence; /* NULL: it is not asked, or answered */
	struct evidence_ask *next;
	struct word word;
	struct timer late;
	uint64_t cookie;
};

/* An interface, so that tests can have one that lies. */
struct evidence {
	void (*ask)(struct evidence *evidence, struct evidence_ask *ask);
	/* done() is not called; nothing if it was */
	void (*forget)(struct evidence *evidence, struct evidence_ask *ask);
	/* who waits is forgotten */
	void (*free)(struct evidence *evidence);
};

/**
 * evidence_new() - the agent of this machine
 * @required: who is in no guard is EVIDENCE_UNGUARDED, and without an agent nobody is anybody
 */
int evidence_new(struct loop *loop, bool required, struct evidence **ret);

/** evidence_free() - NULL: nothing */
void evidence_free(struct evidence *evidence);

/** evidence_read() - what the agent replied about @container; -EAGAIN: it had no time */
int evidence_read(const struct control_packet *reply, const char *container, bool required,
		  enum evidence_is *ret);

#endif
