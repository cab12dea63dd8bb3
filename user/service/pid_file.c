// SPDX-License-Identifier: Apache-2.0
#include "pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define CMDLINE_MAX 65536

void pid_process_done(struct pid_process *process)
{
	closep(&process->fd);
	freep(&process->cmdline);
}

/* A decimal number, one newline behind it at most. 0: it is none. */
static pid_t number(const char *text)
{
	size_t n = strspn(text, "0123456789");

	if (!n || n > 9 || strcmp(text + n + (text[n] == '\n'), ""))
		return 0;
	return (pid_t)atoi(text);
}

/* -ENOENT: there is no file. 0 in @ret: it holds no number. */
static int file_number(const char *path, pid_t *ret, struct problem *why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[32] = "";
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT
				       : problem(why, -errno, "read the pid file %.150s: %s", path,
						 strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	*ret = number(text);
	return 0;
}

static int cmdline_read(struct pid_process *process, struct problem *why)
{
	char path[64];
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", process->pid);
	file = fopen(path, "re");
	process->cmdline =
	    calloc(1, CMDLINE_MAX + 2); /* a NUL behind the last word, and one more */
	if (!process->cmdline)
		return -ENOMEM;
	if (!file)
		return errno == ENOENT ? 0
				       : problem(why, -errno, "look at process %d: %s",
						 process->pid, strerror(errno));
	process->size = fread(process->cmdline, 1, CMDLINE_MAX, file);
	return 0;
}

/* "--name=value", or "--name" and "value". */
const char *pid_process_option(const struct pid_process *process, const char *name)
{
	const char *word = process->cmdline, *end = word ? word + process->size : NULL;
	size_t n = strlen(name);

	for (; word < end; word += strlen(word) + 1) {
		if (strncmp(word, name, n))
			continue;
		if (word[n] == '=')
			return word + n + 1;
		if (!word[n] && word + n + 1 < end)
			return word + n + 1;
	}
	return NULL;
}

bool pid_process_ended(const struct pid_process *process, int wait_ms)
{
	struct pollfd fd = { .fd = process->fd, .events = POLLIN };
	int r;

	do
		r = poll(&fd, 1, wait_ms);
	while (r < 0 && errno == EINTR);
	return r > 0;
}

int pid_file_read(const char *path, struct pid_process *ret, struct problem *why)
{
	const char *of;
	int r;

	*ret = PID_PROCESS_NONE;
	r = file_number(path, &ret->pid, why);
	if (r)
		return r == -ENOENT ? PID_NONE : r;
	if (!ret->pid)
		return PID_FOREIGN;
	ret->fd = pidfd_open(ret->pid, 0);
	if (ret->fd < 0)
		return errno == ESRCH || errno == EINVAL
			   ? PID_DEAD
			   : problem(why, -errno, "look at process %d: %s", ret->pid,
				     strerror(errno));
	r = cmdline_read(ret, why);
	if (r)
		return r;
	if (pid_process_ended(ret, 0)) /* one that nobody has waited for yet, as well */
		return PID_DEAD;
	of = pid_process_option(ret, "--pid-file");
	return of && !strcmp(of, path) ? PID_OURS : PID_FOREIGN;
}
