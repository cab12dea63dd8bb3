// SPDX-License-Identifier: Apache-2.0
#include "reaper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BY_PIDFD ((idtype_t)3) /* P_PIDFD */

static void child_status(struct reaped *child)
{
	siginfo_t ended = {};

	child->code = -1;
	if (waitid(BY_PIDFD, child->source.fd, &ended, WEXITED | WNOHANG | WNOWAIT))
		return; /* it cannot be: nobody else reaps what is known */
	if (ended.si_code == CLD_EXITED)
		child->code = ended.si_status;
	else
		child->signo = ended.si_status;
}

static int on_ended(struct source *source, uint32_t events)
{
	struct reaped *child = container_of(source, struct reaped, source);

	(void)events;
	child_status(child);
	source_del(&child->source);
	child->ended = true;
	child->fn(child);
	return 0;
}

int reaper_watch(struct reaper *reaper, struct reaped *child, pid_t pid,
		 void (*fn)(struct reaped *child))
{
	_cleanup_close_ int fd = syscall(SYS_pidfd_open, pid, 0);
	int r;

	if (fd < 0)
		return -errno;
	*child = (struct reaped){ .reaper = reaper, .pid = pid, .fn = fn };
	r = source_add(reaper->loop, &child->source, fd, EPOLLIN, on_ended);
	if (r) {
		*child = (struct reaped){};
		return r;
	}
	fd = -1; /* the source's */
	child->next = reaper->first;
	reaper->first = child;
	return 0;
}

static int on_again(struct timer *timer)
{
	reaper_look(container_of(timer, struct reaper, again));
	return 0;
}

/* Orphans behind it in the kernel's list were not seen for it. */
static void look_soon(struct reaper *reaper)
{
	timer_arm(reaper->loop, &reaper->again, 0, on_again);
}

void reaper_release(struct reaped *child)
{
	struct reaper *reaper = child->reaper;
	struct reaped **p;

	if (!reaper)
		return;
	for (p = &reaper->first; *p != child; p = &(*p)->next)
		;
	*p = child->next;
	source_del(&child->source);
	close(child->source.fd);
	waitid(P_PID, child->pid, &(siginfo_t){}, WEXITED | WNOHANG);
	*child = (struct reaped){};
	look_soon(reaper);
}

static bool known(const struct reaper *reaper, pid_t pid)
{
	for (const struct reaped *child = reaper->first; child; child = child->next)
		if (child->pid == pid)
			return true;
	return false;
}

/* Is this process a child of ours? Its state as /proc has it, else 0. */
static char child_state(const char *name)
{
	char path[64], text[512], *at, state = 0;
	int fd, parent = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')'); /* a name may have any bytes */
	if (!at || sscanf(at, ") %c %d", &state, &parent) != 2 || parent != getpid())
		return 0;
	return state;
}

/* Each child of ours that /proc shows; without it there is none. */
static void each_child(void (*fn)(struct reaper *reaper, pid_t pid, char state, int arg),
		       struct reaper *reaper, int arg)
{
	_cleanup_(closedirp) DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		pid_t pid = atoi(entry->d_name);
		char state = pid > 0 ? child_state(entry->d_name) : 0;

		if (state)
			fn(reaper, pid, state, arg);
	}
}

static bool reap(struct reaper *reaper, pid_t pid)
{
	if (waitid(P_PID, pid, &(siginfo_t){}, WEXITED | WNOHANG))
		return false;
	reaper->orphans++;
	return true;
}

static void reap_if_orphan(struct reaper *reaper, pid_t pid, char state, int arg)
{
	(void)arg;
	if (state == 'Z' && !known(reaper, pid))
		reap(reaper, pid);
}

void reaper_look(struct reaper *reaper)
{
	for (int i = 0; i < REAPER_ROUND; i++) {
		siginfo_t ended = {};

		if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) || !ended.si_pid)
			return;
		/* waitid() shows the first one, always: what is behind a known one is in /proc */
		if (known(reaper, ended.si_pid)) {
			each_child(reap_if_orphan, reaper, 0);
			return;
		}
		if (!reap(reaper, ended.si_pid))
			return;
	}
	look_soon(reaper);
}

bool reaper_empty(void)
{
	siginfo_t any = {};

	return waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) && errno == ECHILD;
}

static void signal_one(struct reaper *reaper, pid_t pid, char state, int signo)
{
	(void)reaper;
	if (state != 'Z')
		kill(pid, signo);
}

void reaper_signal_all(int signo)
{
	if (getpid() == 1)
		kill(-1, signo);
	else
		each_child(signal_one, NULL, signo);
}
