/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers.h - which container is at an address, by what the runtime says of all of them
 *
 * Nobody is told what was seen before they came: an answer is of a look that was begun after the
 * connection was there, so that an address that has changed hands since is not believed. A
 * connection that stays keeps its answer until that container stops or goes: its other end may be in
 * hands that outlive it. All who wait are told by one look. More than one container at an address is
 * nobody.
 *
 * Owns: what was seen last, and which containers have moved since. Called by: identity, sessions. Threads: none.
 */
#ifndef REGISTRY_PEERS_H
#define REGISTRY_PEERS_H

#include "runtime.h"

enum peer_is {
	PEER_NONE,       /* no container of an agent is there: zero identifies nobody */
	PEER_ERROR,      /* it could not be found out */
	PEER_AMBIGUOUS,  /* more than one */
	PEER_UNLABELLED, /* one, and its labels name no agent */
	PEER_FOUND,
};

/* Who that is: what the labels say, and nothing that it said itself. */
struct resolved {
	char container[AGENT_ID_LEN]; /* "" is nobody */
	char project[AGENT_NAME_LEN], agent[AGENT_NAME_LEN];
	uint64_t seen_ns; /* CLOCK_BOOTTIME: by a look that was begun then */
};

/** peer_resolve() - who of @seen has that address; @ret is filled for PEER_FOUND alone */
enum peer_is peer_resolve(const struct runtime_seen *seen, const uint8_t addr[static 16],
			  struct resolved *ret);

/** peer_resolve_id() - the same of one whose id is known: what its labels say, if it runs */
enum peer_is peer_resolve_id(const struct runtime_seen *seen, const char *id, struct resolved *ret);

struct peers;

/* A question, in the memory of who asks. */
struct peer_ask {
	struct peers *peers; /* NULL: it is not asked, or answered */
	struct peer_ask *next;
	uint8_t addr[16];
	const char *container; /* NULL: by addr; else it is known to be this one */
	uint64_t since_ns;     /* CLOCK_BOOTTIME: the connection was there */
	/* once, also from within peers_ask() */
	void (*done)(struct peer_ask *ask, enum peer_is is, const struct resolved *who);
};

/** peers_new() - @runtime is borrowed */
int peers_new(struct runtime *runtime, struct peers **ret);

/** peers_free() - after the runtime was freed, which may have it: nobody waits any more. NULL: nothing */
void peers_free(struct peers *peers);

/** peers_ask() - @ask has its addr, since_ns and done */
void peers_ask(struct peers *peers, struct peer_ask *ask);

/** peers_moved() - @id stopped or went; NULL: any of them may have. What was seen before is void */
void peers_moved(struct peers *peers, const char *id);

/** peers_hold() - is an answer still good, or has that container moved since? */
bool peers_hold(const struct peers *peers, const struct resolved *who);

/** peers_forget() - done() is not called; nothing if it was */
void peers_forget(struct peer_ask *ask);

#endif
