/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.h - containers of other runtimes than podman: from an id or a name to a cgroup
 *
 * No daemon is asked. The id of a container is in the name of its cgroup, which is looked for below
 * the root, as their runtimes make it:
 *
 *   docker       docker-ID.scope, docker/ID
 *   nerdctl      nerdctl-ID.scope, NAMESPACE/ID
 *   kubernetes   cri-containerd-ID.scope, crio-ID.scope, kubepods/.../ID
 *
 * What is below such a cgroup is that container's word, and not looked at. Names are in files that
 * docker and nerdctl keep, root's; they are hints, as podman's monitors are (podman.h). What is
 * believed is the kernel: that cgroup is there, and a process lives in it.
 *
 * Owns: nothing. Called by: verbs only, never the core: it parses text. Threads: none.
 */
#ifndef TEROK_RUNTIME_H
#define TEROK_RUNTIME_H

#include <sys/types.h>

#include "base/cleanup.h"
#include "base/container.h"
#include "base/problem.h"
#include "terok/abi.h"

struct runtime_container {
	char id[CONTAINER_ID_LEN];
	char name[TEROK_NAME_LEN];   /* docker's or nerdctl's; else the first 12 digits */
	char cgroup[TEROK_PATH_LEN]; /* below the cgroup2 root */
	uid_t uid;                   /* whose it is: 0, or who may make cgroups beside it */
	int cgroup_fd, netns_fd;
};

/**
 * runtime_find() - a running container by id, the first 12 digits of one or more, or name
 * @ret: the caller's to runtime_container_done(), on 0 only
 *
 * Root's come before all others, as podman_find() has it. Return: 0; -ENOENT no such container,
 * -ESRCH nothing lives in it, -ENOTUNIQ several fit (the text names two), -EMLINK more cgroups than
 * are looked at.
 */
int runtime_find(const char *text, struct runtime_container *ret, struct problem *why);

void runtime_container_done(struct runtime_container *container);

/* For runtime.c, its test and its fuzz target: text into words, nothing believed. */

/** runtime_parse_cgroup() - the id that a cgroup's own name carries; -ENOENT: none, or a monitor's */
int runtime_parse_cgroup(const char *name, char id[static CONTAINER_ID_LEN]);

/** runtime_parse_docker() - id and name of docker's config.v2.json; -EBADMSG */
int runtime_parse_docker(const char *json, size_t size, char id[static CONTAINER_ID_LEN],
			 char name[static TEROK_NAME_LEN]);

#endif
