/* SPDX-License-Identifier: Apache-2.0 */
/*
 * synthetic.h - the ranges that synthetic addresses are taken from
 *
 * One of each family, from synthetic-ranges in TEROK_CONFIG (two lines: an IPv4 prefix of 24
 * bits or fewer, an IPv6 prefix of 64), else 198.18.0.0/15 and fd73:796e::/64. Nothing may be
 * routed there.
 * Called by: kernel.c (for the programs), names_learn.c, explain.c. Threads: none.
 */
#ifndef TEROK_SYNTHETIC_H
#define TEROK_SYNTHETIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

struct synthetic_ranges {
	uint32_t v4, v4_mask;         /* host order */
	uint32_t v6_first, v6_second; /* host order: the first 64 bits */
};

/** synthetic_ranges() - as configured, read at first use; static; a bad file is said once */
const struct synthetic_ranges *synthetic_ranges(void);

/** synthetic_is_ours() - is @addr (network order, IPv4 mapped) of one of the ranges? */
bool synthetic_is_ours(const uint8_t addr[static 16]);

/** synthetic_address() - the @index'th of the range of a family; false: it has no so many */
bool synthetic_address(bool v6, uint32_t index, uint8_t ret[static 16]);

#endif
