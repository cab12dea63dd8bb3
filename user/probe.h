/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - what this kernel can do, by asking it
 *
 * A probe loads a trivial program or map: a kernel version says nothing about what a distribution
 * backported or switched off. Nothing of it stays. Asked once by check and by doctor.
 * Owns: nothing. Called by: verb_check.c, doctor_kernel.c. Threads: none.
 */
#ifndef TEROK_PROBE_H
#define TEROK_PROBE_H

#include <stdbool.h>

#include "base/problem.h"

struct probe {
	const char *name, *need, *fix;
	/* 0: it is there; -EOPNOTSUPP: it is not, @why, never NULL, may say more; other: cannot tell */
	int (*ask)(const struct probe *probe, struct problem *why);
	int type, value; /* of the kernel, as ask() needs them */
	int hook;        /* enum terok_hook; 0: it is no hook's */
};

/** probe_each() - all of them, in the order in which people should read them */
int probe_each(int (*fn)(const struct probe *probe, void *user), void *user);

/** probe_has_helper() - may programs of that type call it? What the probes of hooks go by */
bool probe_has_helper(int prog_type, unsigned helper);

/** probe_knows_helper() - is that helper among those that programs of that type are probed for? */
bool probe_knows_helper(int prog_type, unsigned helper);

#endif
