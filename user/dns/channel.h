/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - how much a guard can say by asking: the budget of names sent upstream
 *
 * Every name that leaves the host carries what the container put into it. Exact rules carry
 * nothing (the operator wrote the name; which of them is asked, and when, is all that is left);
 * below a wildcard the container writes. So what is counted is what was never sent before: a
 * name that was is in the cache or asked again for nothing new.
 * Budget: bytes of new labels below wildcards, a bucket of CHANNEL_BURST, refilled at
 * CHANNEL_RATE a minute. What is over it is asked of people instead: an exact rule costs nothing. Alarms: labels that are long or look like data, many new children of
 * one wildcard, questions per second.
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

#define CHANNEL_RATE      32   /* bytes a minute of new labels below wildcards, of one guard */
#define CHANNEL_BURST     32   /* bytes saved up: with the rate, 64 in any minute */
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

/** channel_limit() - other limits than the defaults; 0 keeps one */
void channel_limit(struct channel *channel, uint32_t bytes_per_minute, uint32_t burst);

/**
 * channel_ask() - may @name go upstream now?
 * @zone: the wildcard's zone that allows it; NULL: an exact rule does, so that it costs nothing
 *
 * New means not sent within the last few thousand names of this guard; a name that was is free.
 */
struct channel_say channel_ask(struct channel *channel, const char *name, const char *zone,
			       uint64_t now_ns);

/** channel_counts() - since channel_new(); borrowed, always up to date */
const struct channel_counts *channel_counts(const struct channel *channel);

#endif
