// SPDX-License-Identifier: Apache-2.0
#include "base/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *state_dir(void)
{
	const char *dir = getenv("TEROK_STATE");

	return dir && *dir ? dir : "/var/lib/terok";
}

void dir_make(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return;
	strcpy(part, path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(part, 0700);
		*slash = '/';
	}
	mkdir(part, 0700);
}

int dir_open(int at, const char *path, struct problem *why)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (mkdirat(at, path, 0700) && errno != EEXIST)
		return problem(why, -errno, "make %s: %s", path, strerror(errno));
	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return problem(why, -EPERM,
			       "%s belongs to user %u with mode %04o: nothing is kept where others "
			       "may write; try: chown %u %s; chmod 0700 %s",
			       path, st.st_uid, st.st_mode & 07777, geteuid(), path, path);
	return TAKE_FD(fd);
}

int dir_make_for(const char *file, struct problem *why)
{
	_cleanup_free_ char *copy = strdup(file);
	_cleanup_close_ int fd = -1;
	const char *folder = copy ? dirname(copy) : NULL;

	if (!folder)
		return problem(why, -ENOMEM, "no memory for the path %s", file);
	dir_make(folder);
	fd = dir_open(AT_FDCWD, folder, why);
	return fd < 0 ? fd : 0;
}

static bool file_has(int dir, const char *name, const char *text, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *have = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || (size_t)st.st_size != size)
		return false;
	have = malloc(size + 1);
	return have && read(fd, have, size + 1) == (ssize_t)size && !memcmp(have, text, size);
}

int dir_write(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		size -= n;
	}
	return 0;
}

int dir_replace(int dir, const char *name, const char *text, size_t size, struct problem *why)
{
	_cleanup_close_ int fd = -1;
	char stage[256];
	int r = 0;

	if (file_has(dir, name, text, size))
		return 0;
	snprintf(stage, sizeof(stage), ".%s.new", name);
	unlinkat(dir, stage, 0); /* of somebody who died here */
	fd = openat(dir, stage, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return problem(why, -errno, "make %s: %s", stage, strerror(errno));
	r = dir_write(fd, text, size);
	if (!r && fsync(fd))
		r = -errno;
	if (!r && renameat(dir, stage, dir, name))
		r = -errno;
	if (r) {
		unlinkat(dir, stage, 0);
		return problem(why, r, "write %s: %s", name, strerror(-r));
	}
	fsync(dir);
	return 0;
}
