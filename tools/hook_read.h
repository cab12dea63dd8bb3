/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_read.h - what the OCI hook reads: JSON from its runtime, a bundle's configuration, /proc
 *
 * All of it with an end: a container's annotations and mounts are its owner's to choose.
 * Called by: hook*.c. Threads: none.
 */
#ifndef TEROK_HOOK_READ_H
#define TEROK_HOOK_READ_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/json.h"
#include "base/problem.h"

#define HOOK_READ_MAX                                                                              \
	(8 << 20) /* one container, with all of its annotations and mounts, generously */
#define HOOK_PROC_MAX (64 << 10) /* a command line */

/** hook_read_object() - all of @fd, which is called @name, as a JSON object; -EBADMSG */
int hook_read_object(int fd, const char *name, struct json_object **ret, struct problem *why);

/**
 * hook_read_config() - the configuration in a bundle
 *
 * The runtime says where the configuration is that it obeys; a file that others than its owner
 * could have written is none: -EPERM.
 */
int hook_read_config(const char *bundle, struct json_object **ret, struct problem *why);

/** hook_read_proc() - /proc/PID/NAME as text, and a NUL behind it; its size; negative errno */
ssize_t hook_read_proc(int64_t pid, const char *name, char *ret, size_t size);

/** hook_open_proc() - the same as a stream; NULL and errno */
FILE *hook_open_proc(int64_t pid, const char *name);

/** hook_parent_of() - negative errno */
pid_t hook_parent_of(pid_t pid);

#endif
