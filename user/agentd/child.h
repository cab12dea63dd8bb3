/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - another program, as another user, with nothing of ours
 *
 * What is between fork and exec: the process group, the descriptors, credentials given up for good,
 * the folder, the environment. What failed there comes back through a pipe that exec closes, so who
 * waits for its end knows whether the program runs. Called by: pipeline.c and init.c, in the loop.
 * Owns nothing. Threads: none (it forks).
 */
#ifndef AGENTD_CHILD_H
#define AGENTD_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child_spec {
	char *const *argv; /* argv[0] is looked up in the PATH of env */
	char *const *env;
	const char *cwd; /* NULL or "": where we are */
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* beside gid */
	unsigned n_groups;
	pid_t group;     /* of processes; 0: one of its own */
	bool foreground; /* it gets the terminal that our standard input is, if it is one */
	int fd[3];       /* become its 0, 1 and 2; -1: it has ours */
	int said;        /* close-on-exec; a struct child_failure is written there */
	uint32_t number; /* of whoever failed */
};

/* What a child writes before it ends with 127; less than PIPE_BUF. */
struct child_failure {
	uint32_t number;
	int32_t step; /* enum child_step */
	int32_t err;  /* errno */
};

/** child_begin() - fork, and exec in the child; its pid, or negative errno */
pid_t child_begin(const struct child_spec *spec);

/** child_failed() - a failure for people: "run 'sh': No such file or directory" */
void child_failed(const struct child_failure *failure, const char *program, char *text,
		  size_t size);

#endif
