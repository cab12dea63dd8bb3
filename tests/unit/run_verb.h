/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_verb.h - a verb of terok-clearance in a process of its own, its hub played by the test
 *
 * One at a time. What the verb prints, on both of its outputs, and what it reads are pipes.
 */
#ifndef TESTS_UNIT_RUN_VERB_H
#define TESTS_UNIT_RUN_VERB_H

#include <stdbool.h>

#include "fake_hub.h"

extern struct fake_hub verb_hub;
extern char verb_printed[65536]; /* so far */

/* cmocka's */
int verb_setup(void **state);
int verb_teardown(void **state);

/** verb_runs() - @verb with these words, the last one NULL, and --socket; its hub has accepted */
void verb_runs(int (*verb)(int argc, char **argv), ...);

/** verb_hears() - the hub's next call has @text */
void verb_hears(const char *text);

/** verb_types() - a line for the verb to read; NULL: no more come */
void verb_types(const char *line);

/** verb_prints() - wait until it has printed @text; false: it has not, within 10 s or its life */
bool verb_prints(const char *text);

/** verb_ends() - its exit code, when it has ended; everything that it printed is there then */
int verb_ends(void);

#endif
