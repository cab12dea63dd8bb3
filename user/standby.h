/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standby.h - an errand's child that is there before its errand
 *
 * A program that starts takes milliseconds, in which a container would wait. So one child is
 * started ahead: it has one end of a SOCK_SEQPACKET pair as its descriptor 3, opens what it will
 * need whoever it is for, and waits for its task. It does one errand and ends with it like any
 * other (errand.h): nobody's errand meets what another's left. Where none waits, one is started
 * when it is taken. It waits as long as errands are likely, and who has none pays for none.
 *
 * Owns: the child that waits. Called by: core (enrol.c). Threads: none.
 */
#ifndef TEROK_STANDBY_H
#define TEROK_STANDBY_H

#include "base/event.h"
#include "errand.h"

#define STANDBY_NS        (SECOND_NS / 20) /* after one was taken: what it is for comes first */
#define STANDBY_REST_NS   (60 * SECOND_NS) /* after that one was last wanted or taken it ends */
#define STANDBY_AGAIN_NS  SECOND_NS /* after one died that did nothing; twice as long each time */
#define STANDBY_AGAIN_MAX 6         /* ... so often */

struct standby {
	struct loop *loop;
	const char *name; /* of the worker; borrowed */
	struct errand child;
	int fd;        /* our end of its pair */
	unsigned died; /* one after the other, as they waited */
	struct source exit;
	struct timer begin, rest;
};

/** standby_init() - none waits yet; @standby must stay put */
void standby_init(struct standby *standby, struct loop *loop, const char *name);

/** standby_want() - one will be taken soon: have it ready. Said again, it is the same one */
void standby_want(struct standby *standby);

/**
 * standby_take() - the one that waits, or a new one; the next comes later
 * @fd: our end of its pair; both are the caller's
 *
 * One that has just died is only found out by telling it its task, which fails with -EPIPE or is never
 * done. Return: 1: it has waited, 0: it is new; negative errno.
 */
int standby_take(struct standby *standby, struct errand *child, int *fd);

/** standby_end() - end the one that waits */
void standby_end(struct standby *standby);

#endif
