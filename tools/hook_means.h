/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_means.h - what of a container's configuration would let it leave by ways no hook sees
 *
 * Hooks of a cgroup see the IPv4 and IPv6 sockets of the processes in it, and their packets.
 * They see no other family (packet, vsock, RDS, Bluetooth ...), nothing that the kernel sends
 * without a socket (tunnels, forwarded packets), and no process that gets out of its cgroup.
 * So a guarded container may not have the means: families by its system call filter, the rest
 * by its capabilities, mounts and namespaces.
 *
 * Two halves. means_mend() takes away, before the runtime sees the configuration, what nobody
 * asked for by name: it is there by default. It refuses nothing. means_check() and
 * means_check_place() believe nothing of that and refuse what is left. In between, all is the
 * runtime's: the configuration is what root wrote and the runtime obeys. The process that is
 * there at createRuntime still has every capability and no filter, so that those cannot be
 * asked of the kernel; its mounts and namespaces are made, and of them the kernel is asked.
 *
 * Owns: nothing. Called by: the hook. Out of memory json-c ends the process, which starts no
 * container. Threads: none.
 */
#ifndef TEROK_HOOK_MEANS_H
#define TEROK_HOOK_MEANS_H

#include <stdio.h>
#include <sys/types.h>

#include "base/problem.h"

struct json_object;

/**
 * means_mend() - change an OCI runtime configuration so that what is there by default is no means
 *
 * The system call filter is narrowed (or made), and CAP_NET_RAW is dropped. Doing it twice changes
 * nothing more. What cannot be read stays as it is, and means_check() refuses it.
 */
void means_mend(struct json_object *config);

/**
 * means_check() - does an OCI runtime configuration give the means?
 *
 * Return: 0: it does not; -EPERM: it does, @why names the first; -EBADMSG: it cannot be read.
 */
int means_check(struct json_object *config, struct problem *why);

/**
 * struct means_place - where a container is while it is being created
 * @mountinfo: its /proc/PID/mountinfo; @status: its /proc/PID/status
 * @root:      of its files, in the mount namespace that @mountinfo is of
 * @cgroup:    what is guarded, as /proc/PID/cgroup shows it here
 * @proc:      the device of the /proc that shows all processes: ours
 */
struct means_place {
	FILE *mountinfo, *status;
	const char *root, *cgroup;
	dev_t proc;
};

/**
 * means_check_place() - do its mounts or its process namespace give the means?
 *
 * For the time between mounts and pivot_root(): createRuntime. Return: as means_check().
 */
int means_check_place(const struct means_place *place, struct problem *why);

/** means_filter_mend() - the part of means_mend() for the system call filter in "linux" */
void means_filter_mend(struct json_object *platform);

/** means_filter_check() - the part of means_check() for it */
int means_filter_check(struct json_object *platform, struct problem *why);

#endif
