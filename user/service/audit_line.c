// SPDX-License-Identifier: Apache-2.0
#include "audit_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"

/* The file, locked, that stands at @path now; one that is full has made way. */
static int file_open(const char *path, int *ret)
{
	char before[4096];
	struct stat st, now;

	for (int i = 0; i < 8; i++) {
		_cleanup_close_ int fd =
		    open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			 0600);

		if (fd < 0 || flock(fd, LOCK_EX) || fstat(fd, &st))
			return -errno;
		if (!S_ISREG(st.st_mode) || st.st_mode & 077)
			return -EPERM;
		if (stat(path, &now) || now.st_ino != st.st_ino || now.st_dev != st.st_dev)
			continue;
		if (st.st_size < AUDIT_SIZE) {
			*ret = TAKE_FD(fd);
			return 0;
		}
		if (snprintf(before, sizeof(before), "%s.1", path) >= (int)sizeof(before) ||
		    rename(path, before))
			return -errno;
	}
	return -EBUSY;
}

/* What of a line had no room is taken back: the next one is whole. */
static int put(int fd, const char *text, size_t n)
{
	off_t at = lseek(fd, 0, SEEK_END);
	ssize_t wrote = write(fd, text, n);

	if (wrote == (ssize_t)n)
		return 0;
	if (wrote >= 0)
		errno = ENOSPC;
	n = (size_t)errno;
	if (wrote > 0 && at >= 0 && ftruncate(fd, at))
		return -errno;
	return -(int)n;
}

int audit_line(const char *path, const char *text)
{
	_cleanup_free_ char *line = NULL;
	_cleanup_close_ int fd = -1;
	int r, n = asprintf(&line, "%s\n", text);

	if (n < 0) {
		line = NULL;
		return -ENOMEM;
	}
	r = file_open(path, &fd);
	return r ?: put(fd, line, (size_t)n);
}

void audit_time(struct json *json)
{
	uint64_t now = now_wall_ns();
	time_t seconds = (time_t)(now / SECOND_NS);
	char text[40];
	struct tm tm;
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));

	snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(now % SECOND_NS / 1000000));
	json_add_string(json, "time", text);
}
