// SPDX-License-Identifier: Apache-2.0
#include "own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/lock.h"

static int check_owner(const char *path, const struct stat *st, struct problem *why)
{
	if (!S_ISREG(st->st_mode))
		return problem(why, -EINVAL, "%s is no regular file", path);
	if ((st->st_uid == geteuid() || !st->st_uid) && !(st->st_mode & 022))
		return 0;
	return problem(
	    why, -EPERM,
	    "%s belongs to user %u with mode %04o: what others may write is not believed; "
	    "try: chown %u %s; chmod 0600 %s",
	    path, st->st_uid, st->st_mode & 07777, geteuid(), path, path);
}

/* To its end, whatever its size was said to be. */
static int read_all(int fd, size_t max, size_t guess, char **ret, size_t *size)
{
	size_t room = guess < max ? guess + 1 : max + 1, n = 0;
	_cleanup_free_ char *text = malloc(room + 1);

	while (text) {
		ssize_t got = read(fd, text + n, room - n);
		char *more;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		n += got;
		if (n > max)
			return -EFBIG;
		if (!got) {
			text[n] = '\0';
			*size = n;
			*ret = TAKE_PTR(text);
			return 0;
		}
		if (n < room)
			continue;
		room = 2 * room < max + 1 ? 2 * room : max + 1;
		more = realloc(text, room + 1);
		if (!more)
			break;
		text = more;
	}
	return -ENOMEM;
}

int own_file_read(const char *path, size_t max, char **ret, size_t *size, struct stat *st,
		  struct problem *why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat have = {};
	int r;

	if (fd < 0 && errno != ENOENT)
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	if (fd < 0) {
		*ret = NULL;
		*size = 0;
	} else {
		if (fstat(fd, &have))
			return problem(why, -errno, "%s: %s", path, strerror(errno));
		r = check_owner(path, &have, why);
		if (r)
			return r;
		r = read_all(fd, max, have.st_size, ret, size);
		if (r == -EFBIG)
			return problem(why, r, "%s: larger than %zu bytes", path, max);
		if (r)
			return problem(why, r, "%s: %s", path, strerror(-r));
	}
	if (st)
		*st = have;
	return 0;
}

/* The folder of @path and the name in it. */
static int open_folder(const char *path, struct own_file *file, struct problem *why)
{
	_cleanup_free_ char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	struct stat st;

	if (!folder)
		return problem(why, -ENOMEM, "no memory for the path %s", path);
	file->name = strdup(slash ? slash + 1 : path);
	if (!file->name)
		return problem(why, -ENOMEM, "no memory for the path %s", path);
	if (slash)
		*slash = '\0';
	if (slash && *folder)
		dir_make(folder);
	file->dir = dir_open(AT_FDCWD, !slash ? "." : *folder ? folder : "/", why);
	if (file->dir < 0)
		return file->dir;
	if (!fstat(file->dir, &st) && st.st_mode & 077 && fchmod(file->dir, 0700))
		return problem(why, -errno, "chmod 0700 %s: %s", folder, strerror(errno));
	return 0;
}

static int take_lock(const char *path, int lock, struct problem *why)
{
	char who[80];
	int r = lock_take(lock, OWN_FILE_WAIT_S);

	if (r == -EBUSY)
		return problem(
		    why, r, "%s.lock: %s has had it for %d seconds; try again, or end it", path,
		    lock_holder(lock, who, sizeof(who)) ? who : "another process", OWN_FILE_WAIT_S);
	return r ? problem(why, r, "lock %s.lock: %s", path, strerror(-r)) : 0;
}

int own_file_begin(const char *path, struct own_file *ret, struct problem *why)
{
	struct own_file file = OWN_FILE_NONE;
	char lock[256];
	int r = open_folder(path, &file, why);

	if (!r && snprintf(lock, sizeof(lock), "%s.lock", file.name) >= (int)sizeof(lock))
		r = problem(why, -ENAMETOOLONG, "%s: the name is too long", path);
	if (!r) {
		file.lock = openat(file.dir, lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (file.lock < 0)
			r = problem(why, -errno, "%s.lock: %s", path, strerror(errno));
	}
	r = r ?: take_lock(path, file.lock, why);
	if (r) {
		own_file_done(&file);
		return r;
	}
	*ret = file;
	return 0;
}

void own_file_done(struct own_file *file)
{
	closep(&file->lock);
	closep(&file->dir);
	free(file->name);
	*file = OWN_FILE_NONE;
}
