/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - how much a guard can say by asking: the budget of names sent upstream
 *
 * Every question that leaves the host says something: what the container wrote into its name,
 * and which of all that it may ask it asked now. Both are paid, from one budget of CHANNEL_BYTES
 * in any minute:
 *   a new name below a wildcard	its labels there, and one byte
 *   one that was asked for before	one byte
 *   another type than A and AAAA	one byte more, of any name
 *   an exact name			nothing; one byte if it was asked for within a minute,
 *				since answers are kept that long (RESOLVER_TTL_MIN)
 * An exact name is one that the operator wrote, the wildcard's own included. A and AAAA of a
 * name go together and are one question (pending.c), so that which of them says nothing.
 *
 * Why it holds: questions that cost one byte are as many as names are remembered (128 below
 * wildcards) and exact ones, so up to a hundred of these a byte says less than eight bits. What
 * is free is the order of the exact names, each once a minute, among themselves and the others:
 * of N it is log2(e N!) bits, and some more for each one's place: 12 bytes of 15 names, and then
 * the paid ones are good for 51 of their 56. So with an ordinary profile it is 64 at most; the
 * order of 40 exact names alone is 20. What is not counted is when a question comes.
 *
 * What is over it is asked of people instead: an exact rule is free. Alarms: labels that are
 * long or look like data, many new children of one wildcard, questions per second.
 *
 * Called by: the resolver worker, one struct a guard. No allocation but channel_new().
 * Threads: none.
 */
#ifndef TEROK_DNS_CHANNEL_H
#define TEROK_DNS_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "dns/name.h"

#define CHANNEL_BYTES     56   /* of one guard, in any minute */
#define CHANNEL_QUERIES   1000 /* questions a second, cached ones not counted */
#define CHANNEL_LABEL     40   /* bytes: a longer label below a wildcard is an alarm */
#define CHANNEL_ENTROPY   3.8  /* bits a byte, of labels of 20 bytes or more */
#define CHANNEL_CHILDREN  64   /* new children of one wildcard within CHANNEL_WINDOW */
#define CHANNEL_WINDOW_NS (60 * UINT64_C(1000000000))

struct channel;

enum channel_verdict {
	CHANNEL_PASS = 0,
	CHANNEL_BUDGET, /* spent: not sent */
	CHANNEL_FLOOD,  /* questions a second: not sent */
};

/* Of channel_say.alarms: bits. Each is raised once a window. */
enum channel_alarm {
	CHANNEL_ALARM_LENGTH = 1,
	CHANNEL_ALARM_ENTROPY = 2,
	CHANNEL_ALARM_CHILDREN = 4,
	CHANNEL_ALARM_BUDGET = 8,
	CHANNEL_ALARM_FLOOD = 16,
};

struct channel_say {
	enum channel_verdict verdict;
	unsigned alarms;
	unsigned bytes; /* what it cost */
};

struct channel_counts {
	uint64_t sent, bytes, spent, flooded, alarms;
};

int channel_new(uint64_t now_ns, struct channel **ret);
void channel_free(struct channel *channel);
DEFINE_CLEANUP(struct channel, channel_free)

/** channel_limit() - another budget than CHANNEL_BYTES */
void channel_limit(struct channel *channel, uint32_t bytes);

/**
 * channel_ask() - may this go upstream now?
 * @type: of A and AAAA either stands for both; PTR, which the agent answers, is counted as a
 *	  question and costs nothing
 * @zone: the wildcard's zone that allows it; NULL: an exact rule does
 *
 * To be asked once for each question that goes, and for none that joins one on its way.
 */
struct channel_say channel_ask(struct channel *channel, const char *name, uint16_t type,
			       const char *zone, uint64_t now_ns);

/** channel_counts() - since channel_new(); borrowed, always up to date */
const struct channel_counts *channel_counts(const struct channel *channel);

#endif
