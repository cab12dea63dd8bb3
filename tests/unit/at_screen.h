/* SPDX-License-Identifier: Apache-2.0 */
/*
 * at_screen.h - a person at a screen in memory: keys in, what they led to, what is to be seen
 *
 * The session has no hub: what comes is put there by the test, what is answered is noted.
 */
#ifndef TESTS_UNIT_AT_SCREEN_H
#define TESTS_UNIT_AT_SCREEN_H

#include "tools/clearance_ui.h"

extern struct session session;
extern struct ui ui;
extern struct canvas canvas; /* 80 by 24 */
extern char did[4096];       /* what the keys led to */
extern int answer_result;    /* what giving an answer says */

int screen_setup(void **state);
int screen_teardown(void **state);

/** comes() - a request of "web" (guard 1) or "db"; grant_add() - a grant of "web", 0: without end */
struct item *comes(const char *id, int guard, const char *domain, const char *dest);
void grant_add(const char *id, const char *dest, uint64_t left_ns);

/** keys() - press them; draw() - let the person see */
void keys(const char *text);
void draw(void);

/** row() - of the screen, as text; row_of() - the first that has @text, drawn anew; -1: none */
const char *row(int y);
int row_of(const char *text);
bool on_screen(const char *text);

/** did_is() - what the keys led to since the last time, then draw() */
void did_is(const char *want);

/** cursor() - the marked row; cursor_to() - mark it, and draw() */
struct node *cursor(void);
void cursor_to(const char *id);

#endif
