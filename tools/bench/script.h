/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.h - a shell script beside a family's file, that has the programs it compares
 *
 * It is called NAME BUILD FOLDER MORE..., with a folder of the family's own; what it says and is told
 * goes over pipes, a line at a time. It ends what it began when its standard input ends, so it does
 * not outlive who reads it.
 * Called by: the bench_*.c files and ways.c. One thread.
 */
#ifndef BENCH_SCRIPT_H
#define BENCH_SCRIPT_H

#include <stdio.h>
#include <sys/types.h>

#define SCRIPT_NOT_HERE 77 /* exit code: a program that it needs is not installed, and it said so */

struct script {
	pid_t pid; /* 0: it does not run */
	FILE *to, *from;
	char folder[300];
};

/** script_start() - @more: NULL at its end; NULL: nothing. 0 or negative errno */
int script_start(struct script *script, const char *name, const char *const *more);

/** script_end() - its exit code, or -1; 0 for one that does not run */
int script_end(struct script *script);

#endif
