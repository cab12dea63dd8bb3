// SPDX-License-Identifier: Apache-2.0
#include "base/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"

#define BACKLOG 128

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

/* Where a socket is to be, taken apart. */
struct spot {
	struct sockaddr_un sun;
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* what dirname() cuts */
	const char *path, *dir, *name;
	mode_t mode;
	int type;   /* SOCK_STREAM, SOCK_SEQPACKET */
	bool alone; /* nobody else's business */
};

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

static int spot_set(struct spot *spot, const char *path, mode_t mode, int type, bool alone,
		    struct problem *why)
{
	const char *slash = strrchr(path, '/');
	int r = path_set(&spot->sun, path);

	if (r == -ENOENT)
		return problem(why, r, "an empty path is no place for a socket");
	if (r)
		return problem(why, r, "%.60s... is too long for a socket", path);
	spot->path = path;
	spot->name = slash ? slash + 1 : path;
	if (!*spot->name)
		return problem(why, -EISDIR, "%s is a folder's name, not a socket's", path);
	strcpy(spot->copy, path);
	spot->dir = dirname(spot->copy);
	spot->mode = mode;
	spot->type = type;
	spot->alone = alone;
	return 0;
}

/* Whoever may write to the folder may put another socket in our place. */
static int folder_open(const struct spot *spot, int *ret, struct problem *why)
{
	mode_t others = spot->alone ? 077 : 022;
	const char *dir = spot->dir;
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (spot->alone)
		dir_make(dir);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return problem(why, -errno, "%s: %s", dir, strerror(errno));
	if (st.st_uid != geteuid())
		return problem(why, -EPERM, "%s belongs to user %u, not to us: no socket there",
			       dir, st.st_uid);
	if (st.st_mode & others)
		return problem(why, -EPERM,
			       "%s is %s others (mode %04o): no socket there; try: chmod %s %s",
			       dir, spot->alone ? "open to" : "writable by", st.st_mode & 07777,
			       spot->alone ? "go=" : "go-w", dir);
	*ret = TAKE_FD(fd);
	return 0;
}

static int in_use(const struct spot *spot, struct problem *why)
{
	return problem(why, -EADDRINUSE, "somebody listens at %s already", spot->path);
}

static bool same_file(int folder, const char *name, const struct stat *st)
{
	struct stat now;

	return !fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) && now.st_dev == st->st_dev &&
	       now.st_ino == st->st_ino;
}

static void lock_name(char ret[static 128], const char *name)
{
	ret[0] = '.';
	strcpy(stpcpy(ret + 1, name), ".lock");
}

/* A lock that was removed while we waited for it is nobody's: the next try makes a new one. */
static int lock_take(int folder, const struct spot *spot, int *ret, struct problem *why)
{
	char name[128];
	struct stat st;

	lock_name(name, spot->name);
	for (;;) {
		_cleanup_close_ int fd =
		    openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd < 0 || fstat(fd, &st))
			return problem(why, -errno, "%s/%s: %s", spot->dir, name, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB))
			return errno == EWOULDBLOCK ? in_use(spot, why)
						    : problem(why, -errno, "lock %s/%s: %s",
							      spot->dir, name, strerror(errno));
		if (same_file(folder, name, &st)) {
			*ret = TAKE_FD(fd);
			return 0;
		}
	}
}

/* Does somebody listen there? 0: nobody. */
static int probe(const struct spot *spot, struct problem *why)
{
	int fd = sock_connect(spot->path);

	if (fd >= 0 || fd == -EAGAIN || fd == -EPROTOTYPE) {
		closep(&fd);
		return in_use(spot, why);
	}
	return fd == -ECONNREFUSED ? 0 : problem(why, fd, "%s: %s", spot->path, strerror(-fd));
}

/* A socket that nobody listens on goes; what else stays is named. */
static int stale_remove(int folder, const struct spot *spot, struct problem *why)
{
	const char *path = spot->path;
	struct stat st;
	int r = 0;

	if (fstatat(folder, spot->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : problem(why, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return problem(why, -EISDIR, "%s is a folder; move it away", path);
	if (!S_ISSOCK(st.st_mode) && !spot->alone)
		return problem(why, -EEXIST, "%s is there and is no socket; move it away", path);
	if (S_ISSOCK(st.st_mode))
		r = probe(spot, why);
	if (r)
		return r;
	return unlinkat(folder, spot->name, 0)
		   ? problem(why, -errno, "remove %s: %s", path, strerror(errno))
		   : 0;
}

/* Bound, and in the folder that was looked at; nobody can connect yet. */
static int bind_there(int folder, const struct spot *spot, int fd, struct stat *st,
		      struct problem *why)
{
	mode_t mask = umask(0777 & ~spot->mode);
	int r = bind(fd, (const struct sockaddr *)&spot->sun, sizeof(spot->sun)) ? -errno : 0;

	umask(mask);
	if (r)
		return problem(why, r, "bind %s: %s", spot->path, strerror(-r));
	if (fstatat(folder, spot->name, st, AT_SYMLINK_NOFOLLOW) || !S_ISSOCK(st->st_mode) ||
	    st->st_uid != geteuid() || (st->st_mode & 0777) != spot->mode)
		return problem(why, -EEXIST, "%s is not the socket that was made there",
			       spot->path);
	return 0;
}

static int place_take(const struct spot *spot, struct sock_place *place, struct problem *why)
{
	struct stat st;
	int r = folder_open(spot, &place->folder, why);

	if (!r && spot->alone)
		r = lock_take(place->folder, spot, &place->lock, why);
	if (!r)
		r = stale_remove(place->folder, spot, why);
	if (r)
		return r;
	place->fd = socket(AF_UNIX, spot->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (place->fd < 0)
		return problem(why, -errno, "make a socket: %s", strerror(errno));
	r = bind_there(place->folder, spot, place->fd, &st, why);
	if (r)
		return r;
	place->dev = st.st_dev;
	place->ino = st.st_ino; /* from here on it is ours to remove */
	return listen(place->fd, BACKLOG)
		   ? problem(why, -errno, "listen at %s: %s", spot->path, strerror(errno))
		   : 0;
}

void sock_place_leave(struct sock_place *place)
{
	const struct stat ours = { .st_dev = place->dev, .st_ino = place->ino };
	char name[128];

	if (place->ino && same_file(place->folder, place->name, &ours))
		unlinkat(place->folder, place->name, 0);
	closep(&place->fd);
	if (place->lock >= 0) { /* still held: nobody else's */
		lock_name(name, place->name);
		unlinkat(place->folder, name, 0);
	}
	closep(&place->lock);
	closep(&place->folder);
	*place = SOCK_PLACE_NONE;
}

static int place_take_or_leave(const struct spot *spot, struct sock_place *ret, struct problem *why)
{
	struct sock_place place = SOCK_PLACE_NONE;
	int r;

	strcpy(place.name, spot->name);
	r = place_take(spot, &place, why);
	if (r)
		sock_place_leave(&place);
	else
		*ret = place;
	return r;
}

int sock_place_take(const char *path, struct sock_place *ret, struct problem *why)
{
	struct spot spot;
	int r = spot_set(&spot, path, 0600, SOCK_STREAM, true, why);

	return r ?: place_take_or_leave(&spot, ret, why);
}

static int listen_at(const char *path, mode_t mode, int type, int *ret, struct problem *why)
{
	struct sock_place place;
	struct spot spot;
	int r = spot_set(&spot, path, mode, type, false, why);

	if (!r)
		r = place_take_or_leave(&spot, &place, why);
	if (r)
		return r;
	closep(&place.folder);
	*ret = place.fd;
	return 0;
}

/* It is not probed: whoever connects to it connects to us. */
static int adopt(const struct spot *spot, int fd, struct sock_place *place, struct problem *why)
{
	struct stat st;
	int r = folder_open(spot, &place->folder, why);

	if (!r)
		r = lock_take(place->folder, spot, &place->lock, why);
	if (r)
		return r;
	if (fstatat(place->folder, spot->name, &st, AT_SYMLINK_NOFOLLOW))
		return problem(why, -errno, "%s: %s", spot->path, strerror(errno));
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077)
		return problem(why, -EPERM, "%s is open to others (try SocketMode=0600)",
			       spot->path);
	place->fd = fd;
	return 0;
}

int sock_place_adopt(const char *path, int fd, struct sock_place *ret, struct problem *why)
{
	struct sock_place place = SOCK_PLACE_NONE;
	struct spot spot;
	int r = spot_set(&spot, path, 0600, SOCK_STREAM, true, why);

	if (r)
		return r;
	strcpy(place.name, spot.name);
	r = adopt(&spot, fd, &place, why);
	if (r)
		sock_place_leave(&place);
	else
		*ret = place;
	return r;
}

int sock_listen(const char *path, mode_t mode, int *ret, struct problem *why)
{
	return listen_at(path, mode, SOCK_STREAM, ret, why);
}

int sock_listen_packets(const char *path, mode_t mode, int *ret, struct problem *why)
{
	return listen_at(path, mode, SOCK_SEQPACKET, ret, why);
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

ssize_t sock_receive(int sock, void *bytes, size_t size, int *fd, unsigned n)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(SOCK_FDS * sizeof(int))];
	} control;
	struct iovec iov = { bytes, size };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_LEN(n * sizeof(int)) };
	ssize_t got = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	for (unsigned i = 0; i < n; i++)
		fd[i] = -1;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
	return got < 0 ? -errno : got;
}

int sock_send(int sock, const void *bytes, size_t size, const int *fd, unsigned n)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(SOCK_FDS * sizeof(int))];
	} control = {};
	struct iovec iov = { (void *)bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > SOCK_FDS)
		return -EINVAL;
	if (n) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS,
						 .cmsg_len = CMSG_LEN(n * sizeof(int)) };
		memcpy(CMSG_DATA(&control.head), fd, n * sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int sock_peer(int fd, struct ucred *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &size) ? -errno : 0;
}

int sock_peer_pidfd(int fd)
{
	socklen_t size = sizeof(int);
	int pidfd;

	return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) ? -errno : pidfd;
}

int sock_no_fds(int listen_fd)
{
	int no = 0;

	return setsockopt(listen_fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no)) ? -errno : 0;
}
