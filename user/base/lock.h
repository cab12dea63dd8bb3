/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - flock(2) with an end to the wait, and who has the lock
 *
 * Owns: nothing. Called by: verbs, never where a loop runs: it waits, and takes SIGALRM and the
 * interval timer of the process meanwhile. Threads: one.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdbool.h>
#include <stddef.h>

/**
 * lock_take() - have the lock of an open file alone, until the file is closed
 * @wait_s: seconds that others are waited for; 0: not at all
 *
 * Return: 0; -EBUSY: somebody has it still; or what flock() says.
 */
int lock_take(int fd, unsigned wait_s);

/**
 * lock_holder() - who has the lock of a file, for people: "process 12, terok-gate"
 *
 * Return: true with @buf; false: nobody, or the kernel does not tell us.
 */
bool lock_holder(int fd, char *buf, size_t size);

#endif
