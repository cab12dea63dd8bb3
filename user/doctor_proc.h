/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_proc.h - what doctor asks of processes: /proc/PID, and sockets that should answer
 *
 * Owns: nothing. Called by: doctor_*.c. Threads: none.
 */
#ifndef TEROK_DOCTOR_PROC_H
#define TEROK_DOCTOR_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/problem.h"

#define PROC_NAME_LEN 16

/* Of /proc/PID/status. */
struct proc_status {
	char state; /* 'T' stopped, 'Z' dead and not yet taken */
	pid_t ppid;
	uid_t uid; /* effective */
	int no_new_privs, seccomp;
	uint64_t effective, bounding; /* 1 << CAP_* */
};

/** proc_status() - 0; -ESRCH no such process, -EBADMSG */
int proc_status(pid_t pid, struct proc_status *ret);

/** proc_status_parse() - the same of a text */
int proc_status_parse(const char *text, struct proc_status *ret);

/** proc_option() - the value of --NAME VALUE or --NAME=VALUE on its command line; false: none */
bool proc_option(pid_t pid, const char *name, char *ret, size_t size);

/** proc_cmdline() - its command line, words ended by a NUL each; how many bytes, or negative errno */
ssize_t proc_cmdline(pid_t pid, char *ret, size_t size);

/** proc_each() - every process; @fn as usual */
int proc_each(int (*fn)(pid_t pid, void *user), void *user);

struct proc_worker {
	pid_t pid;
	char name[PROC_NAME_LEN]; /* "hub", "resolver", ... */
	struct proc_status status;
};

/** proc_workers() - children of the agent that are its workers; how many, at most @room */
unsigned proc_workers(pid_t agent, struct proc_worker *ret, unsigned room);

/**
 * proc_worker_replace() - end a worker, so that the agent starts another, and wait for that
 * @pid: that one; 0: any of that name
 *
 * Return: 0; -ESRCH there is none; -ETIMEDOUT there is no new one within 2 s.
 */
int proc_worker_replace(pid_t agent, const char *name, pid_t pid, struct problem *why);

/**
 * proc_talk() - send bytes by a connected stream, and read what comes until @end does
 * @end: a byte; -1: until the other end closes, or @size is full
 * @ret: NUL-terminated
 *
 * Return: how much was read; -ETIMEDOUT, -EPIPE the other end closed first, other negative errno.
 */
ssize_t proc_talk(int fd, const void *bytes, size_t n, int end, char *ret, size_t size,
		  unsigned limit_ms);

#endif
