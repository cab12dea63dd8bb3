/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol.h - containers that wait for their guard, from the hook's word to the answer
 *
 * What is said (CONTROL_ATTACH) is looked at, whose the container is the kernel says (claim.h), and
 * a child makes the guard (enrol_worker.h): ENROL_CHILDREN at once, of which a user has a share,
 * each for ENROL_NS. Until the answer the container does not run, and until all of its policy is in
 * force its guard denies all; where that fails there is no guard, and no container.
 *
 *   WAITS    for a free child             -> RUNS, gone
 *   RUNS     a child is at it             -> ENDS; it dies, or is late: refused
 *   ENDS     answered; the child exits    -> gone
 *
 * Who asked and has gone is forgotten: its guard stays, with all of its policy, until its cgroup
 * ends. Owns: the children. Called by: core. Threads: none.
 */
#ifndef TEROK_ENROL_H
#define TEROK_ENROL_H

#include "base/cleanup.h"
#include "control.h"
#include "kernel.h"

#define ENROL_CHILDREN      4 /* at once ... */
#define ENROL_CHILDREN_USER 2 /* ... of those for one user; one more is kept for root */
#define ENROL_NS            (12 * SECOND_NS) /* less than the hook waits */

struct enrol;

struct enrol_events {
	/* a guard stands: the hook is answered when this returns, and the container starts */
	void (*guarded)(uint32_t guard, void *user);
	/* the answer to the word of @token; @guard 0: none */
	void (*answer)(uint64_t token, int result, uint32_t guard, const struct problem *why,
		       void *user);
};

int enrol_new(struct loop *loop, const struct kernel *kernel, const struct enrol_events *events,
	      void *user, struct enrol **ret);

/** enrol_free() - ends every child; nobody is answered */
void enrol_free(struct enrol *enrol);

/** enrol_coming() - somebody creates a container: have a child ready for it; cheap to say often */
void enrol_coming(struct enrol *enrol);

/** enrol_attach() - that caller's container; 0: answer() comes; negative errno with @why */
int enrol_attach(struct enrol *enrol, const struct control_caller *caller,
		 const struct control_attach *word, struct problem *why);

/** enrol_gone() - nobody waits for that answer any more */
void enrol_gone(struct enrol *enrol, uint64_t token);

#endif
