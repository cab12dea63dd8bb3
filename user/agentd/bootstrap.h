/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap.h - who we are: four files that were put into the container before it started
 *
 * A certificate and its key, the authority that both sides have, and an assertion for one
 * registration. Without each of them there is nobody to be: it is fatal, with one line that says
 * which. What others could have read or exchanged is not believed. Called by: main.c.
 * Owns: the bytes, which are wiped when they go. Threads: none.
 */
#ifndef AGENTD_BOOTSTRAP_H
#define AGENTD_BOOTSTRAP_H

#include <stddef.h>

#include "base/problem.h"

#define BOOTSTRAP_DIR "/run/clawker/bootstrap"
#define BOOTSTRAP_MAX (64 << 10) /* bytes of one file */

struct bootstrap_file {
	char *bytes; /* NUL-terminated */
	size_t n;
};

struct bootstrap {
	struct bootstrap_file cert, key, ca;
	struct bootstrap_file assertion; /* without white space around it */
};

/** bootstrap_read() - all four, from folder @dir; negative errno with @why */
int bootstrap_read(const char *dir, struct bootstrap *ret, struct problem *why);

void bootstrap_done(struct bootstrap *bootstrap);

#endif
