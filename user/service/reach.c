// SPDX-License-Identifier: Apache-2.0
#include "reach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

void reach_done(struct reach *reach)
{
	for (unsigned i = 0; i < reach->n; i++)
		close(reach->item[i].fd);
}

int reach_fd(struct reach *reach, int fd, enum confine_may may)
{
	if (reach->n == REACH_MAX) {
		close(fd);
		return -E2BIG;
	}
	reach->item[reach->n++] = (struct confine_folder){ fd, may };
	return 0;
}

int reach_folder(struct reach *reach, const char *path, enum confine_may may)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
	return reach_fd(reach, fd, may);
}

int reach_parent(struct reach *reach, const char *file, enum confine_may may)
{
	_cleanup_free_ char *folder = file ? strdup(file) : NULL;
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!file)
		return 0;
	if (!slash)
		return folder ? reach_folder(reach, ".", may) : -ENOMEM;
	slash[slash == folder] = '\0';
	return reach_folder(reach, folder, may);
}

int reach_devices(struct reach *reach)
{
	static const char *const devices[] = { "/dev/null", "/dev/urandom", "/dev/random" };
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(devices) / sizeof(devices[0]); i++) {
		int fd = open(devices[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);

		/* a few are not there in every container */
		r = fd >= 0 ? reach_fd(reach, fd, CONFINE_WRITE) : errno == ENOENT ? 0 : -errno;
	}
	return r;
}

int reach_system(struct reach *reach)
{
	static const char *const read[] = { "/etc",   "/usr",           "/lib",
					    "/lib64", "/proc",          "/run/systemd/resolve",
					    "/opt",   "/run/resolvconf" };
	int r = reach_devices(reach);

	for (size_t i = 0; !r && i < sizeof(read) / sizeof(read[0]); i++)
		r = reach_folder(reach, read[i], CONFINE_LOOK);
	return r;
}

int reach_programs(struct reach *reach)
{
	static const char *const always[] = { "/usr", "/bin",   "/sbin", "/lib",
					      "/opt", "/lib32", "/lib64" };
	const char *path = getenv("PATH") ?: "";
	char self[PATH_MAX], one[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int r = n < 0 ? -errno : 0;

	for (size_t i = 0; !r && i < sizeof(always) / sizeof(always[0]); i++)
		r = reach_folder(reach, always[i], CONFINE_RUN);
	for (const char *at = path; !r && *at; at += *at == ':') {
		size_t len = strcspn(at, ":");

		if (*at == '/' && len < sizeof(one)) {
			memcpy(one, at, len);
			one[len] = '\0';
			r = reach_folder(reach, one, CONFINE_RUN);
		}
		at += len;
	}
	if (r)
		return r;
	self[n] = '\0';
	return reach_parent(reach, self, CONFINE_RUN);
}

static bool reads_folder(const struct reach *reach, const struct stat *folder)
{
	struct stat st;

	for (unsigned i = 0; i < reach->n; i++)
		if (reach->item[i].may != CONFINE_REMOVE && !fstat(reach->item[i].fd, &st) &&
		    st.st_ino == folder->st_ino && st.st_dev == folder->st_dev)
			return true;
	return false;
}

/* As the kernel looks: from the file upwards. */
bool reach_reads(const struct reach *reach, const char *file)
{
	_cleanup_free_ char *path = realpath(file, NULL);
	struct stat st;
	char *slash;

	while (path && (slash = strrchr(path, '/'))) {
		slash[slash == path] = '\0';
		if (!stat(path, &st) && reads_folder(reach, &st))
			return true;
		if (slash == path)
			break;
	}
	return false;
}

int reach_confine(const struct reach *reach, const char *means)
{
	if (!confine_files_can())
		log_warn(0, "this kernel has no Landlock, or it is switched off: %s", means);
	return confine_files_but(reach->item, reach->n);
}
