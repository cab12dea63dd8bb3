/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_created.h - a container as its runtime has made it, and before it runs: what is it, may it?
 *
 * Called by: hook.c. Threads: none.
 */
#ifndef TEROK_HOOK_CREATED_H
#define TEROK_HOOK_CREATED_H

#include "base/problem.h"
#include "terok/control_msg.h"

struct json_object;

/**
 * hook_created() - from the OCI state at createRuntime to what is said to the core
 * @folder: where its owner wants to find its id (hook_shield.h), the caller's; -1: nowhere
 *
 * Its configuration and its mounts are looked at as well: whoever could lead around the hooks is
 * refused here (hook_means.h). Return: 0; -EBADMSG: no state of a container, -EREMCHG: it shares its
 * cgroup, -EPERM, -EINVAL; with @why.
 */
int hook_created(struct json_object *state, struct control_attach *word, int *folder,
		 struct problem *why);

#endif
