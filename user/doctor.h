/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - what is wrong, or will be: a table of checks, each with verdict, detail and fix
 *
 * A check looks and changes nothing. It says what it found with doctor_say(), once or for each
 * thing that it found; a check that says nothing had nothing to look at. What --fix may do about
 * it is the check's mend(): something that is safe to do twice, and that opens nothing.
 * To add one: write it, put it into a table that doctor_hand.c goes through, and into the manual.
 *
 * Checks run in a process of their own (doctor_hand.h), which is killed when one of them takes
 * too long; so they may stand in a container's network for a moment (netns.h), wait, and fail.
 * Called by: doctor_hand.c. Threads: none.
 */
#ifndef TEROK_DOCTOR_H
#define TEROK_DOCTOR_H

#include "guard.h"

#define DOCTOR_TEXT 1024

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL, VERDICT_MAX_ };

struct finding {
	uint32_t verdict;
	char detail[DOCTOR_TEXT], fix[DOCTOR_TEXT];
	char change[256]; /* what --fix does about it; "": nothing */
};

struct doctor {
	const struct kernel *kernel;  /* NULL: nothing is loaded, or not all that should be */
	const struct problem *closed; /* ... and why: NULL: nothing is loaded */
	const struct guard *guard;    /* that is looked at; NULL: the host */
	char change[256];             /* of the next finding */
	unsigned said;                /* findings of this check so far */
	void (*say)(const struct finding *finding, void *user);
	void *user;
};

struct check {
	const char *name;                     /* 9 letters at most: a column */
	void (*host)(struct doctor *doctor);  /* once; NULL: not a check of the host */
	void (*guard)(struct doctor *doctor); /* for each guard; NULL: not a check of guards */
	/* do what the findings' doctor_can() says; with a kernel or without */
	int (*mend)(struct doctor *doctor, struct problem *why);
	bool asks;        /* ... after a person has agreed: somebody may notice */
	unsigned limit_s; /* 0: DOCTOR_LIMIT_S */
};

#define DOCTOR_LIMIT_S 5

/**
 * doctor_say() - one finding
 * @fix: a sentence that says what to do; "": nothing has to be done
 */
void doctor_say(struct doctor *doctor, enum verdict verdict, const char *fix, const char *fmt, ...)
    __attribute__((__format__(__printf__, 4, 5)));

/** doctor_can() - before doctor_say(): what mend() will do about it, as in "detach guard 3" */
void doctor_can(struct doctor *doctor, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/** doctor_kernel - can this kernel do what guarding needs? Where are cgroups and bpffs? */
extern const struct check doctor_kernel[];

/** doctor_pins - what is pinned: all of it, of this build, laid out as here */
extern const struct check doctor_pins[];

/** doctor_guards - what stands on each guarded cgroup, its state, its counters */
extern const struct check doctor_guards[];

/** doctor_agent - the agent, its workers and sockets, and the services beside it */
extern const struct check doctor_agent[];

/** doctor_services - what may run beside the agent: git gate, credential proxy, signer */
extern const struct check doctor_services[];

/** doctor_names - checks about names: who resolves them, and what became of them */
extern const struct check doctor_names[];

/** doctor_host - clock, disk, folders, journals, quotas */
extern const struct check doctor_host[];

/** doctor_podman - podman, what setup installed for it, containers that should be guarded */
extern const struct check doctor_podman[];

/** doctor_container - a guard from inside: its state, who lives in it, what they may do */
extern const struct check doctor_container[];

#endif
