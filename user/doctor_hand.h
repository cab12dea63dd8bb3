/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_hand.h - the process that looks: one order at a time, and a new hand if it gets stuck
 *
 * Checks ask sockets, disks and processes that may never answer, and stand in containers whose
 * processes somebody may freeze or kill. So they run in a child, and whoever gives the order waits
 * for so long and no longer: the child is killed then, and the next order starts another.
 * Owns: the child and the socket to it; in the child, the open kernel.
 * Called by: verb_doctor.c. Threads: none.
 */
#ifndef TEROK_DOCTOR_HAND_H
#define TEROK_DOCTOR_HAND_H

#include "doctor.h"

enum hand_what {
	HAND_LIST, /* the guards; with text: that guard alone */
	HAND_LOOK, /* run a check */
	HAND_MEND, /* let a check mend what it found */
};

struct hand_order {
	uint32_t what;  /* enum hand_what */
	uint32_t check; /* number, doctor_check() */
	uint32_t guard; /* 0: the host */
	char text[TEROK_PATH_LEN];
};

struct hand {
	pid_t pid; /* 0: none */
	int fd;
	bool blind; /* the kernel's part could not be opened in time: do not try again */
};

#define HAND_NONE ((struct hand){ .fd = -1 })

struct hand_events {
	void (*finding)(const struct finding *finding, void *user);
	void (*guard)(uint32_t id, const char *name, void *user); /* of HAND_LIST */
	void (*waiting)(void *user); /* a quarter of a second went by without an answer; or NULL */
	void *user;
};

/**
 * hand_do() - one order, to its end
 * @limit_ms: how long it may take
 *
 * Return: 0; -ETIMEDOUT, -EPIPE the hand ended; or what became of the order; with @why.
 */
int hand_do(struct hand *hand, const struct hand_order *order, const struct hand_events *events,
	    unsigned limit_ms, struct problem *why);

/** hand_end() - the child, if there is one */
void hand_end(struct hand *hand);

/** doctor_check() - by number from 0, with the name of its table; NULL: there are no more */
const struct check *doctor_check(unsigned number, const char **table);

#endif
