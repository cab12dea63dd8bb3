/* SPDX-License-Identifier: Apache-2.0 */
/*
 * word.h - a word to the agent of this machine (terok/control_msg.h), and the first of its replies
 *
 * One connection a word; what follows the first reply is not heard. Who says many at once waits
 * with some of them: the agent hears 8 of one user. That the agent is not there, or has no time, is
 * said: who wants to say it again does.
 *
 * Called by: doors.c, and services that ask. Owns: nothing; a word is in the memory of who says
 * it. Threads: none.
 */
#ifndef SERVICE_WORD_H
#define SERVICE_WORD_H

#include <stdbool.h>

#include "base/event.h"
#include "terok/control_msg.h"

#define WORD_BUSY_NS (SECOND_NS / 50) /* for the agent to take it: as long as this can wait */
#define WORD_PATH    108

/* Zero: nothing is said. */
struct word {
	struct source source;
	struct timer late;
	int sock; /* with .source */
	/*
	 * once, and it is over then; it may be said again from within, or be no more
	 * @error: 0 and @reply is it; -ETIMEDOUT; -EPIPE: the agent ended without one
	 * @fd: that came with it, or -1; who takes it leaves -1
	 */
	void (*heard)(struct word *word, int error, const struct control_packet *reply, int *fd);
};

/** word_path() - where the agent's socket is; -ENAMETOOLONG (TEROK_RUN) */
int word_path(char ret[static WORD_PATH]);

/**
 * word_agent_is_known() - has an agent run here since the machine was started?
 *
 * It leaves its lock beside its socket; where that cannot be seen: yes.
 */
bool word_agent_is_known(const char *path);

/**
 * word_say() - @packet has its type and payload
 * @patience_ns: for the reply
 *
 * Return: 0, then heard() comes; -ENOENT: no agent is there; -ETIMEDOUT: it takes no word now;
 * another negative errno.
 */
int word_say(struct loop *loop, struct word *word, const char *path, struct control_packet *packet,
	     uint64_t patience_ns);

/** word_end() - heard() is not called; nothing if nothing is said */
void word_end(struct word *word);

/** word_is_said() - and not heard yet? */
bool word_is_said(const struct word *word);

#endif
