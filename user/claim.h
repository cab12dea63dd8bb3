/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.h - somebody says: that process is the first of that container. The kernel says if so
 *
 * The process lives, and a component of its cgroup's path carries the container's id; without one
 * the cgroup is shared with others and is refused. Whose it is: a user's process is in a user
 * namespace that this user made, below ours, and in a cgroup directory that is this user's; so
 * nobody claims what is root's or another user's, nor what belongs to no container. Root may claim
 * everything.
 *
 * Owns: nothing but the descriptors of a claim. Called by: the core (enrol.c), podman.c, and for
 * users deed_attach.c and owned.c.
 * Threads: none.
 */
#ifndef TEROK_CLAIM_H
#define TEROK_CLAIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/container.h"
#include "base/problem.h"

struct claim {
	int pidfd;                   /* the process */
	int cgroup_fd, netns_fd;     /* what is to be guarded; the process's network */
	char cgroup[TEROK_PATH_LEN]; /* below the root */
};

/**
 * claim_open() - the container of that process, in our pid namespace
 * @id: 64 digits; @name: for the text of errors
 * @ret: the caller's to claim_done(), on 0 only
 *
 * Return: 0; -EBADMSG: that is no id or no pid, -ESRCH: no such process, -EREMCHG: its cgroup is
 * shared, or what the kernel says.
 */
int claim_open(int64_t pid, const char *id, const char *name, struct claim *ret,
	       struct problem *why);

/** claim_check() - may user @uid guard it? 0; -EPERM and @why says what is not theirs */
int claim_check(const struct claim *claim, uint32_t uid, struct problem *why);

/** claim_has_user() - is @id, not 0, a user of process @pid's namespace, which @uid made? */
bool claim_has_user(pid_t pid, uint32_t uid, uid_t id);

/**
 * claim_is_process_of() - is process @pid @uid's: in all of its numbers, or in a user namespace
 * that @uid made? Who is gone is nobody's, and so is theirs
 */
bool claim_is_process_of(pid_t pid, uint32_t uid);

/** claim_is_within() - is process @pid in that cgroup, or below? Who is gone is not */
bool claim_is_within(const struct claim *claim, pid_t pid);

void claim_done(struct claim *claim);

#endif
