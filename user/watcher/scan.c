// SPDX-License-Identifier: Apache-2.0
#include "watcher/scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "watcher/file.h"

#define CMDLINE_MAX 16384 /* podman's conmon lines have about 2,000 bytes */
#define STATUS_MAX  8192
#define PIDFILE_MAX 16

/* The real uid is ours, and it has one number: it is in our pid namespace, not in a container's. */
static bool is_ours(long pid)
{
	_cleanup_free_ char *text = NULL;
	const char *uid_line, *pid_line;
	char path[40];
	unsigned uid;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	if (file_read(path, STATUS_MAX, &text, &size))
		return false;
	uid_line = strstr(text, "\nUid:"); /* the name before it cannot hold a newline */
	pid_line = strstr(text, "\nNSpid:");
	if (!uid_line || sscanf(uid_line, "\nUid: %u", &uid) != 1 || uid != getuid())
		return false;
	if (!pid_line)
		return true;
	pid_line += strlen("\nNSpid:");
	pid_line += strspn(pid_line, "\t ");
	pid_line += strspn(pid_line, "0123456789");
	return *pid_line == '\n';
}

static bool is_monitor(long pid, struct monitor *ret)
{
	_cleanup_free_ char *text = NULL, *line = NULL;
	char path[40];
	size_t size;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	if (file_read(path, 64, &text, &size) || strcmp(text, "conmon\n") || !is_ours(pid))
		return false;
	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	return !file_read(path, CMDLINE_MAX, &line, &size) && !monitor_parse(line, size, ret);
}

int scan_monitors(void (*fn)(const struct monitor *monitor, pid_t pid, void *user), void *user)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		struct monitor monitor;
		struct stat st;
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid <= 0 || *end || fstatat(dirfd(proc), entry->d_name, &st, 0) ||
		    st.st_uid != getuid())
			continue;
		if (is_monitor(pid, &monitor))
			fn(&monitor, pid, user);
	}
	closedir(proc);
	return 0;
}

pid_t scan_pid(const char *pidfile)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	long pid;

	if (!*pidfile || file_read(pidfile, PIDFILE_MAX, &text, &size))
		return 0;
	pid = strtol(text, NULL, 10);
	return pid > 0 && pid <= INT32_MAX ? pid : 0;
}
