/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reseal.h - rows sealed again: all of them, or those that lie there in plain text
 *
 * Threads: as the store.
 */
#ifndef STORE_RESEAL_H
#define STORE_RESEAL_H

#include "within.h"

/**
 * reseal() - seal rows with the newest key of @to, within the caller's transaction
 * @from: opens them now; NULL: rows in plain text alone
 * @to:   seals them
 *
 * Return: number of rows; -EBADMSG, -EKEYREJECTED: one cannot be opened.
 */
int reseal(struct store *store, struct ring *from, struct ring *to, struct problem *why);

#endif
