/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deeds.h - users' deeds (deed.h), done by children of the core
 *
 * The core looks at no deed: it starts this program again, as root, gives it the deed, the user's
 * number as the kernel has it and the caller's own connection, and forgets about it. What the
 * child prints and its exit code go to the caller over that connection; who does not read has
 * only the child waiting, and not for long. A user has DEEDS_UID of them at once.
 *
 * Owns: the children. Called by: core. Threads: none.
 */
#ifndef TEROK_DEEDS_H
#define TEROK_DEEDS_H

#include "base/event.h"
#include "base/problem.h"
#include "control.h"

#define DEEDS_MAX     16
#define DEEDS_UID     2                /* of one user */
#define DEEDS_LATE_NS (60 * SECOND_NS) /* it asks name servers of the host's, and writes files */

struct deeds;

/* What a child is given, in a file. */
struct deeds_task {
	uint32_t uid, pid; /* who asks */
	struct control_deed deed;
};

int deeds_new(struct loop *loop, struct deeds **ret);

/** deeds_free() - end what is being done: whatever it wrote it wrote whole */
void deeds_free(struct deeds *deeds);

/** deeds_room() - may @uid begin another? -EAGAIN with @why: they, or all, have too many */
int deeds_room(const struct deeds *deeds, uint32_t uid, struct problem *why);

/**
 * deeds_begin() - @caller, not root, wants that done; @fd: their connection, the caller's to close
 *
 * Return: 0: they will be answered; negative errno with @why: nobody will.
 */
int deeds_begin(struct deeds *deeds, const struct control_caller *caller,
		const struct control_deed *deed, int fd, struct problem *why);

#endif
