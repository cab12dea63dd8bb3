// SPDX-License-Identifier: Apache-2.0
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/container.h"
#include "cgroup_path.h"

#define FILE_MAX      4096 /* what we read of a cgroup file or of /proc/PID/cgroup at once */
#define FILEID_KERNFS 0xfe /* handle type of cgroup2 for open_by_handle_at() */

#define V1_ONLY                                                                                    \
	"this host mounts cgroup v1 only; boot with systemd.unified_cgroup_hierarchy=1 (or "       \
	"'mount -t cgroup2 none /sys/fs/cgroup/unified' if the kernel has it)"

static bool is_cgroup2(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* One line of mountinfo: "id parent dev ROOT POINT options... - TYPE source options". */
static int mount_line(char *line, char ret[static CGROUP_ROOT_LEN], bool *v1, bool *part)
{
	char *field[5], *save = NULL, *type = strstr(line, " - ");

	if (!type)
		return 0;
	if (!strncmp(type, " - cgroup ", 10))
		*v1 = true;
	if (strncmp(type, " - cgroup2 ", 11))
		return 0;
	for (int i = 0; i < 5; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return 0;
	}
	/* a bind mount of a subtree, or one made outside our cgroup namespace, has other paths
	   than /proc/PID/cgroup; a '\' is an escaped character, which no sane place has */
	if (strcmp(field[3], "/") || strchr(field[4], '\\') ||
	    strlen(field[4]) >= CGROUP_ROOT_LEN) {
		*part = true;
		return 0;
	}
	strcpy(ret, field[4]);
	return 1;
}

/* Prefers the fixed places, takes any other; the last mount on a point is the visible one. */
static int root_find(char ret[static CGROUP_ROOT_LEN], struct problem *why)
{
	static const char *const fixed[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	_cleanup_fclose_ FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	char found[CGROUP_ROOT_LEN] = "", point[CGROUP_ROOT_LEN];
	bool v1 = false, part = false;
	size_t size = 0, best = 3;

	if (!mounts)
		return problem(why, -errno, "cannot read /proc/self/mountinfo; is /proc mounted?");
	while (getline(&line, &size, mounts) > 0) {
		size_t rank = 0;

		if (!mount_line(line, point, &v1, &part))
			continue;
		while (rank < 2 && strcmp(point, fixed[rank]))
			rank++;
		if (rank < best) {
			best = rank;
			strcpy(found, point);
		}
	}
	if (!*found && part)
		return problem(why, -ENOTSUP,
			       "cgroup2 is mounted from outside this cgroup namespace; mount it "
			       "again: mount -t cgroup2 none /sys/fs/cgroup");
	if (!*found && v1)
		return problem(why, -ENOTSUP, V1_ONLY);
	if (!*found)
		return problem(why, -ENOENT,
			       "no cgroup2 is mounted; mount -t cgroup2 none /sys/fs/cgroup");
	strcpy(ret, found);
	return 0;
}

static bool root_look(const char *path, struct stat *ret)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC && !stat(path, ret);
}

/*
 * All mounts are read once: a host has many, and whoever starts a container waits. Where the same
 * folder is still to be seen at the same place, they would say the same again.
 */
int cgroup_root(char ret[static CGROUP_ROOT_LEN], struct problem *why)
{
	static char known[CGROUP_ROOT_LEN];
	static struct stat was;
	struct stat now;
	int r;

	if (*known && root_look(known, &now) && now.st_dev == was.st_dev &&
	    now.st_ino == was.st_ino) {
		strcpy(ret, known);
		return 0;
	}
	*known = '\0';
	r = root_find(ret, why);
	if (!r && root_look(ret, &was))
		strcpy(known, ret);
	return r;
}

static int path_below(int fd, const char *root, char ret[static TEROK_PATH_LEN]);

/* The root directory, and where it is. */
static int root_open(char root[static CGROUP_ROOT_LEN], struct problem *why)
{
	_cleanup_close_ int fd = -1;
	int r = cgroup_root(root, why);

	if (r)
		return r;
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return problem(why, -errno, "cannot open %s: %s", root, strerror(errno));
	if (!is_cgroup2(fd)) /* something else is mounted over it */
		return problem(why, -ENOTSUP, "%s is hidden under another mount", root);
	return TAKE_FD(fd);
}

int cgroup_root_open(struct problem *why)
{
	char root[CGROUP_ROOT_LEN];

	return root_open(root, why);
}

int cgroup_path_clean(const char *text, const char *root, char ret[static TEROK_PATH_LEN],
		      struct problem *why)
{
	_cleanup_free_ char *copy = NULL;
	size_t len = strlen(root), at = 0;
	char *save = NULL;

	if (!strncmp(text, root, len) && (text[len] == '/' || !text[len]))
		text += len;
	if (strlen(text) >= TEROK_PATH_LEN)
		return problem(why, -ENAMETOOLONG, "a cgroup path has at most %d characters",
			       TEROK_PATH_LEN - 1);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	ret[0] = '\0';
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		if (!strcmp(part, ".."))
			return problem(why, -EINVAL, "'..' is not taken in a cgroup path");
		if (!strcmp(part, "."))
			continue;
		at += sprintf(ret + at, "%s%s", at ? "/" : "", part);
	}
	if (!at)
		return problem(why, -EINVAL,
			       "that is the root cgroup, which is the whole machine; name one "
			       "below %s",
			       root);
	return 0;
}

int cgroup_open_beneath(int root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static int open_problem(int r, const char *text, const char *root, struct problem *why)
{
	switch (r) {
	case -ENOENT: return problem(why, r, "no cgroup '%s' under %s", text, root);
	case -ENOTDIR: return problem(why, r, "'%s' is a file, not a cgroup", text);
	case -ELOOP: return problem(why, r, "'%s' has a symbolic link in it", text);
	case -EXDEV: return problem(why, r, "'%s' is another mount, not a cgroup", text);
	default: return problem(why, r, "cannot open cgroup '%s': %s", text, strerror(-r));
	}
}

int cgroup_open(const char *text, struct problem *why)
{
	char root[CGROUP_ROOT_LEN], path[TEROK_PATH_LEN];
	_cleanup_close_ int root_fd = -1;
	int r = cgroup_root(root, why);

	if (r)
		return r;
	r = cgroup_path_clean(text, root, path, why);
	if (r)
		return r;
	root_fd = cgroup_root_open(why);
	if (root_fd < 0)
		return root_fd;
	r = cgroup_open_beneath(root_fd, path);
	return r < 0 ? open_problem(r, text, root, why) : r;
}

int cgroup_open_id(uint64_t id, struct problem *why)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(uint64_t)];
	} u = { .handle = { .handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS } };
	char root[CGROUP_ROOT_LEN], path[TEROK_PATH_LEN];
	_cleanup_close_ int root_fd = root_open(root, why);
	_cleanup_close_ int fd = -1;
	int r;

	if (root_fd < 0)
		return root_fd;
	memcpy(u.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(root_fd, &u.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		r = errno == ESTALE ? -ENOENT : -errno;
		return problem(why, r, "no cgroup has the id %llu", (unsigned long long)id);
	}
	r = path_below(fd, root, path); /* refuses what lies outside our root */
	if (r)
		return problem(why, r, "cgroup %llu is not below our root", (unsigned long long)id);
	return TAKE_FD(fd);
}

int cgroup_id(int fd, uint64_t *ret)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode) || !is_cgroup2(fd))
		return -EINVAL;
	*ret = st.st_ino;
	return 0;
}

static int path_below(int fd, const char *root, char ret[static TEROK_PATH_LEN])
{
	char link[32], text[CGROUP_ROOT_LEN + TEROK_PATH_LEN + 16];
	size_t len = strlen(root);
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	if (!is_cgroup2(fd))
		return -EINVAL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	if (n == sizeof(text) - 1)
		return -ENAMETOOLONG;
	text[n] = '\0';
	if (!st.st_nlink || (n > 10 && !strcmp(text + n - 10, " (deleted)")))
		return -ENOENT;
	if (strncmp(text, root, len) || (text[len] && text[len] != '/'))
		return -ENOENT;
	if (n - len >= TEROK_PATH_LEN)
		return -ENAMETOOLONG;
	strcpy(ret, text[len] ? text + len : "/");
	return 0;
}

int cgroup_path(int fd, char ret[static TEROK_PATH_LEN])
{
	char root[CGROUP_ROOT_LEN];
	int r = cgroup_root(root, NULL);

	return r ? r : path_below(fd, root, ret);
}

int cgroup_path_of_id(uint64_t id, char ret[static TEROK_PATH_LEN])
{
	_cleanup_close_ int fd = cgroup_open_id(id, NULL);

	return fd < 0 ? fd : cgroup_path(fd, ret);
}

/* A whole small file; -EFBIG rather than half of one. */
static int read_small(int dir, const char *name, char ret[static FILE_MAX])
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t at = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, ret + at, FILE_MAX - at);

		if (n < 0)
			return -errno;
		if (!n)
			break;
		at += n;
		if (at == FILE_MAX)
			return -EFBIG;
	}
	ret[at] = '\0';
	return strlen(ret) == at ? 0 : -EBADMSG;
}

int cgroup_of_pid(pid_t pid, char ret[static TEROK_PATH_LEN], struct problem *why)
{
	char name[32], text[FILE_MAX];
	int r;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	r = read_small(AT_FDCWD, name, text);
	if (r == -ENOENT || r == -ESRCH)
		return problem(why, -ESRCH, "no process %d", pid);
	if (!r)
		r = container_cgroup_line(text, ret);
	switch (r) {
	case 0: return 0;
	case -EXDEV:
		return problem(why, r, "process %d is in a cgroup outside our cgroup namespace",
			       pid);
	case -ENOTSUP: return problem(why, r, "process %d has no cgroup v2; " V1_ONLY, pid);
	case -ENOENT: return problem(why, r, "the cgroup of process %d was removed", pid);
	default: return problem(why, r, "cannot read %s: %s", name, strerror(-r));
	}
}

bool cgroup_is_within(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	n -= n && folder[n - 1] == '/'; /* the root's is all there is of its path */
	return !strncmp(path, folder, n) && (!path[n] || path[n] == '/');
}

bool cgroup_holds(const char *path, pid_t pid)
{
	char of[TEROK_PATH_LEN];

	return pid > 0 && !cgroup_of_pid(pid, of, NULL) && cgroup_is_within(of, path);
}
