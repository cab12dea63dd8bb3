/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ours.h - our side of a comparison: programs, guards and rules, through the agent's library
 *
 * Owns: the loaded programs of the family that runs (pins in the runner's private folder).
 * Every function reports its own failure.
 */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include <netinet/in.h>

#include "guard.h"
#include "kernel.h"

#define OURS_UNLIMITED 1000000000u /* records a second: a budget that nothing spends */
#define OURS_NO_RECORD 1u          /* one record a second: as good as none */

struct ours {
	struct kernel *kernel;
};

int ours_load(struct ours *ours);
void ours_unload(struct ours *ours);

/** ours_guard() - guard a cgroup of place_cgroup(); @rate of records; state up */
int ours_guard(const struct ours *ours, const char *name, int cgroup_fd, unsigned rate,
	       struct guard *ret);
void ours_release(const struct ours *ours, const struct guard *guard);

/** ours_allow() - allow PLACE_PORT of @n destinations, from the @first of place_allowed() on */
int ours_allow(const struct ours *ours, uint32_t guard, unsigned first, unsigned n);

/** ours_stats() - switch the kernel's run-time statistics on; close the result to end them */
int ours_stats(void);

/** ours_stats_print() - time of one run of each program, of those since the last print */
void ours_stats_print(const struct ours *ours, const char *title);

#endif
