// SPDX-License-Identifier: Apache-2.0
/*
 * dies.c - preloaded: the process dies at the DIES_AT-th call that changes a file system
 *
 * For what has to be whole wherever its maker ends: a test tries each number in turn until the
 * program lives.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void count(void)
{
	static long left;

	if (!left)
		left = atol(getenv("DIES_AT") ?: "1000000");
	if (!--left)
		raise(SIGKILL);
}

int mkdirat(int at, const char *path, mode_t mode)
{
	int (*next)(int, const char *, mode_t) = dlsym(RTLD_NEXT, __func__);

	count();
	return next(at, path, mode);
}

int renameat(int from, const char *path, int to, const char *name)
{
	int (*next)(int, const char *, int, const char *) = dlsym(RTLD_NEXT, __func__);

	count();
	return next(from, path, to, name);
}

int unlinkat(int at, const char *path, int flags)
{
	int (*next)(int, const char *, int) = dlsym(RTLD_NEXT, __func__);

	count();
	return next(at, path, flags);
}

int fchmod(int fd, mode_t mode)
{
	int (*next)(int, mode_t) = dlsym(RTLD_NEXT, __func__);

	count();
	return next(fd, mode);
}

/* Half of it, and then no more. */
ssize_t write(int fd, const void *data, size_t size)
{
	ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, __func__);

	if (fd > 2) {
		next(fd, data, size / 2);
		count();
		return next(fd, (const char *)data + size / 2, size - size / 2) + size / 2;
	}
	return next(fd, data, size);
}

int fsync(int fd)
{
	int (*next)(int) = dlsym(RTLD_NEXT, __func__);

	count();
	return next(fd);
}
