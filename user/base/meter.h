/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter.h - how often something may be: so much at once, and each comes back after a while
 *
 * Zero is one that is full. Times are of CLOCK_BOOTTIME. Threads: as whoever has it.
 */
#ifndef BASE_METER_H
#define BASE_METER_H

#include <stdbool.h>
#include <stdint.h>

struct meter {
	uint64_t full_ns; /* when all of it will be there again */
};

/** meter_take() - one of those that come back each @each_ns, @n of which may be had at once */
static inline bool meter_take(struct meter *meter, uint64_t each_ns, uint64_t n, uint64_t now_ns)
{
	uint64_t from = meter->full_ns > now_ns ? meter->full_ns : now_ns;

	if (from + each_ns > now_ns + n * each_ns)
		return false;
	meter->full_ns = from + each_ns;
	return true;
}

/** meter_give() - one that was taken, and was none after all */
static inline void meter_give(struct meter *meter, uint64_t each_ns)
{
	meter->full_ns -= meter->full_ns > each_ns ? each_ns : meter->full_ns;
}

#endif
