/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch.h - the command line of terok-signer: made by who begins it, read by it
 *
 * The front begins keepers; one begins a signer, or a keeper, for each end of a socket pair that it is
 * sent, with the first letter of the verb. All end when the front's end of theirs does. Nothing secret is on a command line. Threads: none.
 */
#ifndef SIGNER_LAUNCH_H
#define SIGNER_LAUNCH_H

#include "signer.h"

#define LAUNCH_KEEP "keep"
#define LAUNCH_RUN  "run"

/**
 * launch_exec() - be that program, with @fd as WORDS_FD and nothing else open
 * @verb: LAUNCH_*; a signer ends with its parent as well
 *
 * Called in a child. Returns only if it fails: negative errno.
 */
int launch_exec(const char *program, const char *verb, const struct signer_options *options,
		char *const *env, int fd);

/** launch_read() - a verb's command line. 0; -ECANCELED: --help was said; -EINVAL, said */
int launch_read(int argc, char **argv, struct signer_options *ret);

#endif
