/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nflog.h - the path we replace: a reader of nft's log group, as good as C makes it
 *
 * A child process on the consumer's CPU binds group 100 in one namespace and takes prefix,
 * destination, port and protocol out of each packet. What it has seen it says in memory that
 * it shares with the bench; asked to, it also writes each record as a JSON line to a unix
 * socket, as a hub's subscriber would get it.
 * Owns: the child, ended by nflog_stop() or with the bench.
 */
#ifndef BENCH_NFLOG_H
#define BENCH_NFLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define NFLOG_GROUP 100

struct nflog_seen {        /* written by the reader, read by the bench */
	uint64_t records;  /* parsed so far */
	uint64_t at_ns;    /* when the newest was in hand */
	uint32_t addr;     /* its destination, network order */
	uint32_t overruns; /* times that the kernel said it had dropped some */
	int32_t ready;     /* 1: bound; negative: an errno */
};

struct nflog {
	pid_t pid;
	int lines; /* JSON lines come out here; -1 if not asked for */
	volatile struct nflog_seen *seen;
};

/**
 * nflog_start() - a reader in the namespace "reset", "shipped", ...
 * @lines: write a JSON line for each record to nflog->lines
 */
int nflog_start(struct nflog *nflog, const char *netns, bool lines);
void nflog_stop(struct nflog *nflog);

/** nflog_wait() - until @records were parsed, @timeout_ns at most; 0 or -ETIMEDOUT */
int nflog_wait(const struct nflog *nflog, uint64_t records, uint64_t timeout_ns);

#endif
