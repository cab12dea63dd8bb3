// SPDX-License-Identifier: Apache-2.0
#include "doctor_proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"

#define REPLACE_NS (2 * SECOND_NS)

static ssize_t file_read(pid_t pid, const char *name, char *ret, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[40];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret, size - 1);
	if (n < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	ret[n] = '\0';
	return n;
}

static const char *field(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line ? line + strlen(name) : NULL;
}

int proc_status_parse(const char *text, struct proc_status *ret)
{
	const char *state = field(text, "\nState:\t"), *parent = field(text, "\nPPid:\t"),
		   *uid = field(text, "\nUid:\t"), *privs = field(text, "\nNoNewPrivs:\t"),
		   *filter = field(text, "\nSeccomp:\t"), *effective = field(text, "\nCapEff:\t"),
		   *bounding = field(text, "\nCapBnd:\t");
	unsigned real, used;

	/* Name: is first, and the process chose it: a line break in it is written as \n */
	if (!state || !parent || !uid || !effective || !bounding ||
	    sscanf(uid, "%u\t%u", &real, &used) != 2)
		return -EBADMSG;
	*ret = (struct proc_status){ .state = *state,
				     .ppid = atoi(parent),
				     .uid = used,
				     .no_new_privs = privs ? atoi(privs) : 0,
				     .seccomp = filter ? atoi(filter) : 0,
				     .effective = strtoull(effective, NULL, 16),
				     .bounding = strtoull(bounding, NULL, 16) };
	return 0;
}

int proc_status(pid_t pid, struct proc_status *ret)
{
	char text[4096];
	ssize_t n = file_read(pid, "status", text, sizeof(text));

	return n < 0 ? n : proc_status_parse(text, ret);
}

/* The words of a command line, ended by a NUL each. */
struct words {
	char text[8192];
	ssize_t n;
};

static const char *word_next(const struct words *words, const char *word)
{
	const char *next = word ? word + strlen(word) + 1 : words->text;

	return words->n > 0 && next < words->text + words->n ? next : NULL;
}

bool proc_option(pid_t pid, const char *name, char *ret, size_t size)
{
	struct words words;
	size_t len = strlen(name);

	words.n = file_read(pid, "cmdline", words.text, sizeof(words.text));
	for (const char *word = NULL; (word = word_next(&words, word));) {
		const char *value = NULL;

		if (strncmp(word, "--", 2) || strncmp(word + 2, name, len))
			continue;
		if (word[2 + len] == '=')
			value = word + 3 + len;
		else if (!word[2 + len])
			value = word_next(&words, word);
		if (value && snprintf(ret, size, "%s", value) < (int)size)
			return true;
	}
	return false;
}

ssize_t proc_cmdline(pid_t pid, char *ret, size_t size)
{
	return file_read(pid, "cmdline", ret, size);
}

int proc_each(int (*fn)(pid_t pid, void *user), void *user)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int r = dir ? 0 : -errno;

	while (!r && dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)*entry->d_name))
			r = fn(atoi(entry->d_name), user);
	if (dir)
		closedir(dir);
	return r;
}

struct crew {
	pid_t agent;
	struct proc_worker *worker;
	unsigned n, room;
};

static int crew_take(pid_t pid, void *user)
{
	struct crew *crew = user;
	struct proc_worker worker = { .pid = pid };

	if (crew->n < crew->room && !proc_status(pid, &worker.status) &&
	    worker.status.ppid == crew->agent && worker.status.state != 'Z' &&
	    proc_option(pid, "worker", worker.name, sizeof(worker.name)))
		crew->worker[crew->n++] = worker;
	return 0;
}

unsigned proc_workers(pid_t agent, struct proc_worker *ret, unsigned room)
{
	struct crew crew = { agent, ret, 0, room };

	proc_each(crew_take, &crew);
	return crew.n;
}

/* A worker of that name but for @not; 0: there is none. */
static pid_t worker_find(pid_t agent, const char *name, pid_t not )
{
	struct proc_worker worker[32];
	unsigned n = proc_workers(agent, worker, 32);

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(worker[i].name, name) && worker[i].pid != not )
			return worker[i].pid;
	return 0;
}

int proc_worker_replace(pid_t agent, const char *name, pid_t wanted, struct problem *why)
{
	uint64_t until_ns = now_boot_ns() + REPLACE_NS;
	pid_t pid = wanted ?: worker_find(agent, name, 0);
	_cleanup_close_ int fd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	struct proc_status status;

	/* it is that process, and still is what we took it for */
	if (fd < 0 || proc_status(pid, &status) || status.ppid != agent)
		return problem(why, -ESRCH, "the agent has no worker %s", name);
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0))
		return problem(why, -errno, "end worker %s, pid %d: %s", name, (int)pid,
			       strerror(errno));
	while (!worker_find(agent, name, pid)) {
		if (now_boot_ns() > until_ns)
			return problem(why, -ETIMEDOUT,
				       "the agent has not started another worker %s; its log says "
				       "why",
				       name);
		poll(NULL, 0, 10);
	}
	return 0;
}

/* Until it can be read or written; 0 or negative errno. */
static int stream_wait(int fd, short events, uint64_t until_ns)
{
	struct pollfd one = { .fd = fd, .events = events };
	uint64_t now = now_boot_ns();
	int n = now < until_ns ? poll(&one, 1, (until_ns - now) / 1000000 + 1) : 0;

	return n > 0 ? 0 : n ? -errno : -ETIMEDOUT;
}

ssize_t proc_talk(int fd, const void *bytes, size_t n, int end, char *ret, size_t size,
		  unsigned limit_ms)
{
	uint64_t until_ns = now_boot_ns() + limit_ms * UINT64_C(1000000);
	size_t got = 0;
	int r = stream_wait(fd, POLLOUT, until_ns);

	if (r)
		return r;
	if (send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
		return -errno;
	while (got < size - 1) {
		ssize_t more;

		r = stream_wait(fd, POLLIN, until_ns);
		if (r)
			return r;
		more = recv(fd, ret + got, size - 1 - got, MSG_DONTWAIT);
		if (more < 0)
			return -errno;
		got += more;
		ret[got] = '\0';
		if (!more && end >= 0)
			return -EPIPE;
		if (!more || (end >= 0 && memchr(ret, end, got)))
			break;
	}
	return got;
}
