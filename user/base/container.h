/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.h - how runtimes call a container: ids, names, monitors, cgroups. Text into words
 *
 * Nothing here is believed and nothing is read: the agent and the OCI hook get the text from
 * /proc, and what it says the agent asks the kernel. Threads: any.
 */
#ifndef BASE_CONTAINER_H
#define BASE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#include "terok/abi.h"

#define CONTAINER_ID_LEN 65 /* 64 hexadecimal digits and NUL */

/** container_is_id() - 64 hexadecimal digits */
bool container_is_id(const char *text);

/** container_is_name() - letters, digits and "_.-", as podman has them */
bool container_is_name(const char *text);

/** container_of_monitor() - conmon's command line; -ENOENT: no container's main monitor */
int container_of_monitor(const char *cmdline, size_t size, char id[static CONTAINER_ID_LEN],
			 char name[static TEROK_NAME_LEN]);

/** container_cgroup() - cut a process's path behind the component that carries @id; -EREMCHG */
int container_cgroup(const char *path, const char *id, char ret[static TEROK_PATH_LEN]);

/**
 * container_cgroup_line() - find and check the "0::" line in the text of /proc/PID/cgroup
 *
 * Return: 0; -ENOTSUP: there is none, -ENOENT: that cgroup was removed, -EXDEV: it is outside of
 * what this cgroup namespace shows, -EBADMSG, -ENAMETOOLONG.
 */
int container_cgroup_line(const char *text, char ret[static TEROK_PATH_LEN]);

#endif
