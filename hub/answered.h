/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answered.h - the last answers that are in force: what whoever answers again is told
 *
 * Owns: the table, ANSWERED_MAX of them, the oldest forgotten. Called by: hub.c. Threads: none.
 */
#ifndef HUB_ANSWERED_H
#define HUB_ANSWERED_H

#include <stdbool.h>
#include <stdint.h>

#include "terok/core_msg.h"

#define ANSWERED_MAX      1024 /* as many as can be open: the race for each of those can be told */
#define ANSWERED_USER_MAX 256  /* of one owner, root excepted: as many as those can have open */

struct answered {
	struct answered *next, *next_own; /* in its bucket, and in that of its owner's */
	char *id;                         /* of the request; NULL: a free place */
	uint32_t owner;                   /* who may see it besides root */
	uint32_t uid;                     /* who answered */
	enum terok_action action;
	enum scope scope;
	uint64_t until_ns;
	char client[TEROK_COMM_LEN]; /* the program that answered; "": not known */
};

struct answered_table;

int answered_new(struct answered_table **ret);
void answered_free(struct answered_table *table);

/**
 * answered_note() - remember one; .id is copied
 *
 * One that was there of the same id is forgotten; else, where an owner has ANSWERED_USER_MAX, the
 * oldest of theirs, so that nobody's answers make another's be forgotten, or can be counted by
 * that; else where there is no place the oldest. Without memory nothing is remembered.
 */
void answered_note(struct answered_table *table, const struct answered *answered);

/** answered_find() - the outcome of that request; NULL: none (any more) */
const struct answered *answered_find(const struct answered_table *table, const char *id);

/** answered_find_own() - the same of one owner's; another's is not even met */
const struct answered *answered_find_own(const struct answered_table *table, const char *id,
					 uint32_t owner);

#endif
