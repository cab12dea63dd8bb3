/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial.h - one container's way to a session, through it, and to the next one
 *
 *   looks -> (waits, or pauses ->) connects -> greets -> (registers ->) inits -> drains
 *     ^________________________________________________________________|
 *
 * The peer's identity is captured and compared with the registry, and told; it never ends a
 * session. Owned and called by: dialer, which frees it when dial_gone() is called. Threads: none.
 */
#ifndef REGISTRY_DIAL_H
#define REGISTRY_DIAL_H

#include "base/addr.h"
#include "dialer.h"
#include "executor.h"
#include "leaf.h"

enum dial_state {
	DIAL_LOOKS,    /* for what the runtime says */
	DIAL_PAUSES,   /* until the next attempt */
	DIAL_WAITS,    /* for its turn, of many who were told by one look */
	DIAL_CONNECTS, /* TCP, TLS, HTTP/2 */
	DIAL_GREETS,   /* for HelloAck */
	DIAL_REGISTERS,
	DIAL_INITS, /* the plan runs */
	DIAL_DRAINS,
};

struct dial {
	struct dial *next, **slot; /* the dialer's */
	struct dialer *dialer;
	const struct dialer_use *use;
	enum dial_state state;
	struct timer timer;    /* the pause, its turn, or how long the state may last */
	uint64_t wanted_ns;    /* CLOCK_BOOTTIME: only a look that was begun since then counts */
	uint64_t cycle_ns;     /* it was begun */
	uint64_t session_ns;   /* HelloAck came */
	uint64_t backoff_ns;   /* of the next pause */
	unsigned attempts;     /* of this cycle */
	unsigned close_failed; /* one after the other */
	unsigned strange;      /* messages of this session that nobody asked for */
	bool again;            /* somebody has asked since the cycle was begun */
	bool told;             /* that it connects, in this cycle */
	bool known;            /* whose session this is has the certificate of its row */
	struct line *line;     /* NULL: none */
	uint8_t addr[16];      /* of this attempt */
	struct executor *executor;
	struct leaf leaf; /* the peer's, of this attempt */
	char why_not[96]; /* its chain was not believed; "": it was */
	char id[AGENT_ID_LEN];
	char agent[AGENT_NAME_LEN], project[AGENT_NAME_LEN]; /* as labels say */
	char address[ADDR_TEXT + sizeof(":65535")];
};

/* What the registry says of who is at the other end; zero is nothing. */
enum dial_row { ROW_NOT_QUERIED, ROW_MATCH, ROW_MISS, ROW_MISMATCH };

/**
 * dial_classify() - by the row of @container
 * @agents: NULL: there is no registry
 *
 * Return: as said; of ROW_NOT_QUERIED and ROW_MISMATCH @why has why, for people.
 */
enum dial_row dial_classify(struct agents *agents, const char *container, const struct leaf *leaf,
			    struct problem *why);

/** dial_begin() - a cycle; the first one of a dial, or another */
void dial_begin(struct dial *dial);

/**
 * dial_seen() - what a look says, to one in DIAL_LOOKS
 * @container: NULL: it does not run
 * @spread_ns: it connects at a random time within that; 0: now
 */
void dial_seen(struct dial *dial, const struct runtime_container *container, uint64_t spread_ns);

/** dial_unknown() - the look has failed, in the words of @why */
void dial_unknown(struct dial *dial, const char *why);

/** dial_done() - cut what it has; nothing is told */
void dial_done(struct dial *dial);

/* dialer.c's */

/** dial_look() - and dial_seen() comes, of a look that is begun from now on */
void dial_look(struct dial *dial);

/** dial_gone() - it is over: free it */
void dial_gone(struct dial *dial);

#endif
