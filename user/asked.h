/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asked.h - what we asked people: the authority for every answer
 *
 * A table of the last ASKED_MAX refused destinations. Within ASKED_QUIET_NS the same
 * guard, name (or address, if it has none), port and protocol are counted, not asked again: all
 * addresses of one name are one question. Of one guard ASKED_OPEN_MAX are open at a time, of all
 * of one user's ASKED_USER_MAX, however many guards they have; what is refused beyond them is
 * held, until one of those is answered and it tries again. An answer carries a question's
 * number; the destination comes from here, never from the answer.
 *
 * Owns: the numbers. They are chosen at random, so that who is asked cannot tell from them how
 * many others are asked, or when; of fifteen digits, which every reader of JSON keeps, so that an
 * answer to a dead agent's question does not meet another question.
 * Called by: core. Threads: none. No allocation after asked_new().
 */
#ifndef TEROK_ASKED_H
#define TEROK_ASKED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "terok/abi.h"

#define ASKED_MAX      1024 /* oldest forgotten; its retry asks again */
#define ASKED_OPEN_MAX 64   /* of one guard: more than a person looks through */
#define ASKED_USER_MAX 256  /* of all guards of one user, root excepted: a part of the table */
#define ASKED_ID_MAX   UINT64_C(999999999999999)
#define ASKED_QUIET_NS (30 * UINT64_C(1000000000))

struct asked {
	uint64_t id;                /* what an answer must name; 0: free slot */
	uint64_t order;             /* rises from one to the next */
	uint64_t told_ns;           /* when people were told last */
	uint64_t last_ns;           /* of the latest refusal */
	uint64_t count;             /* refusals since the first */
	uint64_t answered_ns;       /* when a rule was made of it; older refusals ask nothing */
	bool question;              /* may be answered: the refusal is not one that a rule wanted */
	bool held;                  /* it would be one, but its guard has too many */
	struct terok_record record; /* the latest that people were told of */
	char
	    name[TEROK_DOMAIN_LEN]; /* it was refused by name, and is answered so; "": by address */
	char told[TEROK_DOMAIN_LEN]; /* by address: people were told that it is of this name */
};

struct asked_table;

int asked_new(struct asked_table **ret);
void asked_free(struct asked_table *table);
DEFINE_CLEANUP(struct asked_table, asked_free)

/**
 * asked_note() - a refusal happened
 * @name: that was asked for, NULL: an address was
 * @told: the name of that address as people will be told it, NULL: none; an answer by name is of
 *	  this one, whatever has the address by then
 * @question: may people answer it?
 *
 * Return: the entry to tell people about, or NULL: within the quiet time, only counted.
 * Borrowed until the next call.
 */
const struct asked *asked_note(struct asked_table *table, const struct terok_record *record,
			       const char *name, const char *told, bool question);

/** asked_find() - the open question of that number, NULL: none (any more) */
const struct asked *asked_find(struct asked_table *table, uint64_t id);

/**
 * asked_answered() - the rule is in force: no such question any more
 *
 * Refusals from before that moment may still wait in the ring; they ask nothing. One from
 * after it (the rule has ended, or was taken away) is a new question.
 */
void asked_answered(struct asked_table *table, uint64_t id);

/** asked_forget_guard() - all of a guard: nobody can answer them any more */
void asked_forget_guard(struct asked_table *table, uint32_t guard);

/** asked_last() - the @max last refused of a guard that are remembered, newest first; how many */
unsigned asked_last(const struct asked_table *table, uint32_t guard, const struct asked **ret,
		    unsigned max);

/** asked_on_owner() - @fn says whose a guard is, 0: root's, or nobody knows; without it, all are */
void asked_on_owner(struct asked_table *table, uint32_t (*fn)(uint32_t guard, void *user),
		    void *user);

/** asked_on_expired() - @fn is told of each open question that nobody can answer any more */
void asked_on_expired(struct asked_table *table, void (*fn)(const struct asked *asked, void *user),
		      void *user);

/** asked_each() - every open question, oldest first */
void asked_each(struct asked_table *table, void (*fn)(const struct asked *asked, void *user),
		void *user);

#endif
