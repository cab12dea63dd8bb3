/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grants_tell.h - grants as the hub asks for them: messages in, messages out
 *
 * Called by: core. Threads: none.
 */
#ifndef TEROK_GRANTS_TELL_H
#define TEROK_GRANTS_TELL_H

#include "grants.h"

/** grants_tell() - hand each that was asked for to @send, then MSG_GRANTED */
void grants_tell(struct grants *grants, const struct msg_grants *wanted,
		 void (*send)(struct msg_packet *packet, void *user), void *user);

/**
 * grants_take_back() - what MSG_REVOKE asks for, in the kernel and on disk
 * @ret: what became of it, for the hub; @granted: what it was
 *
 * Return: as grants_revoke(). On success the caller tells the hub, then calls grants_note_end().
 */
int grants_take_back(struct grants *grants, const struct msg_revoke *revoke,
		     struct granted *granted, struct msg_revoked *ret);

/** grants_note_end() - what a rule that is gone leaves to do: flows, names, the files */
void grants_note_end(const struct kernel *kernel, const struct granted *granted, uint32_t uid);

#endif
