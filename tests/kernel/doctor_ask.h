/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_ask.h - ask terok-bpfd doctor for one check, and what it should say
 *
 * Every call fails the running test on error. The check is shown content before something is broken.
 */
#ifndef TESTS_DOCTOR_ASK_H
#define TESTS_DOCTOR_ASK_H

#include "programs.h"

#define DOCTOR(check, ...) VERB("doctor", "--only", check, ##__VA_ARGS__)

/* All is ok, and it says @text. */
#define assert_well(check, text)                                                                   \
	do {                                                                                       \
		if (DOCTOR(check))                                                                 \
			fail_msg("%s", said);                                                      \
		assert_said("ok    ");                                                             \
		assert_said(text);                                                                 \
	} while (0)

/* It ends with 1 or 2, and says @text. */
#define assert_ill(check, code, text)                                                              \
	do {                                                                                       \
		if (DOCTOR(check) != (code))                                                       \
			fail_msg("not %d: %s", code, said);                                        \
		assert_said(text);                                                                 \
	} while (0)

/* --fix mends all of it, and says @change before. */
#define assert_mends(check, change)                                                                \
	do {                                                                                       \
		if (DOCTOR(check, "--fix", "--yes"))                                               \
			fail_msg("%s", said);                                                      \
		assert_said(change);                                                               \
		assert_said(" (mended)\n");                                                        \
	} while (0)

void file_write(const char *path, const char *text);

/** cover() - another file at that place, until uncover(): in the test's mount namespace */
void cover(const char *place, const char *text);
void uncover(const char *place);

/** worker_of() - an agent's worker, when it is one: between fork and exec it has no name yet */
pid_t worker_of(const char *name);

/** move_in() - somebody who lives in the box until move_out() */
pid_t move_in(void);
void move_out(pid_t pid);

#endif
