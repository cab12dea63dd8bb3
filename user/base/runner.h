/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.h - a process of our own that runs programs, for a process that may not any more
 *
 * Who gives up files, calls and powers gives them up for whatever it begins as well. A program that
 * needs them is run by a child that was begun before: it has none of our descriptors and was there
 * before any secret was read. It reads nothing but command lines, and runs those that @may says yes
 * to, in an environment that was there at the beginning. Programs write to pipes that come with the
 * question: no byte of theirs passes through it. It ends with who has its socket, and what it runs
 * ends with it; whoever asks may end one of them at any time.
 *
 * spawn.h's struct spawn has the socket (.by), and is what callers see. Threads: none (it forks).
 */
#ifndef BASE_RUNNER_H
#define BASE_RUNNER_H

#include <stdbool.h>

#include "base/problem.h"

#define RUNNER_LINE_MAX  (1 << 20) /* bytes of a command line: 4,096 ids are 266 KiB */
#define RUNNER_WORDS_MAX 8192
#define RUNNER_MAX       64 /* programs at once */

struct runner_use {
	const char *name;       /* of its process, up to 15 bytes */
	const char *const *env; /* as struct spawn's */
	bool (*may)(const char *const *argv);
};

/**
 * runner_begin() - fork it; standard input, output and error are what we have of them
 *
 * Return: 0 and @ret, a socket: it ends when that is closed, and can be read when it has ended.
 */
int runner_begin(const struct runner_use *use, int *ret, struct problem *why);

/**
 * runner_ask() - run @argv; for spawn.c
 * @out, @err: where it writes, borrowed; @out -1: nowhere
 *
 * Never waits. Return: 0 and @ret: it can be read when the program has ended, and ends it when it is
 * closed; -E2BIG too long; -EPIPE the runner has gone; another errno.
 */
int runner_ask(int runner, const char *const *argv, int out, int err, int *ret);

/** runner_ended() - 0 and how it ended; -EPERM it may not be run, -ENOENT ...; -EAGAIN it lives */
int runner_ended(int fd, int *ret_status);

#endif
