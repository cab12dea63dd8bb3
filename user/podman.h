/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podman.h - from what a person calls a container to the cgroup that the kernel has it in
 *
 * Who a container is, its monitor (conmon) says on its command line, for root's containers
 * and for every user's, without asking podman and without entering anybody's namespace.
 * Only if no monitor fits is root's podman asked. Both are hints. What is believed is the
 * kernel: the process lives, and a component of its cgroup's path carries the container's
 * id. Without such a component the cgroup is shared with others and is refused.
 *
 * Owns: nothing. Called by: verbs only, never the core: it parses text that users wrote
 * and it waits. Threads: none.
 */
#ifndef TEROK_PODMAN_H
#define TEROK_PODMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/container.h"
#include "cgroup.h"
#include "policy.h"

#define PODMAN_PORTS_MAX 64

struct podman_container {
	char id[CONTAINER_ID_LEN];
	char name[TEROK_NAME_LEN];   /* letters, digits, "_.-" only */
	pid_t pid;                   /* its first process, in our pid namespace */
	uid_t uid;                   /* owner: 0, or the user who runs it rootless */
	char cgroup[TEROK_PATH_LEN]; /* what to guard, below the cgroup2 root */
	int cgroup_fd, netns_fd;
	bool host_network;                          /* it has no network namespace of its own */
	struct publish published[PODMAN_PORTS_MAX]; /* ports of it that podman forwards to */
	unsigned n_published;
};

/**
 * podman_find() - a running container by name, id, or the beginning of its id
 * @text: NAME, ID, its first 12 or more digits; each may follow "USER:" or "UID:" to mean
 *	  that user's. Without it root's containers are looked at before all others'.
 * @ret:  the caller's to podman_container_done(), on 0 only
 *
 * Return: 0; -ENOENT no such container, -ESRCH it does not run, -ENOTUNIQ several users
 * have one, -EREMCHG its cgroup is shared with other processes (the text names
 * --cgroup-parent), or what the kernel says.
 */
int podman_find(const char *text, struct podman_container *ret, struct problem *why);

/**
 * podman_hint() - which running container of the caller's, not root, that is: nothing is verified
 * @ret: .id, .name, .pid and .uid only, and nothing to podman_container_done()
 *
 * Return: 0; -ENOENT none of theirs, -EPERM that is said to be another user's, -ESRCH, -ENOTUNIQ.
 */
int podman_hint(const char *text, struct podman_container *ret, struct problem *why);

/**
 * podman_ask_ports() - fill in .published of a container of root's, by asking podman
 *
 * Another user's podman is not asked: what runs as that user is not believed. Return: 0, also
 * for those (with none); negative errno with @why.
 */
int podman_ask_ports(struct podman_container *container, struct problem *why);

void podman_container_done(struct podman_container *container);

/* For podman.c and its test: text into words, nothing believed. */

/** podman_parse_inspect() - "podman inspect" of one container; @pid 0: not running */
int podman_parse_inspect(const char *json, size_t size, struct podman_container *ret,
			 struct problem *why);

#endif
