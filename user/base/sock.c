// SPDX-License-Identifier: Apache-2.0
#include "base/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BACKLOG 128

static int path_set(struct sockaddr_un *sun, const char *path)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path) /* would be an abstract name, which has no folder and no mode */
		return -ENOENT;
	if (strlen(path) >= sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	strcpy(sun->sun_path, path);
	return 0;
}

/* Whoever may write to the folder may put another socket in our place. */
static int folder_check(const char *path, struct problem *why)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *dir;
	struct stat st;

	strcpy(copy, path);
	dir = dirname(copy);
	if (stat(dir, &st))
		return problem(why, -errno, "%s: %s", dir, strerror(errno));
	if (st.st_uid != geteuid())
		return problem(why, -EPERM, "%s belongs to user %u, not to us: no socket there",
			       dir, st.st_uid);
	if (st.st_mode & 022)
		return problem(why, -EPERM,
			       "%s is writable by others (mode %04o): no socket there; try: chmod "
			       "go-w %s",
			       dir, st.st_mode & 07777, dir);
	return 0;
}

/* A socket that nobody listens on goes; anything else stays and is named. */
static int stale_remove(const char *path, struct problem *why)
{
	struct stat st;
	int fd;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : problem(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return problem(why, -EEXIST, "%s is there and is no socket; move it away", path);
	fd = sock_connect(path);
	if (fd >= 0 || fd == -EAGAIN) {
		closep(&fd);
		return problem(why, -EADDRINUSE, "somebody listens at %s already", path);
	}
	if (fd != -ECONNREFUSED)
		return problem(why, fd, "%s: %s", path, strerror(-fd));
	return unlink(path) ? problem(why, -errno, "remove %s: %s", path, strerror(errno)) : 0;
}

int sock_listen(const char *path, mode_t mode, int *ret, struct problem *why)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un sun;
	struct stat st;
	mode_t mask;
	int r = path_set(&sun, path);

	if (r == -ENOENT)
		return problem(why, r, "an empty path is no place for a socket");
	if (r)
		return problem(why, r, "%.60s... is too long for a socket", path);
	r = folder_check(path, why);
	if (!r)
		r = stale_remove(path, why);
	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return problem(why, -errno, "make a socket: %s", strerror(errno));
	mask = umask(0777 & ~mode);
	r = bind(fd, (struct sockaddr *)&sun, sizeof(sun)) ? -errno : 0;
	umask(mask);
	if (r)
		return problem(why, r, "bind %s: %s", path, strerror(-r));
	if (listen(fd, BACKLOG) || lstat(path, &st) || !S_ISSOCK(st.st_mode)) {
		r = errno ? -errno : -EEXIST;
		unlink(path);
		return problem(why, r, "listen at %s: %s", path, strerror(-r));
	}
	*ret = TAKE_FD(fd);
	return 0;
}

int sock_connect(const char *path)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un sun;
	int r = path_set(&sun, path);

	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return -errno;
	return TAKE_FD(fd);
}

int sock_peer(int fd, struct ucred *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &size) ? -errno : 0;
}
