/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boxes.h - what a runtime leaves at createRuntime, and words that users say of it
 *
 * A box is a process in a cgroup of its own, whose directory somebody owns, in a user namespace
 * that somebody made, or in none. Words are said by processes that are the users they are of;
 * what was answered is in *word.
 */
#ifndef TESTS_BOXES_H
#define TESTS_BOXES_H

#include "persons.h"

#include "control.h"
#include "guard.h"

#define BOXES  4
#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"
#define ID(n)  (DIGITS #n)
#define SUB    200000 /* the first of the users that Anne's namespaces have */

struct box {
	pid_t pid;
	char parent[TEROK_PATH_LEN], cgroup[TEROK_PATH_LEN];
	const char *id;
	uid_t of; /* the process's, and the directory's */
	bool no_userns;
	uid_t parent_of, folder_of; /* 0: as .of */
};

extern struct box boxes[BOXES];
extern unsigned n_boxes;

/* What was answered to a word that another process said. */
struct said_word {
	struct control_ask ask;
	int result;
	uint32_t guard;
	struct problem why;
	unsigned code; /* of a deed */
	char text[512];
};

extern struct said_word *word;

/** box_new() - one that is like that, until boxes_teardown(); BOX(...) for short */
struct box *box_new(const struct box *like);
#define BOX(...) box_new(&(struct box){ __VA_ARGS__ })
void box_end(struct box *box);

/** attach_word() - *word asks for a guard of that box */
void attach_word(const struct box *box);

/** say() - *word, by whoever calls it: for person_as(); 0 */
int say(void *arg);

/** said_by() - *word, by that user; what was answered */
int said_by(uid_t uid);

/** attach_by() - both */
int attach_by(uid_t uid, const struct box *box);

/** guard_now() - of the last word, which must have made one that lives */
struct guard guard_now(void);

/** boxes_setup() - a world with persons and an agent; boxes_teardown() - and none of them */
int boxes_setup(void **state);
int boxes_teardown(void **state);

#endif
