/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_prompt.h - questions on the terminal that CMD is writing to at the same time
 *
 * One question is shown at a time, below what CMD wrote; it is wiped before CMD's next
 * output and drawn again after. A question appears only when the person has not typed for
 * PROMPT_QUIET_NS, so that no key meant for CMD answers it; while it is there, the keys
 * a A d D i answer when they come alone, and all other bytes go to CMD as ever.
 *
 * Owns: the queue of questions and where the cursor is. Does no input or output itself:
 * bytes leave through put(), keys and time come as arguments.
 * Called by: exec_term.c. Threads: none.
 */
#ifndef TEROK_EXEC_PROMPT_H
#define TEROK_EXEC_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROMPT_MAX      64 /* questions in line; more are only listed in the summary */
#define PROMPT_ID       64
#define PROMPT_TEXT     448                 /* a name has 253 bytes */
#define PROMPT_QUIET_NS UINT64_C(500000000) /* longer than between two keys of one word */

enum prompt_key {
	PROMPT_KEY_NONE, /* not for us: give the byte to CMD */
	PROMPT_KEY_ALLOW_ONCE,
	PROMPT_KEY_ALLOW_ALWAYS,
	PROMPT_KEY_DENY_ONCE,
	PROMPT_KEY_DENY_ALWAYS,
	PROMPT_KEY_IGNORE,
	PROMPT_KEY_MAX_,
};

struct question {
	char id[PROMPT_ID];
	char text[PROMPT_TEXT]; /* printable ASCII */
};

struct prompt {
	void (*put)(struct prompt *prompt, const char *data, size_t size);
	unsigned columns; /* of the terminal; the owner keeps it right */
	struct question queue[PROMPT_MAX];
	size_t head, n;
	bool shown, mid_line; /* mid_line: the cursor is behind something that CMD wrote */
	unsigned rows;        /* that the shown question takes */
	uint64_t typed_ns;
};

/** prompt_ask() - put a question in line; -EEXIST it is there, -ENOSPC the line is full */
int prompt_ask(struct prompt *prompt, const char *id, const char *text);

/** prompt_withdraw() - take it out again, wherever it is; false: it was not there */
bool prompt_withdraw(struct prompt *prompt, const char *id);

/** prompt_output() - what CMD wrote; prompt_line() - a line of ours, without newline */
void prompt_output(struct prompt *prompt, const char *data, size_t size);
void prompt_line(struct prompt *prompt, const char *text);

/**
 * prompt_typed() - bytes came from the keyboard
 * @id: of the question that was answered, unless PROMPT_KEY_NONE comes back
 */
enum prompt_key prompt_typed(struct prompt *prompt, const char *data, size_t size, uint64_t now_ns,
			     char id[static PROMPT_ID]);

/** prompt_tick() - show what is due; returns when to call again, 0: not before a change */
uint64_t prompt_tick(struct prompt *prompt, uint64_t now_ns);

/** prompt_wipe() - take the shown question off the screen; prompt_tick() shows it again */
void prompt_wipe(struct prompt *prompt);

/** prompt_hide() - take it off the screen and forget all questions */
void prompt_hide(struct prompt *prompt);

#endif
