// SPDX-License-Identifier: Apache-2.0
#include "owned.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "claim.h"
#include "kernel.h"

struct owner {
	const char *path; /* of the cgroup that is asked about */
	uint32_t uid;
	unsigned guards; /* that they have */
	struct problem *why;
};

static const char *whose(char ret[static 24], uid_t uid)
{
	snprintf(ret, 24, uid ? "user %u" : "root", uid);
	return ret;
}

/* --- the directory, and those below it ----------------------------------------------------- */

static int folder_check(int fd, const struct owner *owner)
{
	struct stat folder, above;
	char who[24];

	if (fstat(fd, &folder) || fstatat(fd, "..", &above, 0))
		return problem(owner->why, -errno, "%s: %s", owner->path, strerror(errno));
	if (folder.st_uid != owner->uid)
		return problem(owner->why, -EPERM,
			       "the cgroup %s belongs to %s, not to you: ls -ld below the cgroup2 "
			       "root shows which are yours",
			       owner->path, whose(who, folder.st_uid));
	if (above.st_uid != owner->uid)
		return problem(owner->why, -EPERM,
			       "in the cgroup %s all that was delegated to you begins, and as a "
			       "whole only root guards it; name a cgroup within it",
			       owner->path);
	return 0;
}

/* Yours, or handed by a runtime to a user of a container of yours. */
static int below_check(int fd, void *arg)
{
	const struct owner *owner = arg;
	char path[TEROK_PATH_LEN], who[24];
	struct stat folder;

	if (fstat(fd, &folder))
		return errno == ENODEV || errno == ENOENT ? 0 : -errno;
	if (folder.st_uid == owner->uid ||
	    claim_has_user(cgroup_first_pid(fd), owner->uid, folder.st_uid))
		return 0;
	if (cgroup_path(fd, path))
		return 0; /* removed meanwhile */
	return problem(owner->why, -EPERM, "within it the cgroup %s belongs to %s, not to you",
		       path, whose(who, folder.st_uid));
}

static int process_check(uint64_t id, pid_t pid, void *arg)
{
	const struct owner *owner = arg;

	(void)id;
	if (!pid || claim_is_process_of(pid, owner->uid))
		return 0;
	return problem(owner->why, -EPERM, "process %d, which lives in %s, is not yours", pid,
		       owner->path);
}

/* --- guards --------------------------------------------------------------------------------- */

static int label_check(uint32_t id, const struct terok_info *info, void *arg)
{
	struct owner *owner = arg;

	(void)id;
	if (info->uid == owner->uid) {
		owner->guards++;
		return 0;
	}
	if (!owner->path || !strcmp(info->path, owner->path)) /* that guard_attach() looks at */
		return 0;
	if (cgroup_is_within(owner->path, info->path))
		return problem(owner->why, -EPERM,
			       "the cgroup %s lies within a guard that is not yours", owner->path);
	if (cgroup_is_within(info->path, owner->path))
		return problem(owner->why, -EPERM,
			       "within the cgroup %s there is a guard that is not yours",
			       owner->path);
	return 0;
}

static int labels_check(struct kernel **kernel, struct owner *owner)
{
	int r = 0;

	if (!*kernel || !kernel_is_latest(*kernel)) {
		kernel_freep(kernel);
		r = kernel_open(kernel, owner->why);
	}
	return r ? r : kernel_each_label((*kernel)->map[MAP_INFO], label_check, owner);
}

int owned_check(int fd, const char *path, uint32_t uid, struct problem *why)
{
	struct owner owner = { .path = path, .uid = uid, .why = why };
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	int r = folder_check(fd, &owner);

	if (!r)
		r = cgroup_each_below(fd, below_check, &owner);
	if (!r)
		r = cgroup_each(fd, process_check, &owner);
	if (!r)
		r = labels_check(&kernel, &owner);
	if (r && r != -EPERM)
		return problem(why, r, "whose the cgroup %s is: %s", path, strerror(-r));
	return r;
}

int owned_room(struct kernel **kernel, uint32_t uid, struct problem *why)
{
	struct owner owner = { .uid = uid, .why = why };
	int r = uid ? labels_check(kernel, &owner) : 0;

	if (!r && owner.guards >= OWNED_GUARDS)
		return problem(why, -EDQUOT,
			       "user %u has %u guards, and no user has more; terok-bpfd detach "
			       "ends one",
			       uid, owner.guards);
	return r;
}
