/* SPDX-License-Identifier: Apache-2.0 */
/*
 * programs.h - terok-bpfd as people run it: verbs and what they print, an agent
 *
 * The program is the one beside the test's folder; each test has a world of its own, with
 * everything loaded. Every call fails the running test on error.
 */
#ifndef TESTS_PROGRAMS_H
#define TESTS_PROGRAMS_H

#include "support.h"

#define LIMIT_MS 10000 /* for anything that is waited for */

extern char bpfd[512];
extern struct test_world *world;
extern pid_t agent;
extern char said[65536]; /* what the last verb printed, both streams */

/** programs_find() - where the program is; ends the test program if it was not made */
void programs_find(void);

int programs_setup(void **state);
int programs_teardown(void **state);

/** VERB() - run a verb; its exit code */
#define VERB(...) verb((const char *const[]){ bpfd, __VA_ARGS__, NULL })
int verb(const char *const argv[]);

/** assert_works() - the verb exits 0; else shows what it said */
#define assert_works(...)                                                                          \
	do {                                                                                       \
		if (VERB(__VA_ARGS__))                                                             \
			fail_msg("%s", said);                                                      \
	} while (0)

void assert_said(const char *text);

/** assert_mistake() - it said one line with that text in it, and the exit code is @want */
void assert_mistake(int code, int want, const char *text);

/** agent_start() - run an agent and wait until it serves; agent_end() - by a signal */
void agent_start(void);
void agent_start_asking(const char *upstream); /* this name server: ADDR:PORT */
void agent_end(int sig);

/** attach_box() - guard the world's cgroup, called "box" */
void attach_box(void);

#endif
