/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget.h - so many at once, and so many a second for ever
 *
 * What is spent is earned again by a moment, so nothing ticks, and zero is a budget that is whole.
 * Threads: none.
 */
#ifndef TEROK_BUDGET_H
#define TEROK_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"

#define BUDGET_USERS 64 /* users share them by their numbers, and none with root */

struct budget {
	uint64_t whole_ns; /* CLOCK_BOOTTIME: all that was taken of it is earned again by then */
	uint64_t left_out; /* what it had no room for; the owner's to tell and take back */
};

/** budget_spend() - one of it; false: there is none, and it is counted */
static inline bool budget_spend(struct budget *budget, unsigned at_once, unsigned a_second)
{
	uint64_t now = now_boot_ns(), price = SECOND_NS / a_second;

	if (budget->whole_ns < now)
		budget->whole_ns = now;
	if (budget->whole_ns - now > (at_once - 1) * price) {
		budget->left_out++;
		return false;
	}
	budget->whole_ns += price;
	return true;
}

/** budget_of_user() - root's is nobody else's: users must not use up what root's programs live by */
static inline struct budget *budget_of_user(struct budget budgets[static BUDGET_USERS],
					    uint32_t uid)
{
	return &budgets[uid ? 1 + uid % (BUDGET_USERS - 1) : 0];
}

#endif
