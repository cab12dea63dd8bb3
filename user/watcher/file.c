// SPDX-License-Identifier: Apache-2.0
#include "watcher/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FIRST 4096

int file_open(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

int file_read(const char *path, size_t max, char **ret, size_t *size)
{
	_cleanup_close_ int fd = file_open(path);
	_cleanup_free_ char *text = NULL;
	size_t at = 0, room = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n;

		if (at == room) {
			char *more;

			if (room > max)
				return -EFBIG;
			room = room ? 2 * room : FIRST;
			more = realloc(text, room + 1);
			if (!more)
				return -ENOMEM;
			text = more;
		}
		n = read(fd, text + at, room - at);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		at += n;
	}
	if (at > max)
		return -EFBIG;
	text[at] = '\0';
	*ret = TAKE_PTR(text);
	*size = at;
	return 0;
}
