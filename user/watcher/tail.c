// SPDX-License-Identifier: Apache-2.0
#include "watcher/tail.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "watcher/file.h"
#include "watcher/text.h"

#define BITE (64 << 10) /* bytes a time; what is beyond is news */

static bool tail_open(struct tail *tail, bool end)
{
	struct stat st;

	tail->fd = file_open(tail->path);
	if (tail->fd < 0 || fstat(tail->fd, &st)) {
		closep(&tail->fd);
		return false;
	}
	tail->inode = st.st_ino;
	tail->at = end ? st.st_size : 0;
	tail->n = 0;
	tail->skip = false;
	return true;
}

void tail_follow(struct tail *tail, const char *path)
{
	if (strcmp(tail->path, path)) {
		tail_end(tail);
		snprintf(tail->path, sizeof(tail->path), "%s", path);
	}
	if (tail->fd < 0)
		tail_open(tail, true);
}

/* Rotated, truncated, or removed: there may be more in it than we have seen. */
static bool is_another(const struct tail *tail)
{
	struct stat named, held;

	return stat(tail->path, &named) || fstat(tail->fd, &held) || named.st_ino != tail->inode ||
	       (uint64_t)held.st_size < tail->at;
}

static bool bytes_take(struct tail *tail, const char *bytes, size_t n)
{
	bool news = false;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			news = news || (!tail->skip && tail->n && text_event(tail->line, tail->n));
			tail->n = 0;
			tail->skip = false;
		} else if (tail->n == TAIL_LINE) {
			tail->skip = news = true;
			tail->n = 0;
		} else if (!tail->skip) {
			tail->line[tail->n++] = bytes[i];
		}
	}
	return news;
}

bool tail_read(struct tail *tail)
{
	char bytes[4096];
	bool news = false;
	ssize_t n = 0;

	if (tail->fd < 0)
		return tail_open(tail, true);
	if (is_another(tail)) {
		closep(&tail->fd);
		tail_open(tail, true);
		return true;
	}
	for (size_t taken = 0; taken < BITE; taken += n) {
		n = pread(tail->fd, bytes, sizeof(bytes), tail->at);
		if (n <= 0)
			return news;
		tail->at += n;
		news = bytes_take(tail, bytes, n) || news;
	}
	return true; /* there is more, which the next time reads */
}

void tail_end(struct tail *tail)
{
	closep(&tail->fd);
	*tail->path = '\0';
}
