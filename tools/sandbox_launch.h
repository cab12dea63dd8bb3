/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_launch.h - podman's run itself, and what its failure means
 *
 * Called by: sandbox_run.c. Threads: none.
 */
#ifndef TEROK_SANDBOX_LAUNCH_H
#define TEROK_SANDBOX_LAUNCH_H

#include "sandbox_command.h"
#include "sandbox_podman.h"

/**
 * launch_run() - run the command to its end; what podman says on the way is shown at its end
 * @id: gets the container's, PODMAN_ID_LEN bytes
 *
 * SIGINT and SIGTERM are podman's: a pull can be given up. Return: 0; negative errno, said already.
 */
int launch_run(const struct command *command, const struct spec *spec, char *id);

/** launch_check_name() - is its name free? -EEXIST, or what podman could not say; said already */
int launch_check_name(const struct spec *spec);

/** launch_is_gpu() - is this how podman fails when it finds no GPU? */
bool launch_is_gpu(const char *stderr_text);

#endif
