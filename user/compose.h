/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose.h - the profiles of a guard: which they are, and what they say put in force
 *
 * A composition replaces the one before: what it does not name any more is taken away. It
 * never takes the place of what a person said of the same destination.
 *
 * Called by: attach.c. Threads: none.
 */
#ifndef TEROK_COMPOSE_H
#define TEROK_COMPOSE_H

#include "guard.h"
#include "journal.h"
#include "profile.h"

struct composition {
	char names[JOURNAL_PROFILES_LEN]; /* with a colon between; empty: none */
	bool said;                        /* by a person, now */
	struct profile profile;
};

void compose_done(struct composition *composition);

/**
 * compose_read() - the profiles of a guard that is to be
 * @names: with a colon between, "none" for none; NULL: not said
 *
 * Not said, it is what the guard had, else for a container the default. A profile that is
 * not there or has a bad line is an error, but for the default that nobody said: it is a
 * warning then, and nothing is allowed.
 */
int compose_read(const struct guard_spec *spec, const char *names, struct composition *ret,
		 struct problem *why);

/**
 * compose_apply() - put it in force, and keep it; asks the host's resolver for its domains
 * @made: by this process, just now: what it has already its word says
 */
int compose_apply(const struct kernel *kernel, const struct guard *guard,
		  const struct composition *composition, bool made, struct problem *why);

#endif
