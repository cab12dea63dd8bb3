/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller.h - on whose behalf a verb runs
 *
 * Root's verbs: SUDO_UID is what sudo (or root itself) says: a label for "who said so" and for
 * ownership, never an authorisation. In the agent's child that does a user's deed (deed.h) it is
 * that user, by the kernel's word, and then it is one: for their guards and no others.
 * Called by: verbs, deed.c. Threads: any.
 */
#ifndef TEROK_CALLER_H
#define TEROK_CALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CALLER_ALL 0 /* guards of everybody */

/** caller_uid() - the user behind sudo; 0: root itself, or a SUDO_UID that is no number */
uint32_t caller_uid(void);

/** caller_scope() - whose guards this process may look at and change; CALLER_ALL: everybody's */
uint32_t caller_scope(void);

/** caller_may() - those of that user? */
bool caller_may(uint32_t uid);

/** caller_become() - from now on it is for that user, not 0, and for their guards alone
 * @pid: the process of theirs that asked; 0: none
 */
void caller_become(uint32_t uid, pid_t pid);

/** caller_pid() - the process that asked; this one, if nobody did */
pid_t caller_pid(void);

#endif
