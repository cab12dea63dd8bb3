/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller.h - on whose behalf a verb runs
 *
 * Only root gets here, so SUDO_UID is what sudo (or root itself) says: a label for "who
 * said so" and for ownership, never an authorisation. Called by: verbs. Threads: any.
 */
#ifndef TEROK_CALLER_H
#define TEROK_CALLER_H

#include <stdint.h>

/** caller_uid() - the user behind sudo; 0: root itself, or a SUDO_UID that is no number */
uint32_t caller_uid(void);

#endif
