// SPDX-License-Identifier: Apache-2.0
#include "setup_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"

static int path_problem(struct problem *why, int err, const char *path)
{
	if (err == -EXDEV)
		return problem(why, err, "%.180s: a link on the way leads to another place", path);
	if (err == -ELOOP)
		return problem(why, err, "%.200s is a link, which is not followed", path);
	return problem(why, err, "%.200s: %s", path, strerror(-err));
}

/* How much of @path is known to lead where it says: the home, or else the first folder. */
static size_t anchor_of(const char *path)
{
	const char *home = getenv("HOME");
	size_t n = home ? strlen(home) : 0;
	const char *slash;

	if (geteuid() && n > 1 && !strncmp(path, home, n) && (path[n] == '/' || !path[n]))
		return n;
	slash = strchr(path + 1, '/');
	return slash ? (size_t)(slash - path) : strlen(path);
}

/* @path is absolute. */
static int beneath_open(const char *path, int *ret)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	char anchor[SETUP_PATH_LEN];
	_cleanup_close_ int at = -1;
	size_t n = anchor_of(path);
	int fd;

	if (*path != '/' || strlen(path) >= sizeof(anchor))
		return -EINVAL;
	snprintf(anchor, sizeof(anchor), "%.*s", (int)n, path);
	at = open(anchor, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -errno;
	while (path[n] == '/')
		n++;
	if (!path[n])
		return *ret = TAKE_FD(at), 0;
	fd = syscall(SYS_openat2, at, path + n, &how, sizeof(how));
	return fd < 0 ? -errno : (*ret = fd, 0);
}

/* A group is as good as the user where it is the user's own, as with a umask of 002. */
static int folder_check(int fd, const char *path, struct problem *why)
{
	struct stat st;

	if (fstat(fd, &st))
		return path_problem(why, -errno, path);
	if ((st.st_uid && st.st_uid != geteuid()) ||
	    (st.st_mode & S_IWOTH && !(st.st_mode & S_ISVTX)) ||
	    (st.st_mode & S_IWGRP && st.st_gid && st.st_gid != getegid() &&
	     !(st.st_mode & S_ISVTX)))
		return problem(why, -EPERM,
			       "others may write to %.120s (user %u, mode %04o); try: chown and "
			       "chmod go-w",
			       path, st.st_uid, st.st_mode & 07777);
	return 0;
}

/* The folder that @path is in, and its name there. */
static int parent_open(const char *path, int *ret, const char **name, struct problem *why)
{
	const char *slash = strrchr(path, '/');
	char dir[SETUP_PATH_LEN];
	_cleanup_close_ int fd = -1;
	int r;

	if (*path != '/' || strlen(path) >= sizeof(dir) || !slash[1])
		return problem(why, -EINVAL, "%.200s is no absolute path", path);
	snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	r = beneath_open(dir, &fd);
	if (r)
		return path_problem(why, r, dir);
	*name = slash + 1;
	*ret = TAKE_FD(fd);
	return 0;
}

static int writable_open(const char *path, int *ret, const char **name, struct problem *why)
{
	_cleanup_close_ int dir = -1;
	int r = parent_open(path, &dir, name, why);

	if (!r)
		r = folder_check(dir, path, why);
	if (!r)
		*ret = TAKE_FD(dir);
	return r;
}

int setup_read(const char *path, char **ret, size_t *size, struct stat *st, struct problem *why)
{
	_cleanup_close_ int dir = -1, fd = -1;
	_cleanup_free_ char *text = NULL;
	const char *name;
	struct stat own;
	ssize_t got = 1;
	size_t n = 0;
	int r = parent_open(path, &dir, &name, why);

	if (r)
		return r;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &own))
		return path_problem(why, -errno, path);
	if (!S_ISREG(own.st_mode))
		return problem(why, -EINVAL, "%.200s is no regular file", path);
	text = malloc(SETUP_FILE_MAX + 1);
	if (!text)
		return problem(why, -ENOMEM, "%.200s: %s", path, strerror(ENOMEM));
	while (got > 0 && n < SETUP_FILE_MAX + 1) {
		got = read(fd, text + n, SETUP_FILE_MAX + 1 - n);
		n += got > 0 ? got : 0;
	}
	if (got < 0 || n > SETUP_FILE_MAX)
		return path_problem(why, got < 0 ? -errno : -EFBIG, path);
	text[n] = '\0';
	*ret = TAKE_PTR(text);
	*size = n;
	if (st)
		*st = own;
	return 0;
}

static int fill(int fd, const char *text, size_t size, const struct stat *like)
{
	int r = dir_write(fd, text, size);

	if (r)
		return r;
	if ((like->st_uid || like->st_gid) && fchown(fd, like->st_uid, like->st_gid))
		return -errno;
	if (fchmod(fd, like->st_mode & 07777) || fsync(fd))
		return -errno;
	return 0;
}

const char *setup_stage(char buf[static SETUP_STAGE_LEN], const char *name)
{
	snprintf(buf, SETUP_STAGE_LEN, ".%.250s.terok-new", name);
	return buf;
}

int setup_write(const char *path, const char *text, size_t size, const struct stat *like,
		struct problem *why)
{
	_cleanup_close_ int dir = -1, fd = -1;
	const char *name;
	char stage[SETUP_STAGE_LEN];
	int r = writable_open(path, &dir, &name, why);

	if (r)
		return r;
	setup_stage(stage, name);
	unlinkat(dir, stage, 0); /* of one that died here */
	fd = openat(dir, stage, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : fill(fd, text, size, like);
	if (!r && renameat(dir, stage, dir, name))
		r = -errno;
	if (r) {
		if (fd >= 0)
			unlinkat(dir, stage, 0);
		return problem(why, r, "write %.200s: %s", path, strerror(-r));
	}
	fsync(dir);
	return 0;
}

int setup_mkdir(const char *path, mode_t mode, struct problem *why)
{
	_cleanup_close_ int dir = -1;
	const char *name;
	int r = writable_open(path, &dir, &name, why);

	if (r)
		return r;
	if (mkdirat(dir, name, mode) && errno != EEXIST)
		return problem(why, -errno, "make %.200s: %s", path, strerror(errno));
	return 0;
}

int setup_chmod(const char *path, mode_t mode, struct problem *why)
{
	_cleanup_close_ int dir = -1, fd = -1;
	const char *name;
	int r = writable_open(path, &dir, &name, why);

	if (r)
		return r;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode))
		return problem(why, -errno, "chmod %.200s: %s", path, strerror(errno));
	return 0;
}

static int take_away(const char *path, int flags, struct problem *why)
{
	_cleanup_close_ int dir = -1;
	const char *name;
	int r = writable_open(path, &dir, &name, why);

	if (r)
		return r == -ENOENT ? 0 : r;
	if (unlinkat(dir, name, flags) && errno != ENOENT)
		return problem(why, -errno, "remove %.200s: %s", path, strerror(errno));
	fsync(dir);
	return 0;
}

int setup_unlink(const char *path, struct problem *why)
{
	return take_away(path, 0, why);
}

int setup_rmdir(const char *path, struct problem *why)
{
	return take_away(path, AT_REMOVEDIR, why);
}
