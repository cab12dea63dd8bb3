/* SPDX-License-Identifier: Apache-2.0 */
/*
 * persons.h - users other than root: their folders, their connections, frames by hand
 *
 * Their folders are below the world's own, in place of /run/user.
 * A connection is made by a process that is that user, with nothing of root's left, and handed
 * to the test. Every wait has an end; every call fails the running test on error.
 */
#ifndef TESTS_PERSONS_H
#define TESTS_PERSONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "programs.h"

#define ANNE          4001
#define BERT          4002
#define PERSON_MS     10000 /* for anything that is waited for */
#define PERSON_GUARDS 64
#define PERSON_SOCKET "terok-clearance.sock"

int persons_setup(void **state); /* with programs_setup() */
int persons_teardown(void **state);

/** person_login() - their folder, as a login makes it; person_logout() - it goes */
void person_login(uid_t uid);
void person_logout(uid_t uid);

/** person_folder() - where that is; person_path() - of @place in it */
void person_folder(uid_t uid, char ret[static 128]);
void person_path(uid_t uid, const char *place, char ret[static 192]);

/** person_guard() - a guard of a new, empty cgroup, in state up; its number */
uint32_t person_guard(uid_t uid, const char *name);

/** person_inside() - run @fn in a process in that guard's cgroup; what it returned */
int person_inside(uint32_t guard, int (*fn)(const void *arg), const void *arg);

/** person_await_open() - until the hub listens in their folder */
void person_await_open(uid_t uid);

/** person_as() - run @fn as that user, in a process of its own; what it returned, 0 to 255 */
int person_as(uid_t uid, int (*fn)(void *arg), void *arg);

extern char person_out[1 << 20]; /* what the last one printed, on both */

/** AS() - the program that ships, run by a process that is that user; its exit code */
#define AS(uid, ...) person_run(uid, (const char *const[]){ bpfd, __VA_ARGS__, NULL })
int person_run(uid_t uid, const char *const argv[]);

/** assert_done() - it exits 0; else shows what it printed */
#define assert_done(uid, ...)                                                                      \
	do {                                                                                       \
		if (AS(uid, __VA_ARGS__))                                                          \
			fail_msg("%s", person_out);                                                \
	} while (0)

void assert_out(const char *text);
void assert_not_out(const char *text);

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
