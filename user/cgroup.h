/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.h - cgroup v2 directories: find, open, name, make, empty and remove them
 *
 * Owns: nothing but the descriptors it hands out. A path is always "below the root": it
 * starts with '/', and is the one that the "0::" line of /proc/PID/cgroup shows. An id is
 * the inode number of the directory, the same number that BPF and statx give.
 * Called by: verbs, core, podman.c, kernel.c. Knows no guards and no containers.
 * Threads: none.
 */
#ifndef TEROK_CGROUP_H
#define TEROK_CGROUP_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/problem.h"
#include "terok/abi.h"

#define CGROUP_ROOT_LEN 128 /* a mount point; the fixed places are far shorter */

/**
 * cgroup_root() - where cgroup2 is mounted
 *
 * /sys/fs/cgroup when that is cgroup2, else a hybrid host's /sys/fs/cgroup/unified, else
 * any other place that shows the whole hierarchy. Return: 0; -ENOTSUP when the host has
 * cgroup v1 only or shows cgroup2 in part only, -ENOENT when no cgroups are mounted; @why
 * says how to mend it.
 */
int cgroup_root(char ret[static CGROUP_ROOT_LEN], struct problem *why);

/** cgroup_root_open() - the root directory itself; a descriptor, the caller's, or as above */
int cgroup_root_open(struct problem *why);

/**
 * cgroup_open() - open a cgroup by what a person typed
 * @text: a path below the root, with or without the leading '/', or one that starts with
 *	  the mount point
 *
 * Return: a directory descriptor (close-on-exec), the caller's; -EINVAL for "..", an empty
 * path or the root (the whole machine), -ELOOP for a symbolic link, -ENOENT, -ENOTDIR for
 * what is no cgroup, or what cgroup_root() says.
 */
int cgroup_open(const char *text, struct problem *why);

/** cgroup_open_id() - open by id; a descriptor; -ENOENT when it is gone or not below our root */
int cgroup_open_id(uint64_t id, struct problem *why);

/** cgroup_id() - the id of an open cgroup; -EINVAL when @fd is no cgroup v2 directory */
int cgroup_id(int fd, uint64_t *ret);

/** cgroup_path() - path below the root of an open cgroup; -ENOENT removed, -ENAMETOOLONG */
int cgroup_path(int fd, char ret[static TEROK_PATH_LEN]);

/** cgroup_path_of_id() - the same by id */
int cgroup_path_of_id(uint64_t id, char ret[static TEROK_PATH_LEN]);

/**
 * cgroup_of_pid() - path below the root of a process's cgroup, as the kernel says
 *
 * Return: 0; -ESRCH no such process, -EXDEV when it is outside what this cgroup namespace
 * shows, -ENOENT when its cgroup was removed under it, -ENOTSUP without a v2 line.
 */
int cgroup_of_pid(pid_t pid, char ret[static TEROK_PATH_LEN], struct problem *why);

/** cgroup_is_within() - is @path that of @folder, or below it? Both as cgroup_path() has them */
bool cgroup_is_within(const char *path, const char *folder);

/** cgroup_holds() - is process @pid in the cgroup @path, or below? Who is gone is not */
bool cgroup_holds(const char *path, pid_t pid);

/** cgroup_create() - make it and missing parents; a descriptor; an existing one is opened */
int cgroup_create(const char *path, struct problem *why);

/**
 * cgroup_kill() - kill all that lives in a cgroup and below, the cgroup itself stays
 * @killed: processes that there were, NULL: not asked
 *
 * Waits for the kernel's word that it is empty, at most 10 s. Return: 0; -EBUSY when it
 * would not empty.
 */
int cgroup_kill(int fd, unsigned *killed);

/**
 * cgroup_remove() - kill what lives in a cgroup and below, and remove all of it
 * @killed: processes that had to be killed, NULL: not asked
 *
 * Return: 0, also when there was none; -EBUSY when it would not empty in 10 s.
 */
int cgroup_remove(const char *path, unsigned *killed, struct problem *why);

/** cgroup_rmdir() - remove one cgroup that is empty and has no children; -EBUSY, -ENOENT */
int cgroup_rmdir(const char *path);

/** cgroup_populated() - 1: processes live in it or below, 0: none; -ENODEV removed */
int cgroup_populated(int fd);

/**
 * cgroup_watch() - a descriptor for poll and epoll: EPOLLPRI when populated changes or when
 * the cgroup is removed. Call cgroup_populated_at() after each to re-arm it.
 */
int cgroup_watch(int fd);

/** cgroup_populated_at() - as cgroup_populated(), on a descriptor of cgroup_watch() */
int cgroup_populated_at(int watch_fd);

/** cgroup_first_pid() - some process in it or below; 0: none */
pid_t cgroup_first_pid(int fd);

/**
 * cgroup_each() - the cgroup and each below it
 * @fn: gets a cgroup's id with pid 0, then with the pid of each of its processes (those of
 *	other pid namespaces are left out); not 0 ends the walk
 *
 * Return: 0, fn's result, or a negative errno.
 */
int cgroup_each(int fd, int (*fn)(uint64_t id, pid_t pid, void *user), void *user);

/** cgroup_each_below() - each cgroup below an open one, children first; @fn gets its directory */
int cgroup_each_below(int fd, int (*fn)(int fd, void *user), void *user);

/** cgroup_join() - move the calling process into it; safe between fork() and exec() */
int cgroup_join(int fd);

#endif
