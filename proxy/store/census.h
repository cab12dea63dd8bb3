/* SPDX-License-Identifier: Apache-2.0 */
/*
 * census.h - how much is in a store, which takes no key
 *
 * Threads: as the store.
 */
#ifndef STORE_CENSUS_H
#define STORE_CENSUS_H

#include "store.h"

struct census {
	int64_t credentials, tokens, ssh_keys;
	int64_t plain; /* secrets that are not sealed */
};

/** census_take() - all of it, as it is now */
int census_take(struct store *store, struct census *ret, struct problem *why);

#endif
