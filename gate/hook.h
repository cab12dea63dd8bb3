/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook.h - what git asks before a push moves refs, and what is done after it
 *
 * Before: each ref is judged by its name (update.h); its commit is found, and whether it is a
 * step forward; then all commits that no ref has yet are looked through, path by path (scan.h),
 * and what stands in new symlinks and .gitmodules is read. New objects are in git's quarantine
 * until all of it is good. Everything has one deadline, and what is not known to be good by
 * then, or fails, is refused. Refusals are told to the pusher, each in one line.
 *
 * Tips that a forced push or a deletion is about to displace are kept in refs/terok/backup/ before it
 * moves anything: who is killed in between has lost nothing. After: the pusher is told of them,
 * and the repository's mark of the last push is written.
 *
 * Called by: verb_hook.c. Threads: none (git is run).
 */
#ifndef GATE_HOOK_H
#define GATE_HOOK_H

#include <stdint.h>

#include "git.h"
#include "policy.h"
#include "push_note.h"
#include "update.h"

#define HOOK_REFUSALS 10 /* lines that a pusher is told; of more, how many */

/* One refusal, as the pusher reads it. */
struct refused {
	enum refusal about;
	char ref[160]; /* which; "": the push as a whole */
	struct problem why;
};

struct hook {
	struct push_note note;
	struct policy policy;
	struct updates updates;
	const char *dir; /* the repository, absolute; borrowed */
	const char *home;
	struct git_env quarantine; /* the variables by which git finds what is new */
	uint64_t until_ns;         /* CLOCK_BOOTTIME */
	bool workflows;            /* what needs a grant has it */

	struct refused refused[HOOK_REFUSALS];
	unsigned n_refused; /* may be more than there is room for */
};

/** hook_refuse() - one refusal more; @update: of this ref; NULL: of the push */
void hook_refuse(struct hook *hook, enum refusal about, const struct update *update,
		 const char *fmt, ...) __attribute__((__format__(__printf__, 4, 5)));

/** hook_may_ask() - is every refusal one that a person could lift, and is it known that these are all? */
bool hook_may_ask(const struct hook *hook);

/**
 * hook_git() - git in the repository, until the deadline
 * @run:   its args, input and take; the rest is put in
 * @known: only with what was there before the push
 *
 * Return: as git_run().
 */
int hook_git(const struct hook *hook, const struct git_run *run, bool known, char **ret,
	     struct problem *why);

/** hook_step() - find out whether a ref that moves steps forward: @update's forced. 0; negative errno with @why */
int hook_step(const struct hook *hook, struct update *update, struct problem *why);

/** hook_failed() - an error of hook_git() as one for the pusher: what was being done, or that the time is over */
int hook_failed(int r, const char *what, struct problem *why);

/** hook_look() - all but what a name alone tells; 0, or negative errno with @why: nothing is known, refuse */
int hook_look(struct hook *hook, struct problem *why);

/** hook_displaces() - is something lost with the ref's old tip? A deletion, or no step forward */
bool hook_displaces(const struct update *update);

/**
 * hook_keep() - a ref for the tip that is about to be displaced, or the one that it has already
 *
 * Its name is backup.h's. Return: 0 with its name, the caller's to free; negative errno with @why.
 */
int hook_keep(const struct hook *hook, const struct update *update, char **ret,
	      struct problem *why);

#endif
