/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h - terok-clearance as people run it, beside a hub and a bus of the test's own
 *
 * One at a time. It knows nothing of this machine's session, and dies with the test.
 */
#ifndef TESTS_HUB_PROGRAM_H
#define TESTS_HUB_PROGRAM_H

#include <stdio.h>
#include <sys/types.h>

extern pid_t program;      /* -1: none */
extern FILE *program_said; /* what it says on the stream that was asked for */

/** program_run() - with @stream (1, 2) of it to be read; @bus: its session bus, NULL: none */
void program_run(int stream, const char *bus, const char *const args[]);
#define RUN(stream, bus, ...) program_run(stream, bus, (const char *const[]){ __VA_ARGS__, NULL })

/** program_exits() - its exit code, or 128 + signal; waits */
int program_exits(void);

/** program_last_words() - all that it said since; waits for its end. Static */
const char *program_last_words(void);

/** program_idles() - waits until it has done all that it can do of what was sent to it */
void program_idles(void);

/** program_stop() - for the fixture's end */
void program_stop(void);

#endif
