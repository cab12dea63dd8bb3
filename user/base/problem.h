/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problem.h - text for people beside an error code
 *
 * Functions that read what people wrote, or that fail in ways a person must mend, take a
 * struct problem *why (NULL is fine) and fill it with one sentence: what was wrong, where,
 * and how to mend it. One text serves the command line, the log and the varlink error.
 */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

struct problem {
	char text[256]; /* one line, no newline at its end */
};

/** problem() - fill @why (if any) and hand @err, a negative errno, back */
int problem(struct problem *why, int err, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

#endif
