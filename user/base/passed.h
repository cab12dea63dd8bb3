/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passed.h - listening sockets that we were started with, by systemd's protocol (LISTEN_FDS)
 *
 * They are found by where they listen, not by their order: a unit may have any of them, in any
 * order, and the same program makes what it was not given. Called once, before anything else
 * opens or closes descriptors. Owns: those that nobody has taken yet. Threads: none.
 */
#ifndef BASE_PASSED_H
#define BASE_PASSED_H

#include "base/problem.h"

#define PASSED_FIRST 3
#define PASSED_MAX   8

struct passed {
	int fd[PASSED_MAX]; /* -1: taken */
	unsigned n;
};

/**
 * passed_open() - what was passed to this process and no other; the environment forgets it
 *
 * Return: 0, also if there is none; -E2BIG more than PASSED_MAX, -EBADF one is not there, with @why.
 */
int passed_open(struct passed *ret, struct problem *why);

/** passed_last() - the highest descriptor of them; PASSED_FIRST - 1 if there are none */
int passed_last(const struct passed *passed);

/** passed_take() - the unix stream socket that listens at @path, now the caller's; -ENOENT */
int passed_take(struct passed *passed, const char *path);

/** passed_take_port() - the TCP socket that listens at @port, at any address, now the caller's; -ENOENT */
int passed_take_port(struct passed *passed, unsigned port);

/** passed_next() - the next stream socket that listens, wherever that is, now the caller's; -ENOENT */
int passed_next(struct passed *passed);

/** passed_done() - close what nobody took; -EINVAL with @why that names the first of those */
int passed_done(struct passed *passed, struct problem *why);

#endif
