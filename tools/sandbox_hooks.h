/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_hooks.h - a person's own commands at four moments of a container's life
 *
 * Without a shell if they are a list, by "sh -c" if they are a text. They have our environment and
 * TEROK_HOOK (which of the four), TEROK_CONTAINER, TEROK_CONTAINER_ID (not in pre_start),
 * TEROK_IMAGE and TEROK_TASK_DIR (if there is one), no standard input, and what they write is on
 * our standard error. Who is late is killed with all it started. Threads: none.
 */
#ifndef TEROK_SANDBOX_HOOKS_H
#define TEROK_SANDBOX_HOOKS_H

#include "sandbox_spec.h"

/**
 * hook_run() - run one of them and wait
 * @id: NULL: there is none yet
 *
 * Return: 0, also if there is no such hook; -EIO it failed, -ETIMEDOUT, other errno; with @why.
 */
int hook_run(const struct spec *spec, enum spec_hook hook, const char *id, struct problem *why);

#endif
