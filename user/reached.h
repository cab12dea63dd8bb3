/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reached.h - where a guard that notes it went: the kernel's table
 *
 * The hooks write an entry for each destination of a TCP connect and each of a packet of another
 * protocol, and for each that they refuse, but for loopback, the guard's own addresses and its
 * infrastructure. A datagram socket that is connected and sends nothing reaches nothing. What
 * had no room is a number.
 *
 * Owns: terok_reached, and terok_guard.notes. Called by: verbs, guard.c. Threads: none.
 */
#ifndef TEROK_REACHED_H
#define TEROK_REACHED_H

#include "base/addr.h"
#include "kernel.h"
#include "profile.h"

struct reached {
	struct dest dest; /* one address, with port and protocol */
	bool allowed;
	struct terok_reached value;
};

/** reached_begin() - from now on @guard notes; -ENOSPC: the table is full, others note too much */
int reached_begin(const struct kernel *kernel, uint32_t guard, struct problem *why);

/**
 * reached_each() - every destination, in no order; not 0 from @fn ends it
 * @missed: how many connects and packets had no room for their destination
 */
int reached_each(const struct kernel *kernel, uint32_t guard,
		 int (*fn)(const struct reached *reached, void *user), void *user,
		 uint64_t *missed);

/** reached_forget() - remove the entries of a guard that is gone; 0 or a negative errno */
int reached_forget(const struct kernel *kernel, uint32_t guard);

/**
 * reached_name() - what the guard had asked for when it got this address; "" if nobody knows
 *
 * Return: @ret. While it notes, its resolver remembers also names that nobody allowed.
 */
const char *reached_name(const struct kernel *kernel, uint32_t guard, const uint8_t addr[static 16],
			 char ret[static PROFILE_DOMAIN_LEN]);

#endif
