/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the socket at which the core is told what to do: RUN/control.sock
 *
 * Everybody may connect. A word (terok/control_msg.h) is one fixed-size struct; who says it is the
 * kernel's word. This module knows who may say which word and how many may speak at once; what the
 * words mean the core knows. Nobody who connects can hold it up: a peer is heard once, within
 * CONTROL_SILENT_NS, replies that it does not take are kept for it, CONTROL_PAGE of them and
 * CONTROL_TAKE_NS long, and then it is closed. Files that it sends along are refused by the kernel;
 * one before 6.16 lets them in, and closer.h sees to it that the core never closes one.
 *
 * A running agent is not needed to change a guard: root's verbs change the pinned maps themselves
 * and only say CONTROL_CHANGED, which carries no state: the agent reads the truth from the kernel.
 *
 * Called by: core (serve), verbs (ask). Threads: none.
 */
#ifndef TEROK_CONTROL_H
#define TEROK_CONTROL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/event.h"
#include "base/problem.h"
#include "terok/control_msg.h"

#define CONTROL_PEERS      64              /* who speaks at once ... */
#define CONTROL_PEERS_ROOT 16              /* ... of those, places that are kept for root */
#define CONTROL_PEERS_UID  8               /* ... of one user */
#define CONTROL_SILENT_NS  SECOND_NS       /* for the word of who has connected */
#define CONTROL_TAKE_NS    (5 * SECOND_NS) /* for replies that it has no room for */

struct control;

/* Who said a word. */
struct control_caller {
	uint64_t token; /* what the answer goes to; never 0, never used again */
	uint32_t uid;
	pid_t pid; /* at the time it connected */
	int pidfd; /* that process; -1: this kernel does not say. Only while word() runs */
};

struct control_events {
	/* a word that this caller may say: answer it with control_done(), now or later */
	void (*word)(const struct control_caller *caller, const struct control_packet *word,
		     void *user);
	/* the answer to that word would find nobody any more */
	void (*gone)(uint64_t token, void *user);
};

/** control_serve() - listen */
int control_serve(struct loop *loop, const struct control_events *events, void *user,
		  struct control **ret, struct problem *why);

/** control_free() - stop listening, remove the socket; nobody is told */
void control_free(struct control *control);

/** control_reply() - one struct of what is said to a word; -ENOENT: the caller has gone */
int control_reply(struct control *control, uint64_t token, const struct control_packet *reply);

/** control_hand() - the same, with a descriptor that stays the caller's; it is the first reply */
int control_hand(struct control *control, uint64_t token, const struct control_packet *reply,
		 int fd);

/** control_done() - the last; @why: NULL: no text. -ENOENT: the caller had gone */
int control_done(struct control *control, uint64_t token, int result, uint32_t guard,
		 const struct problem *why);

/**
 * control_take() - the caller's connection, for a process of ours that will answer in our place
 *
 * Its place here is free again; gone() is not called. Return: a descriptor, which blocks;
 * -ENOENT: the caller has gone.
 */
int control_take(struct control *control, uint64_t token);

/** control_path() - where the socket of this runtime folder is; static */
const char *control_path(void);

/* A word, and who hears its replies. */
struct control_ask {
	struct control_packet word; /* .type and payload; the rest is filled in */
	uint64_t patience_ns;       /* 0: 2 s */
	/* each struct before the last; NULL: there should be none */
	void (*reply)(const struct control_packet *reply, void *user);
	void *user;
};

/**
 * control_ask() - say a word to the running agent, and wait for the last of the replies
 * @guard: the guard that it was about; NULL: not asked
 *
 * Return: what the core said, with its text in @why; -ENOENT and no text: no agent runs;
 * -ETIMEDOUT, -EPIPE: it did not answer, or not to the end.
 */
int control_ask(struct control_ask *ask, uint32_t *guard, struct problem *why);

/** control_notify() - CONTROL_CHANGED of a guard, 2 s at most; -ENOENT: no agent */
int control_notify(uint32_t guard);

#endif
