/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_summary.h - what CMD tried, and what became of it
 *
 * Owns: the list of refused destinations of one run, fed with the hub's events. A refusal
 * that comes twice (a replay after a reconnection) is counted once.
 * Called by: verb_exec.c. Knows no sockets and no terminal. Threads: none.
 */
#ifndef TEROK_EXEC_SUMMARY_H
#define TEROK_EXEC_SUMMARY_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/addr.h"
#include "terok/abi.h"
#include "terok/clearance.h"

#define TRIED_TEXT  (TEROK_DOMAIN_LEN + 24)
#define SUMMARY_MAX 256 /* destinations listed one by one; what is beyond is only counted */

enum tried_outcome {
	TRIED_REFUSED, /* nobody was asked */
	TRIED_OPEN,    /* asked, not answered */
	TRIED_IGNORED, /* asked, and the person said "ignore" */
	TRIED_ALLOWED,
	TRIED_DENIED,
	TRIED_OUTCOME_MAX_,
};

struct tried {
	char dest[TEROK_DOMAIN_LEN], reason[24], id[64], scope[12];
	bool by_name; /* dest is a name that was asked for, and refused */
	uint16_t port;
	uint8_t proto;
	enum tried_outcome outcome;
	uint64_t count, last; /* last: the count in the newest event of the same id */
};

struct summary {
	size_t n;
	uint64_t beyond;
	struct tried tried[SUMMARY_MAX];
};

/* How it ended. */
struct ending {
	uint32_t guard;
	const char *name;
	int code;        /* exit code handed on */
	int signal;      /* that ended CMD, 0: none */
	unsigned killed; /* processes left behind */
	struct terok_counts counts;
	bool counted; /* counts are known */
};

/** summary_event() - take one event; the destination it is about, NULL: none or list full */
struct tried *summary_event(struct summary *summary, const struct terok_event *event);

/** summary_outcome() - the person answered or ignored request @id here */
void summary_outcome(struct summary *summary, const char *id, enum tried_outcome outcome,
		     const char *scope);

/** summary_refusals() - refusals seen in events */
uint64_t summary_refusals(const struct summary *summary);

/** tried_dest() - "192.0.2.1:443/tcp" or a name, as --allow takes it; returns @buf */
const char *tried_dest(const struct tried *tried, char buf[static TRIED_TEXT]);

/** summary_print() - for people; summary_json() - one line */
void summary_print(const struct summary *summary, const struct ending *ending, FILE *to);
void summary_json(const struct summary *summary, const struct ending *ending, FILE *to);

#endif
