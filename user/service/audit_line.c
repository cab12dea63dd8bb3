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
#include "base/log.h"

#define LOOK_NS 1000000 /* a look at a name costs as much as the write */
#define TRIES   8

struct audit_file {
	struct loop *loop;
	struct after after;
	const char *path;
	char *text; /* whole lines that wait */
	size_t n, size;
	uint64_t looked_ns; /* at its name */
	dev_t dev;          /* of fd */
	ino_t ino;
	int fd;
	bool complained;
	char path_text[];
};

/* --- the file ------------------------------------------------------------------------- */

/* Its lock goes with it. */
static void file_close(struct audit_file *file)
{
	closep(&file->fd);
	file->looked_ns = 0;
}

static int file_open(struct audit_file *file)
{
	struct stat st;

	file->fd = open(file->path,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (file->fd < 0 || fstat(file->fd, &st))
		return -errno;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	return 0;
}

/* 1: another stands at its path now. One that is full has made way. */
static int file_look(struct audit_file *file)
{
	char before[4096];
	struct stat st;

	if (lstat(file->path, &st))
		return errno == ENOENT ? 1 : -errno;
	if (st.st_ino != file->ino || st.st_dev != file->dev)
		return 1;
	if (!S_ISREG(st.st_mode) || st.st_mode & 077)
		return -EPERM;
	if (st.st_size < AUDIT_SIZE)
		return 0;
	if (snprintf(before, sizeof(before), "%s.1", file->path) >= (int)sizeof(before))
		return -ENAMETOOLONG;
	return rename(file->path, before) ? -errno : 1;
}

/* The file is open, and locked. */
static int file_lock(struct audit_file *file)
{
	uint64_t now = now_boot_ns();
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		if (file->fd < 0)
			r = file_open(file);
		if (!r && flock(file->fd, LOCK_EX))
			r = -errno;
		if (r || now - file->looked_ns < LOOK_NS)
			return r;
		r = file_look(file);
		if (!r)
			file->looked_ns = now;
		if (r <= 0)
			return r;
		file_close(file);
		r = 0;
	}
	return -EBUSY;
}

/* What of a line had no room is taken back: the next one is whole. */
static int put(int fd, const char *text, size_t n)
{
	ssize_t wrote = write(fd, text, n);
	const char *whole;
	off_t end;
	int r;

	if (wrote == (ssize_t)n)
		return 0;
	r = wrote < 0 ? -errno : -ENOSPC;
	if (wrote <= 0)
		return r;
	whole = memrchr(text, '\n', (size_t)wrote);
	end = lseek(fd, 0, SEEK_CUR); /* behind what was written, wherever that began */
	if (end < 0 || ftruncate(fd, end - wrote + (whole ? whole + 1 - text : 0)))
		return -errno;
	return r;
}

/* --- lines ---------------------------------------------------------------------------- */

static int add(struct audit_file *file, const char *text, size_t n)
{
	size_t size = file->size ?: 1024;
	char *grown;

	while (size < file->n + n + 1)
		size *= 2;
	if (size > file->size) {
		grown = realloc(file->text, size);
		if (!grown)
			return -ENOMEM;
		file->text = grown;
		file->size = size;
	}
	memcpy(file->text + file->n, text, n);
	file->n += n;
	file->text[file->n++] = '\n';
	return 0;
}

static int flush(struct audit_file *file)
{
	int r = file_lock(file);

	r = r ?: put(file->fd, file->text, file->n);
	file->n = 0;
	if (r)
		file_close(file);
	else
		flock(file->fd, LOCK_UN);
	return r;
}

void audit_file_lost(struct audit_file *file, int r)
{
	if (!file->complained)
		log_warn(r, "what is done is not noted in %s", file->path);
	file->complained = true;
}

static void write_out(struct audit_file *file)
{
	int r = flush(file);

	if (r)
		audit_file_lost(file, r);
	else
		file->complained = false;
}

static void on_after(struct after *after)
{
	write_out(container_of(after, struct audit_file, after));
}

int audit_file_new(struct loop *loop, const char *path, struct audit_file **ret)
{
	size_t n = strlen(path) + 1;
	struct audit_file *file = calloc(1, sizeof(*file) + n);

	if (!file)
		return -ENOMEM;
	file->loop = loop;
	file->path = memcpy(file->path_text, path, n);
	file->fd = -1;
	*ret = file;
	return 0;
}

void audit_file_add(struct audit_file *file, const char *text, size_t n)
{
	int r;

	if (file->n && file->n + n >= AUDIT_WAITS)
		write_out(file);
	r = add(file, text, n);
	if (r)
		audit_file_lost(file, r);
	else
		loop_after(file->loop, &file->after, on_after);
}

void audit_file_free(struct audit_file *file)
{
	if (!file)
		return;
	after_cancel(&file->after);
	if (file->n)
		write_out(file);
	file_close(file);
	free(file->text);
	free(file);
}

int audit_line(const char *path, const char *text)
{
	struct audit_file file = { .path = path, .fd = -1 };
	int r = add(&file, text, strlen(text));

	r = r ?: flush(&file);
	file_close(&file);
	free(file.text);
	return r;
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
