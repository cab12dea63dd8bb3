/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_tell.h - why a container does not start, to everybody who may look for the reason
 *
 * To stderr, which runc hands on; to the system's log; and into the file that podman takes the
 * runtime's own error from: of what a hook of crun's says podman shows nothing, and of many
 * lines it reads none. The runtime has that file open, so it gets another one in its place, and
 * what the runtime says of a hook that failed is said to the old one.
 * Called by: hook.c. Threads: none.
 */
#ifndef TEROK_HOOK_TELL_H
#define TEROK_HOOK_TELL_H

#include <stddef.h>

#include "base/problem.h"

/** hook_tell() - the container @id (NULL: not known) is not started, because of @why */
void hook_tell(const char *id, const struct problem *why);

/**
 * hook_log_of() - which file a runtime with that command line writes its errors to, as JSON
 *
 * Return: into @cmdline; NULL: none.
 */
const char *hook_log_of(const char *cmdline, size_t size);

/** hook_log_replace() - put one line of JSON in the place of @path, if that is ours; negative errno */
int hook_log_replace(const char *path, const char *text);

#endif
