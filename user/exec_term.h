/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_term.h - the person's terminal and CMD's, one relayed to the other, prompts between
 *
 * The person's terminal is in raw mode only while it is ours: not while we are stopped or
 * in the background. Every way out of exec passes term_done() or term_suspend(), which put
 * it back; death by SIGKILL is the one that cannot.
 *
 * Owns: the outer end of the pty, the saved settings, the prompt.
 * Called by: verb_exec.c. Threads: none. Writes to the person's terminal wait for it.
 */
#ifndef TEROK_EXEC_TERM_H
#define TEROK_EXEC_TERM_H

#include <stdbool.h>
#include <termios.h>

#include "base/event.h"
#include "exec_prompt.h"

struct exec_term {
	/* set by the owner */
	void (*answered)(struct exec_term *term, const char *id, enum prompt_key key);

	struct loop *loop;
	int pty; /* outer end; -1: not started */
	bool raw, eof;
	struct termios saved;
	struct source keys, screen;
	struct timer tick;
	struct prompt prompt;
	size_t n_typed, sent; /* typed bytes that CMD's terminal has not taken yet */
	char typed[1024];
};

/** term_possible() - are standard input, output and error all terminals, and the first ours? */
bool term_possible(void);

/** term_open() - make CMD's terminal; @ret_inside is for child_start() */
int term_open(struct exec_term *term, struct loop *loop, int *ret_inside);

/** term_resume() - take the person's terminal, if we are in its foreground */
void term_resume(struct exec_term *term);

/** term_suspend() - give it back as it was */
void term_suspend(struct exec_term *term);

/** term_resized() - SIGWINCH came */
void term_resized(struct exec_term *term);

/** term_ask(), term_withdraw(), term_line() - see exec_prompt.h */
int term_ask(struct exec_term *term, const char *id, const char *text);
void term_withdraw(struct exec_term *term, const char *id);
void term_line(struct exec_term *term, const char *text);

/** term_stop_asking() - CMD has ended: wipe the question that is open, take no more */
void term_stop_asking(struct exec_term *term);

/** term_done() - show what CMD wrote last, restore, close; safe at any time, also twice */
void term_done(struct exec_term *term);

#endif
