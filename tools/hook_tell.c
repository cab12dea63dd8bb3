// SPDX-License-Identifier: Apache-2.0
#include "hook_tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/container.h"
#include "base/json.h"
#include "base/log.h"
#include "hook_read.h"

/* "--log FILE" or "--log=FILE", and the same of its format. */
static const char *option_of(const char *cmdline, size_t size, const char *name)
{
	const char *end = cmdline + size, *found = NULL;
	size_t n = strlen(name);

	for (const char *word = cmdline; word < end; word += strlen(word) + 1) {
		const char *next = word + strlen(word) + 1;

		if (word == cmdline || strncmp(word, name, n))
			continue;
		if (word[n] == '=')
			found = word + n + 1;
		else if (!word[n] && next < end)
			found = next;
	}
	return found;
}

const char *hook_log_of(const char *cmdline, size_t size)
{
	const char *file, *format;

	if (!size || cmdline[size - 1])
		return NULL; /* not whole */
	file = option_of(cmdline, size, "--log");
	format = option_of(cmdline, size, "--log-format");
	return file && *file == '/' && format && !strcmp(format, "json") ? file : NULL;
}

static int line_write(int fd, const char *text)
{
	_cleanup_json_ struct json line = {};
	char when[32];
	time_t now = time(NULL);
	struct tm utc;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	json_open_object(&line, NULL);
	json_add_string(&line, "level", "error");
	json_add_string(&line, "msg", text);
	json_add_string(&line, "time", when);
	json_close_object(&line);
	if (!json_done(&line))
		return -ENOMEM;
	return dprintf(fd, "%s\n", json_done(&line)) < 0 ? -errno : 0;
}

/*
 * Over a file that is ours alone, in a folder that others do not write to: nobody else is led by
 * the nose with it. Podman gives the folder to the container's root, which does not run yet.
 */
int hook_log_replace(const char *path, const char *text)
{
	const char *name = strrchr(path, '/') + 1;
	_cleanup_close_ int dir = -1, fd = -1;
	char folder[PATH_MAX], made[64];
	struct stat st;
	int r;

	if (!*name || name - path >= (ssize_t)sizeof(folder))
		return -EINVAL;
	snprintf(folder, name - path + 1, "%s", path);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st))
		return -errno;
	if (st.st_mode & 022)
		return -EPERM;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1)
		return -EPERM;
	snprintf(made, sizeof(made), ".terok-hook.%d", getpid());
	fd = openat(dir, made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = line_write(fd, text);
	if (!r && renameat(dir, made, dir, name))
		r = -errno;
	if (r)
		unlinkat(dir, made, 0);
	return r;
}

static void runtime_tell(const char *text)
{
	static char line[HOOK_PROC_MAX];
	ssize_t n = hook_read_proc(getppid(), "cmdline", line, sizeof(line));
	const char *path = n > 0 ? hook_log_of(line, n) : NULL;

	if (path)
		hook_log_replace(path, text);
}

void hook_tell(const char *id, const struct problem *why)
{
	char text[sizeof(why->text)], called[CONTAINER_ID_LEN], all[sizeof(text) + 16];

	log_safe(text, sizeof(text), why->text);
	log_safe(called, sizeof(called), id ?: "?");
	snprintf(all, sizeof(all), "terok: %s", text);
	fprintf(stderr, "%s\n", all);
	runtime_tell(all);
	openlog("terok-hook", LOG_PID, LOG_DAEMON);
	syslog(LOG_ERR, "container %s is not started: %s", called, text);
	closelog();
}
