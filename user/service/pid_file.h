/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pid_file.h - which process a pid file means, so that no other is ever told to end
 *
 * A number alone is nobody: processes end, and their numbers are given again. It is a gate's
 * daemon if its command line has --pid-file= with this very path. It is looked at and told by a
 * pidfd that was opened first, so who takes the number in between is not told either; with
 * that its start time says nothing more, which the wall clock could make a lie.
 * Threads: none.
 */
#ifndef SERVICE_PID_FILE_H
#define SERVICE_PID_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/problem.h"

enum pid_state {
	PID_NONE,    /* there is no file */
	PID_DEAD,    /* of nobody who lives */
	PID_FOREIGN, /* of a process that is no daemon of this file, or the file is no pid file */
	PID_OURS,    /* of a daemon that lives */
};

struct pid_process {
	pid_t pid;
	int fd; /* pidfd, where the state is PID_OURS; else -1 */
	char *cmdline;
	size_t size;
};

#define PID_PROCESS_NONE ((struct pid_process){ .fd = -1 })

/**
 * pid_file_read() - who is it?
 * @ret: the caller's to pid_process_done(), whatever is returned
 *
 * Return: an enum pid_state; a negative errno with @why if that cannot be known.
 */
int pid_file_read(const char *path, struct pid_process *ret, struct problem *why);

void pid_process_done(struct pid_process *process);

/** pid_process_option() - the value of an option ("--port") of its command line, borrowed; NULL */
const char *pid_process_option(const struct pid_process *process, const char *name);

/** pid_process_ended() - has it, within @wait_ms? */
bool pid_process_ended(const struct pid_process *process, int wait_ms);

#define _cleanup_pid_ _cleanup_(pid_process_done)

#endif
