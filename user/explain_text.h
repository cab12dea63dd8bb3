/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_text.h - what the hooks and the resolver would do, as sentences and JSON
 *
 * Called by: verb_explain.c. Threads: none.
 */
#ifndef TEROK_EXPLAIN_TEXT_H
#define TEROK_EXPLAIN_TEXT_H

#include "explain.h"
#include "guard.h"
#include "names_list.h"

/* One run of explain: a guard, and what is known of its names. */
struct explain_view {
	const struct kernel *kernel;
	struct guard guard;
	struct names_list list;
	struct names_shared *shared; /* the caller's to free */
	size_t n_shared, shared_room;
	bool json;
};

/** explain_view_read() - fill list and shared; a guard that is half attached has neither */
int explain_view_read(struct explain_view *view, struct problem *why);
void explain_view_done(struct explain_view *view);

/** explain_address() - print what the hooks would do with one destination, and why */
void explain_address(const struct explain_view *view, const struct dest *dest);

/* What the resolver does with a name. */
enum name_fate {
	NAME_ADDRESSES, /* answered with addresses that its rules open */
	NAME_PASSED,    /* answered as it is: the state lets everything out */
	NAME_UNKNOWN,   /* "no such name", and people are asked */
	NAME_DENIED,    /* "no such name", and nobody is asked */
	NAME_BLOCKED,   /* the same: the state is block */
	NAME_CROWDED,   /* it fails: more rules than an entry holds */
	NAME_FATE_MAX_
};

/** explain_name() - print what the resolver would do with that name, and why; -ENOMEM, -errno */
int explain_name(const struct explain_view *view, const char *name, enum name_fate *ret,
		 struct problem *why);

#endif
