/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standby.h - an errand's child that is there before its errand
 *
 * A program that starts takes milliseconds, in which a container would wait. So one child is
 * started ahead: it has one end of a SOCK_SEQPACKET pair as its descriptor 3, opens what it will
 * need whoever it is for, and waits for its task. It does one errand and ends with it like any
 * other (errand.h): nobody's errand meets what another's left. While many are wanted at once, and
 * after one died as it waited, they are started when they are wanted.
 *
 * Owns: the child that waits. Called by: core (enrol.c). Threads: none.
 */
#ifndef TEROK_STANDBY_H
#define TEROK_STANDBY_H

#include "base/event.h"
#include "errand.h"

#define STANDBY_FIRST_NS  (SECOND_NS / 2)  /* whoever begins has more to do, or ends at once */
#define STANDBY_NS        (SECOND_NS / 20) /* after one was taken: what it is for comes first */
#define STANDBY_AGAIN_NS  SECOND_NS /* after one died that did nothing; twice as long each time */
#define STANDBY_AGAIN_MAX 6         /* ... so often */

struct standby {
	struct loop *loop;
	const char *name; /* of the worker; borrowed */
	struct errand child;
	int fd;        /* our end of its pair */
	unsigned died; /* one after the other, as they waited */
	struct source exit;
	struct timer begin;
};

/** standby_begin() - have one soon, and from then on; @standby must stay put */
void standby_begin(struct standby *standby, struct loop *loop, const char *name);

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
