/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owners.h - the users who have guards, and the sockets where their clients look for the hub
 *
 * A user with a guard and a folder /run/user/UID finds the hub there (owner_worker.c says at
 * which names and why): from the first guard, or from the login if that is later, until the last
 * guard or the agent ends. What is there already and is no dead socket stays: a hub that somebody
 * runs for themselves is not robbed of its place, which is said once.
 *
 *   AWAY     no folder, or nothing could be opened in it       -> OPENING
 *   OPENING  a child binds the sockets that we made            -> OPEN, AWAY
 *   OPEN     the hub serves them                               -> CLOSING, AWAY (a new folder)
 *   CLOSING  a child removes their files                       -> gone, OPENING (a guard again)
 *
 * Nobody is waited for: a user can stop the child, which is theirs, and harms only themselves.
 * Owns: the sockets (a new hub is given them again), the table. Called by: core. Threads: none.
 */
#ifndef TEROK_OWNERS_H
#define TEROK_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"

struct owners;

/** owners_folder() - where all users' folders are; "": this agent has nothing to look for there */
const char *owners_folder(void);

struct owners_events {
	/* they listen: place i of @places, a bit each, at @fd, without gaps; borrowed */
	void (*open)(uint32_t uid, uint32_t places, const int *fd, unsigned n, void *user);
	void (*close)(uint32_t uid, void *user);
	/* a user's folder may have come or gone */
	void (*folders)(void *user);
};

/** owners_new() - 0 or negative errno; without a folder of users it does nothing at all */
int owners_new(struct loop *loop, const struct owners_events *events, void *user,
	       struct owners **ret);

/** owners_free() - remove the files; waits a second for that, and no longer */
void owners_free(struct owners *owners);

/** owners_guard() - that guard is that user's; more than once is harmless */
void owners_guard(struct owners *owners, uint32_t guard, uint32_t uid);

/** owners_gone() - that guard has ended */
void owners_gone(struct owners *owners, uint32_t guard);

/** owners_each() - every guard of that user; costs nothing of what others have */
void owners_each(const struct owners *owners, uint32_t uid, void (*fn)(uint32_t guard, void *user),
		 void *user);

/** owners_settled() - no user's sockets are being opened; a second or five at most */
bool owners_settled(const struct owners *owners);

/** owners_tell() - open() for each that is open: the hub is a new one */
void owners_tell(struct owners *owners);

#endif
