/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h - a server in the background that no service manager looks after
 *
 * Threads: none (it forks).
 */
#ifndef SERVICE_DAEMON_H
#define SERVICE_DAEMON_H

#include <stdint.h>
#include <sys/types.h>

#include "base/event.h"
#include "base/problem.h"
#include "service.h"

#define DAEMON_LIMIT_NS (20 * SECOND_NS)

struct daemon_options {
	const char *program; /* absolute */
	const char *const
	    *words;           /* of its command line, NULL behind the last; "serve" is not one */
	const char *pid_file; /* absolute */
	uint64_t limit_ns;    /* for it to serve; 0: DAEMON_LIMIT_NS */
};

/**
 * daemon_start() - begin one, and wait until it serves
 *
 * What it says until then goes to our standard error. Return: 0 and its process; -EALREADY: one
 * lives, or is being started; -EIO, -ETIMEDOUT: it does not serve; with @why.
 */
int daemon_start(const struct service *service, const struct daemon_options *options, pid_t *ret,
		 struct problem *why);

/**
 * daemon_stop() - tell it to end, wait until it has, and take its pid file away
 *
 * It gives transfers that are open some seconds. A pid file of nobody goes too; of a process that
 * is no service's, neither is touched. Return: 1: it has ended; 0: there was none; -EBUSY: it still
 * lives; or another with @why.
 */
int daemon_stop(const char *pid_file, struct problem *why);

#endif
