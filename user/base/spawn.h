/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.h - run another program to its end and take what it wrote
 *
 * The program gets an environment of its own, no standard input but a file's, its own process
 * group, and a deadline; what is left of the group when it ends or is late is killed. No shell.
 * spawn_run() is for verbs and workers, never for the core: it waits. spawn_begin() goes on in
 * a loop; spawn_follow() waits as well, and hands over what is written meanwhile. Threads: none (it forks).
 */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/event.h"
#include "base/problem.h"

#define SPAWN_ERR_MAX 513 /* of its standard error we keep so much and a NUL, to show to people */

struct spawn {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in the PATH of env */
	const char *const *env;  /* NULL-terminated "NAME=value"; NULL: none but a safe PATH */
	uint64_t limit_ns;       /* from now */
	size_t output_max;       /* more than this on standard output is an error */
	int by; /* a runner's socket (base/runner.h), which has an environment of its own; 0: we run it */
};

struct spawn_result {
	char *output; /* NUL-terminated; may hold other NULs */
	size_t size;
	int status;                /* 0 to 255, or 128 + signal */
	char error[SPAWN_ERR_MAX]; /* first bytes of standard error, NUL-terminated, raw */
};

/**
 * spawn_run() - run and wait
 *
 * Return: 0 when it ran, whatever its status; -ENOENT or -EACCES when it could not be
 * started, -ETIMEDOUT, -EFBIG. @ret is the caller's to spawn_result_done() on 0 only.
 */
int spawn_run(const struct spawn *spawn, struct spawn_result *ret, struct problem *why);

/**
 * spawn_run_all() - the same of @n at once: all run before any is waited for
 *
 * Return: 0, or what the first of them failed with; @ret are the caller's on 0 only.
 */
int spawn_run_all(const struct spawn *spawn, unsigned n, struct spawn_result *ret,
		  struct problem *why);

/**
 * spawn_bytes_fn - bytes of its standard output (@fd 1) or standard error (2), as they come
 *
 * Return: 0 to go on; 1: that was enough, the program is ended; a negative errno ends it as well.
 */
typedef int (*spawn_bytes_fn)(int fd, const char *bytes, size_t n, void *user);

/* How a program is followed; zero is none of it but bytes. */
struct spawn_watch {
	spawn_bytes_fn bytes; /* has what it writes */
	void *user;
	int input;          /* its standard input, the caller's; 0: there is none */
	bool pass_signals;  /* SIGINT and SIGTERM are for the program; we go on until it ends */
	bool leaves_others; /* when it has ended by itself, what it started goes on */
};

/**
 * spawn_follow() - run and wait, and hand over what it writes as it comes; nothing is kept
 * @spawn: its output_max is of no meaning
 * @ret_status: 0 to 255, or 128 + signal; -1 if it was ended because @watch had enough
 *
 * Return: as spawn_run(), or what bytes() returned if that is negative.
 */
int spawn_follow(const struct spawn *spawn, const struct spawn_watch *watch, int *ret_status,
		 struct problem *why);

struct spawn_child;

/**
 * spawn_fn - what became of it, told once from the loop: @error as spawn_run() returns it
 *
 * @result is valid where @error is 0, until this returns; the child is no more when it is called.
 */
typedef void (*spawn_fn)(const struct spawn_result *result, int error, void *user);

/**
 * spawn_begin() - run and do not wait
 * @spawn: read before this returns, and not after; with an output_max of 0 its standard output is
 *	   nobody's
 *
 * Return: 0, then @done comes; -ENOENT, -EACCES or another errno when it could not be started.
 */
int spawn_begin(struct loop *loop, const struct spawn *spawn, spawn_fn done, void *user,
		struct spawn_child **ret, struct problem *why);

/**
 * spawn_begin_follow() - the same, and what it writes on standard output is handed over as it comes
 * @bytes: ends it by what it returns, and by nothing else; done() is told -ECANCELED of 1
 *
 * @spawn's output_max is for what waits at once; nothing is kept for done().
 */
int spawn_begin_follow(struct loop *loop, const struct spawn *spawn, spawn_bytes_fn bytes,
		       spawn_fn done, void *user, struct spawn_child **ret, struct problem *why);

/** spawn_end() - end it and its group now; done() is not called. NULL: nothing */
void spawn_end(struct spawn_child *child);

void spawn_result_done(struct spawn_result *result);

/**
 * spawn_fork() - the beginning of it alone, for who waits in a way of his own: @spawn's argv and env
 * @in: its standard input; 0: there is none
 * @out, @err: its standard output and error; @out -1: that is nobody's
 *
 * It leads a process group and ends with who began it. Return: 0, @ret the process and its pidfd,
 * the caller's to wait for also where it failed; -ENOENT, -EACCES or another errno, with @why.
 */
int spawn_fork(const struct spawn *spawn, int in, int out, int err, pid_t *ret, int *ret_pidfd,
	       struct problem *why);

/** spawn_reap() - end it now, if it has not ended, and wait; its status as in a spawn_result */
int spawn_reap(pid_t pid);

/** spawn_reset_signals() - default actions and an empty mask, as a program expects them */
void spawn_reset_signals(void);

#endif
