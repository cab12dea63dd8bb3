/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage.h - where one vector is tried once: a process, a cgroup, a user, a guard or none
 *
 * What is on the stage stays until the world ends, guards too: a socket that outlives its
 * process goes on sending, and must not do so into a later attempt's window.
 */
#ifndef TESTS_ESCAPE_STAGE_H
#define TESTS_ESCAPE_STAGE_H

#include "capture.h"
#include "kernel/support.h"

#define STAGE_CANNOT 1000 /* instead of an errno: the means are not here */
#define STAGE_DIED   1001 /* the attempt was killed, by its own alarm or worse */

#define ALLOWED4     "198.19.0.1"
#define ALLOWED6     "2001:db8:a::1"
#define NOBODY       65534

enum who {
	WHO_ROOT,  /* all capabilities */
	WHO_USER,  /* an ordinary user, none */
	WHO_BOUND, /* root without the one that the vector needs, as the container start leaves it */
	WHO_MAX_,
};

struct stage {
	struct test_world *world;
	struct capture capture;
	int plain_fd, guarded_fd; /* cgroups: without a guard, and with one */
	struct guard guard;       /* of guarded_fd */
	char setuid[96];          /* a copy of this program that makes everybody root */
	unsigned n;               /* attempts so far: numbers targets and markers */
};

struct outcome {
	int error; /* 0: the calls went through, an errno, STAGE_* */
	char why[96];
	struct seen seen;
	uint64_t refused; /* by how much the guard's counter rose */
};

void stage_open(struct stage *stage, struct test_world *world);
void stage_close(struct stage *stage);

/** stage_try() - one attempt, judged */
struct outcome stage_try(struct stage *stage, const struct vector *vector, int family, enum who who,
			 bool guarded);

/** stage_cgroup() - a new cgroup without a guard; stays until the world ends */
int stage_cgroup(struct stage *stage, const char *name);

/** stage_guard() - guard it, state up, with rules for the allowed addresses */
struct guard stage_guard(struct stage *stage, int cgroup_fd);

/** stage_target() - of attempt number @number */
void stage_target(struct target *ret, unsigned number, int family, const char *text);

/** stage_become() - give up what @who has not got */
void stage_become(enum who who, enum needs needs);

/** stage_end() - in the process of an attempt: report and end */
void stage_end(int error, const char *why) __attribute__((noreturn));

#endif
