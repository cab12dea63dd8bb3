/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_word.h - is what somebody said of a container that is to be guarded in order?
 *
 * CONTROL_ATTACH is everybody's. Nothing in it is believed of whose the container is (claim.h);
 * here is what may be in it at all, and how much of what all guards share a user may ask for.
 * Called by: enrol.c, deed_attach.c. Threads: any.
 */
#ifndef TEROK_ENROL_WORD_H
#define TEROK_ENROL_WORD_H

#include <stdint.h>

#include "base/problem.h"
#include "terok/control_msg.h"

/* Of one user's guard: the table of rules is everybody's, and all of them have an eighth of it. */
#define ENROL_USER_INFRA 64

/** enrol_want_check() - the same of what is wanted of a guard alone, whatever it is to be of */
int enrol_want_check(const struct control_attach *word, uint32_t uid, struct problem *why);

/** enrol_word_check() - 0; -EPROTO: of another version, -EINVAL, -EPERM: not a user's to say */
int enrol_word_check(const struct control_attach *word, uint32_t uid, struct problem *why);

#endif
