/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer.h - who reads our records: the whole agent, or its ring consumer alone
 *
 * Both run as children in the run's "agent" cgroup, which is where
 * their CPU time and memory are read.
 * Owns: the children, ended by *_stop() or with the bench.
 */
#ifndef BENCH_CONSUMER_H
#define BENCH_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ours.h"
#include "terok/clearance.h"

/* --- the ring consumer alone: user/record.c in a loop, nothing after it --- */

struct reader_seen { /* written by the reader, read by the bench */
	uint64_t records, at_ns;
	int32_t ready; /* 1: consuming; negative: an errno */
};

struct reader {
	pid_t pid;
	volatile struct reader_seen *seen;
};

int reader_start(struct reader *reader);
void reader_stop(struct reader *reader);

/* --- the whole agent: terok-bpfd run, with its workers --- */

struct agent {
	pid_t pid;
	const char *upstream; /* its name server; NULL: the host's */
	bool forgets;         /* it keeps no history */
	const char *program;  /* another build, below the build folder; NULL: terok-bpfd */
};

/**
 * agent_start() - returns when the hub takes connections
 * @pinned: to the consumer's CPU, where one that floods has the other to itself; else it
 *	    runs where the scheduler puts it, as it does for people
 */
int agent_start(struct agent *agent, bool pinned);
void agent_stop(struct agent *agent);

/** agent_socket() - path of the hub's socket; static */
const char *agent_socket(void);

/** agent_cpu_us() - CPU time that the "agent" cgroup has used so far, microseconds */
uint64_t agent_cpu_us(void);

/* What the processes of the "agent" cgroup are and do. */
struct agent_state {
	unsigned processes;
	uint64_t rss_kib, pss_kib;
	uint64_t switches; /* times that one of their threads slept and was woken */
};
int agent_state(struct agent_state *ret);

/** agent_drained() - until the ring is empty, @timeout_ns at most; 0 or -ETIMEDOUT */
int agent_drained(const struct ours *ours, uint64_t timeout_ns);

/* --- a hub client that waits --- */

struct asker {
	struct terok_client *client;
	char request_id[96], dest[64];
	bool subscribed, fresh, answered, closed; /* fresh: a request that nobody looked at yet */
	char error[96];
	int64_t lost;
	uint64_t requests;
};

/** asker_open() - connect and subscribe; returns when the subscription stands */
int asker_open(struct asker *asker);
void asker_close(struct asker *asker);

/** asker_wait() - wait for the request about @dest (NULL: any) and keep its id; -ETIMEDOUT */
int asker_wait(struct asker *asker, const char *dest, uint64_t timeout_ns);

/** asker_answer() - answer the kept request, and wait for the reply; -EREMOTEIO if refused */
int asker_answer(struct asker *asker, const char *action, uint64_t timeout_ns);

#endif
