/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errand.h - this program again, for one errand: --worker NAME with descriptors 3 and up
 *
 * Unlike a worker (worker.h) it ends when that is done and is not started again. Nothing
 * here waits. Owns: the child, from errand_start() to errand_end(). Called by: core. Threads: none.
 */
#ifndef TEROK_ERRAND_H
#define TEROK_ERRAND_H

#include <sys/types.h>

#define ERRAND_FDS 8

struct errand {
	pid_t pid;  /* 0: none */
	int pid_fd; /* readable when it has ended */
};

/** errand_start() - with copies of @n descriptors as its 3, 4, ...; negative errno */
int errand_start(struct errand *errand, const char *name, const int *fd, unsigned n);

/** errand_kill() - it takes too long */
void errand_kill(const struct errand *errand);

/** errand_end() - it has ended: take it away; its exit status as of waitpid(2) */
int errand_end(struct errand *errand);

#endif
