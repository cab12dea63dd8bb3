/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns.h - what is told to the core: a few at a time, and users in turn
 *
 * The core does one thing after the other, and some take it milliseconds. So only a few of what
 * people want are on their way to it; the rest waits here, in rounds in each of which a user has
 * one. Somebody who answers a thousand requests at once delays another's answer by those few,
 * and what is on its way always has room in the socket.
 *
 * Owned by: hub_core.c, one for answers and one for lists. Threads: none.
 */
#ifndef HUB_TURNS_H
#define HUB_TURNS_H

#include <stdint.h>

#include "base/cleanup.h"
#include "terok/core_msg.h"

#define TURNS_MAX     16   /* on their way at once, at most */
#define TURNS_WAITING 1024 /* of one user: as many as can be asked */

/** hub_send_fn - one message to the core; 0 or negative errno */
typedef int (*hub_send_fn)(struct msg_packet *packet, void *user);

struct turns;

/** turns_new() - @max: on their way at once, up to TURNS_MAX */
int turns_new(unsigned max, hub_send_fn send, void *user, struct turns **ret);
void turns_free(struct turns *turns);
DEFINE_CLEANUP(struct turns, turns_free)

/**
 * turns_say() - tell the core, now or when it is @uid's turn
 * @token: that the core's answer will have; not 0
 *
 * Return: 0; -EBUSY too many of that user's wait, -ENOMEM, or what sending it said; then it is
 * forgotten.
 */
int turns_say(struct turns *turns, const struct msg_packet *packet, uint32_t uid, uint64_t token);

/** turns_forget() - nobody wants it any more: if it waits it is not sent */
void turns_forget(struct turns *turns, uint64_t token);

/** turns_over() - the core has answered; a token that is not on its way is passed over */
void turns_over(struct turns *turns, uint64_t token);

#endif
