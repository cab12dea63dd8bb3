// SPDX-License-Identifier: Apache-2.0
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/json.h"

static void refs_write(struct json *json, const struct audit_deed *deed)
{
	json_open_array(json, "refs");
	for (unsigned i = 0; i < deed->n_refs; i++) {
		const struct audit_ref *ref = &deed->ref[i];

		json_open_object(json, NULL);
		json_add_string(json, "ref", ref->name ?: "");
		json_add_string(json, "old", ref->old ?: "");
		json_add_string(json, "new", ref->new ?: "");
		if (ref->result)
			json_add_string(json, "result", ref->result);
		else
			json_add_null(json, "result");
		json_close_object(json);
	}
	json_close_array(json);
	if (deed->more_refs)
		json_add_uint(json, "more_refs", deed->more_refs);
}

static void time_write(struct json *json)
{
	uint64_t now = now_wall_ns();
	time_t seconds = (time_t)(now / SECOND_NS);
	char text[40];
	struct tm tm;
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));

	snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(now % SECOND_NS / 1000000));
	json_add_string(json, "time", text);
}

static const char *line(struct json *json, const struct audit_deed *deed)
{
	char shown[TOKEN_SIZE];

	json_open_object(json, NULL);
	time_write(json);
	json_add_string(json, "what", deed->what);
	json_add_string(json, "project", deed->project);
	json_add_string(json, "task", deed->token->task);
	json_add_string(json, "container", deed->container ?: deed->token->container);
	json_add_string(json, "token", token_shown(deed->token->text, shown));
	json_add_string(json, "outcome", deed->outcome);
	json_add_uint(json, "in", deed->in);
	json_add_uint(json, "out", deed->out);
	json_add_uint(json, "ms", deed->took_ns / 1000000);
	if (!strcmp(deed->what, "push"))
		refs_write(json, deed);
	json_close_object(json);
	return json_done(json);
}

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

int audit_note(const char *path, const struct audit_deed *deed, struct problem *why)
{
	_cleanup_json_ struct json json = {};
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	const char *written = line(&json, deed);
	int r, n;

	if (!written)
		return problem(why, -ENOMEM, "no memory for a line of %s", path);
	n = asprintf(&text, "%s\n", written);
	if (n < 0) {
		text = NULL;
		return problem(why, -ENOMEM, "no memory for a line of %s", path);
	}
	r = file_open(path, &fd);
	r = r ?: put(fd, text, (size_t)n);
	return r ? problem(why, r, "a %s of %s is not noted in %s: %s", deed->what, deed->project,
			   path, strerror(-r))
		 : 0;
}
