/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ways.h - the ways of a request to one upstream: by our proxy, nginx, HAProxy, and by nobody
 *
 * A script (proxy.sh) has the programs; the upstream is ours (web.h). All of it ends with who began it.
 * Called by: bench_proxy.c, bench_carry.c. One thread.
 */
#ifndef BENCH_WAYS_H
#define BENCH_WAYS_H

#include "web.h"

enum who { OURS, NGINX, HAPROXY, DIRECT, WHOS };
enum log { LOG, QUIET, LOGS }; /* a line of each request in a file, or none */
enum scheme { HTTP, HTTPS, SCHEMES };

struct way {
	struct web_target target;
	const char *who;
	pid_t pid;             /* 0: nobody's */
	struct web_load *load; /* of a visit */
	double cpu[BENCH_ROUNDS_MAX];
	unsigned rounds; /* of cpu[] */
	char name[BENCH_NAME + 16];
};

/** ways_run() - @figures while everything serves, from CPU 1; 0 or negative errno, reported */
int ways_run(int (*figures)(void));

/** way() - the one; without a proxy there is one alone, by http */
struct way *way(enum who who, enum log log, enum scheme scheme);

/** way_cpu_ns() - what its process had of the processor so far */
uint64_t way_cpu_ns(const struct way *way);

/** way_memory() - bytes: its share (Pss) now; the most it had (VmHWM) since way_forget() */
double way_memory(const struct way *way);
double way_most(const struct way *way);
void way_forget(const struct way *way);

/** way_cpu_ratio() - of what @ours and @theirs had in each round */
struct figure way_cpu_ratio(const struct way *ours, const struct way *theirs);

/** ways_configs() - one for each of the first @n of enum who, with their struct way as the user */
void ways_configs(struct config *configs, int n, const char *what, enum log log,
		  enum scheme scheme);

/** ways_cpu() - rows: the processor's time that each way had @of something */
void ways_cpu(const struct config *configs, int n, const char *of);

#endif
