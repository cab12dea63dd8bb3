// SPDX-License-Identifier: Apache-2.0
#include "claim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "cgroup.h"
#include "netns.h"

#define USERNS_DEEP 33 /* the kernel nests 32 */

void claim_done(struct claim *claim)
{
	closep(&claim->pidfd);
	closep(&claim->cgroup_fd);
	closep(&claim->netns_fd);
}

/* --- what it is -------------------------------------------------------------------------- */

static bool is_alive(const struct claim *claim)
{
	return !pidfd_send_signal(claim->pidfd, 0, NULL, 0);
}

static int shared(const char *name, const char *path, struct problem *why)
{
	const char *slash = strrchr(path, '/');

	return problem(why, -EREMCHG,
		       "container %s has no cgroup of its own (it shares %.100s); start it with "
		       "--cgroup-parent, e.g. podman run --cgroup-parent %.*s/task",
		       name, path, (int)(slash - path) > 60 ? 60 : (int)(slash - path), path);
}

static int claim_fill(pid_t pid, const char *id, const char *name, struct claim *claim,
		      struct problem *why)
{
	char path[TEROK_PATH_LEN];
	int r;

	claim->pidfd = pidfd_open(pid, 0);
	if (claim->pidfd < 0)
		return problem(why, -ESRCH, "container %s does not run", name);
	r = cgroup_of_pid(pid, path, why);
	if (r)
		return r;
	r = container_cgroup(path, id, claim->cgroup);
	if (r)
		return shared(name, path, why);
	claim->cgroup_fd = cgroup_open(claim->cgroup, why);
	if (claim->cgroup_fd < 0)
		return claim->cgroup_fd;
	claim->netns_fd = netns_of_pid(pid, why);
	if (claim->netns_fd < 0)
		return claim->netns_fd;
	/* what was read is that process's only if nobody else has its number by now */
	return is_alive(claim) ? 0 : problem(why, -ESRCH, "container %s ended meanwhile", name);
}

int claim_open(int64_t pid, const char *id, const char *name, struct claim *ret,
	       struct problem *why)
{
	struct claim claim = { .pidfd = -1, .cgroup_fd = -1, .netns_fd = -1 };
	int r;

	if (!container_is_id(id) || pid < 1 || pid > INT32_MAX)
		return problem(why, -EBADMSG, "'%.80s' and %lld are no container's id and pid", id,
			       (long long)pid);
	r = claim_fill(pid, id, name, &claim, why);
	if (r)
		claim_done(&claim);
	else
		*ret = claim;
	return r;
}

/* --- whose it is ------------------------------------------------------------------------- */

static int userns_of(const char *proc, struct stat *st)
{
	_cleanup_close_ int fd = open(proc, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fstat(fd, st) ? -errno : TAKE_FD(fd);
}

/*
 * Who made the namespace that lies directly below ours: only that user's processes could, and all
 * that lies within is theirs. -EXDEV: it is ours, or not below it.
 */
static int userns_maker(pid_t pid, uid_t *ret)
{
	_cleanup_close_ int ns = -1, ours = -1;
	struct stat here, there;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	ours = userns_of("/proc/self/ns/user", &here);
	ns = userns_of(path, &there);
	if (ours < 0 || ns < 0)
		return ours < 0 ? ours : ns;
	if (there.st_ino == here.st_ino && there.st_dev == here.st_dev)
		return -EXDEV;
	for (int i = 0; i < USERNS_DEEP; i++) {
		_cleanup_close_ int above = ioctl(ns, NS_GET_PARENT);

		if (above < 0 || fstat(above, &there))
			return -EXDEV;
		if (there.st_ino == here.st_ino && there.st_dev == here.st_dev)
			return ioctl(ns, NS_GET_OWNER_UID, ret) ? -errno : 0;
		close(ns);
		ns = TAKE_FD(above);
	}
	return -EXDEV;
}

static int pid_of(const struct claim *claim, pid_t *ret)
{
	_cleanup_fclose_ FILE *info = NULL;
	char path[48], line[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", claim->pidfd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "Pid: %d", ret) == 1)
			return *ret > 0 ? 0 : -ESRCH;
	return -ESRCH;
}

/* Is user @id, as we count, one of the process's user namespace? */
static bool userns_has(pid_t pid, uid_t id)
{
	_cleanup_fclose_ FILE *map = NULL;
	unsigned inside, outside, n;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	map = fopen(path, "re");
	while (map && fscanf(map, "%u %u %u", &inside, &outside, &n) == 3)
		if (id >= outside && id - outside < n)
			return true;
	return false;
}

bool claim_has_user(pid_t pid, uint32_t uid, uid_t id)
{
	uid_t maker;

	return pid > 0 && id && !userns_maker(pid, &maker) && maker == uid && userns_has(pid, id);
}

/* All four: what has become somebody else is not theirs, whoever started it. */
static int uids_of(pid_t pid, unsigned ret[static 4])
{
	_cleanup_fclose_ FILE *status = NULL;
	char path[40], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "Uid: %u %u %u %u", ret, ret + 1, ret + 2, ret + 3) == 4)
			return 0;
	return status ? -ESRCH : -errno;
}

bool claim_is_process_of(pid_t pid, uint32_t uid)
{
	unsigned ids[4];
	uid_t maker;
	int r = uids_of(pid, ids);

	if (r)
		return r == -ENOENT || r == -ESRCH;
	if (ids[0] == uid && ids[1] == uid && ids[2] == uid && ids[3] == uid)
		return true;
	r = userns_maker(pid, &maker);
	return r ? r == -ENOENT || r == -ESRCH : maker == uid;
}

/*
 * A directory of the user's; or in one of the user's, where nobody else makes any, and handed by
 * the runtime to a user of the container's, who is one of the user's own.
 */
static bool is_of(const struct claim *claim, pid_t pid, uint32_t uid)
{
	struct stat folder, above;

	if (fstat(claim->cgroup_fd, &folder) || fstatat(claim->cgroup_fd, "..", &above, 0))
		return false;
	return folder.st_uid == uid ||
	       (folder.st_uid && above.st_uid == uid && userns_has(pid, folder.st_uid));
}

int claim_check(const struct claim *claim, uint32_t uid, struct problem *why)
{
	uid_t maker = 0;
	pid_t pid = 0;
	int r;

	if (!uid)
		return 0;
	r = pid_of(claim, &pid);
	if (!r && !is_of(claim, pid, uid))
		return problem(why, -EPERM, "the cgroup %s is not user %u's", claim->cgroup, uid);
	if (!r)
		r = userns_maker(pid, &maker);
	if (!r && !is_alive(claim))
		r = -ESRCH;
	if (r == -EXDEV)
		return problem(why, -EPERM, "that process is in no user namespace of user %u", uid);
	if (r)
		return problem(why, r, "whose that process is: %s", strerror(-r));
	if (maker != uid)
		return problem(why, -EPERM, "that process is not user %u's", uid);
	return 0;
}

bool claim_is_within(const struct claim *claim, pid_t pid)
{
	return cgroup_holds(claim->cgroup, pid);
}
