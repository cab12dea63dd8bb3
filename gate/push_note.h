/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_note.h - what a hook is told by the gate that started the push: one variable, one JSON object
 *
 * Written by push.c, read by the hook, both of one build. Nothing in it is what a client sent,
 * and a token's text is not in it. Threads: any.
 */
#ifndef GATE_PUSH_NOTE_H
#define GATE_PUSH_NOTE_H

#include "token.h"

#define PUSH_NOTE "TEROK_GATE_PUSH" /* the variable */

struct push_note {
	char *base;          /* folder of mirrors, absolute */
	char *project;       /* whose repository it is; token->project may be TOKEN_ADMIN */
	char *runtime;       /* folder of the session's sockets, absolute: who is asked */
	struct token *token; /* what it may; its text is "" */
};

/** push_note_text() - "TEROK_GATE_PUSH={...}", the caller's to free; NULL without memory */
char *push_note_text(const char *base, const char *project, const struct token *token);

/**
 * push_note_read() - what stands in the variable, without its name
 *
 * Return: 0 with @ret, the caller's to push_note_done(); -EINVAL, -ENOMEM with @why.
 */
int push_note_read(const char *text, struct push_note *ret, struct problem *why);

void push_note_done(struct push_note *note);

#endif
