/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_say.h - lines on standard output
 *
 * libclearance hands over printable ASCII, whatever a hub says; this is the second lock on that door:
 * nothing else gets out here, whatever comes in.
 * Called by: clearance_plain.c, the verbs. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_SAY_H
#define TOOLS_CLEARANCE_SAY_H

/** say() - a line, printf-like without its newline; cut at 2000 characters */
void say(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));

#endif
