/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_env.h - a container's environment on its way to podman, and not on its command line
 *
 * Called by: sandbox_command.c. Threads: none.
 */
#ifndef TEROK_SANDBOX_ENV_H
#define TEROK_SANDBOX_ENV_H

#include "base/problem.h"
#include "sandbox_words.h"

/**
 * env_carry() - split an environment by the way that each variable takes
 * @env:    "NAME=VALUE", or "NAME": as ours
 * @argv:   gets what podman has to be told: --env-file of @ret_fd, -e NAME
 * @podman: gets the variables that go through podman's own environment
 * @ret_fd: an open file, which podman has to inherit, or -1; the caller's to close
 *
 * Return: 0; -EINVAL with @why, which names the variable and never its value; other errno.
 */
int env_carry(const struct words *env, struct words *argv, struct words *podman, int *ret_fd,
	      struct problem *why);

#endif
