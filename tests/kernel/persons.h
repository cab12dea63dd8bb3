/* SPDX-License-Identifier: Apache-2.0 */
/*
 * persons.h - users other than root: their folders, their connections, frames by hand
 *
 * A connection is made by a process that is that user, with nothing of root's left, and handed
 * to the test. Every wait has an end; every call fails the running test on error.
 */
#ifndef TESTS_PERSONS_H
#define TESTS_PERSONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PERSON_MS 10000 /* for anything that is waited for */

/** person_as() - run @fn as that user, in a process of its own; what it returned, 0 to 255 */
int person_as(uid_t uid, int (*fn)(void *arg), void *arg);

/** person_dial() - a connection that a process of @uid made; negative errno: it could not */
int person_dial(uid_t uid, const char *path);

/** person_say() - a frame; person_hear() - the next one, NULL: the end; static */
void person_say(int fd, const char *frame);
const char *person_hear(int fd);

/** person_call() - one call, one answer; static */
const char *person_call(int fd, const char *frame);

/** person_await() - until @name is in that folder, or is not */
void person_await(const char *folder, const char *name, bool there);

#endif
