/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - one Session of the control plane: commands in, responses out, whatever carries them
 *
 * The rules of the wire contract are here. Each ShellCommand is answered by exactly one Done or
 * Error; Stdin, CloseStdin and Signal are silent unless they fail. Responses wait in one queue with
 * one sender, SESSION_QUEUE long. A peer that is slow to read fills it to SESSION_ROOM, and then
 * programs wait, and so do its own commands: what is beyond is for answers to commands that were
 * under way. If even that is full, chunks are dropped without a word and what ends a command with a
 * warning. When the session ends so does all that it began.
 * Called by: serve.c. Owns: its commands and their pipelines. Threads: none.
 */
#ifndef AGENTD_SESSION_H
#define AGENTD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline.h"

#define SESSION_QUEUE    64         /* responses that wait to be sent */
#define SESSION_ROOM     16         /* ... beyond which no more output is read, and no command */
#define SESSION_COMMANDS 32         /* that live at once */
#define SESSION_ID_MAX   256        /* bytes of a command's id */
#define SESSION_DECODED  (16 << 20) /* bytes that one message may take once it is decoded */

struct agentd_session;
struct init;
struct agentd_registrar;

/* What all sessions share. It outlives them; .init and .registrar may be NULL. */
struct agentd_place {
	struct loop *loop;
	struct pipelines *pipelines;
	struct init *init;
	struct agentd_registrar *registrar;
};

struct agentd_ways {
	/** send() - one encoded Response: 0; -ENOBUFS: agentd_session_drained() comes; else nobody hears us */
	int (*send)(void *user, const void *bytes, size_t n);
	/** hold() - no more commands for now, or again; may be NULL */
	void (*hold)(void *user, bool hold);
};

/**
 * agentd_session_new() - it begins
 * @peer: who it is with, for the audit lines; copied
 */
int agentd_session_new(const struct agentd_place *place, const struct agentd_ways *ways, void *user,
		       const char *peer, struct agentd_session **ret);

/** agentd_session_take() - one encoded Command; 0; -EBADMSG: it is none, and the session should end */
int agentd_session_take(struct agentd_session *session, const uint8_t *bytes, size_t n);

/** agentd_session_drained() - send() takes some again */
void agentd_session_drained(struct agentd_session *session);

/** agentd_session_free() - it has ended: its programs are killed, nothing is sent any more. NULL: nothing */
void agentd_session_free(struct agentd_session *session);

#endif
