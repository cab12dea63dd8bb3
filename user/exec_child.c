// SPDX-License-Identifier: Apache-2.0
#include "exec_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/pty.h"
#include "cgroup.h"

#define OWN_FDS_MAX 256 /* exec opens a few dozen, and the lowest numbers first */

/* What the monitor says. The other way an int goes: the signal to send. */
struct word {
	enum { WORD_ENDED, WORD_STOPPED } what;
	int code, sig;
};

static _Noreturn void fail(int code, const char *what, int err)
{
	dprintf(2, "terok-bpfd: exec: %s: %s\n", what, strerror(err));
	_exit(code);
}

/* In the child, for good: CMD, or a message and an exit code as a shell gives. */
static _Noreturn void become_cmd(const struct exec_child *child)
{
	int r = cgroup_join(child->cgroup_fd);

	if (r)
		fail(125, "cannot enter the guarded cgroup", -r);
	sigaction(SIGCHLD, &child->on_child, NULL);
	sigaction(SIGPIPE, &child->on_pipe, NULL);
	sigprocmask(SIG_SETMASK, &child->mask, NULL);
	if (child->to_stderr && dup2(2, 1) < 0)
		fail(125, "standard output", errno);
	execvp(child->argv[0], child->argv);
	fail(errno == ENOENT ? 127 : 126, child->argv[0], errno);
}

static struct word ending_of(const siginfo_t *info)
{
	struct word word = { .what = WORD_ENDED };

	if (info->si_code == CLD_EXITED)
		word.code = info->si_status;
	else
		word.sig = info->si_status;
	if (word.sig)
		word.code = 128 + word.sig;
	return word;
}

/* In the monitor: CMD in its own process group, which gets the terminal. */
static pid_t monitor_start(const struct exec_child *child)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		tcsetpgrp(0, getpid()); /* SIGTTOU is blocked here */
		become_cmd(child);
	}
	if (pid > 0)
		setpgid(pid, pid); /* whoever of the two comes first */
	return pid;
}

/* One signal that exec wants CMD to have. False: exec is gone. */
static bool monitor_relay(int talk, pid_t pid)
{
	int sig;

	if (recv(talk, &sig, sizeof(sig), 0) != sizeof(sig))
		return false;
	if (sig == SIGCONT)
		tcsetpgrp(0, pid);
	kill(-pid, sig);
	return true;
}

/* Look at CMD; true when it ended. */
static bool monitor_reap(int talk, pid_t pid)
{
	struct word word = { .what = WORD_STOPPED };
	siginfo_t info = { 0 };

	while (!waitid(P_PID, pid, &info, WEXITED | WSTOPPED | WNOHANG) && info.si_pid) {
		if (info.si_code == CLD_STOPPED)
			word.sig = info.si_status;
		else
			word = ending_of(&info);
		if (send(talk, &word, sizeof(word), MSG_NOSIGNAL) < 0)
			return true;
		if (word.what == WORD_ENDED)
			return true;
		info.si_pid = 0;
	}
	return false;
}

/*
 * The terminal becomes standard input, output and error. What exec holds open (all of it
 * close-on-exec) is let go of; what the person's shell passed for CMD stays, like the
 * /dev/fd/63 of bash's <(...).
 */
static int monitor_take_fds(const struct exec_child *child, int talk)
{
	for (int fd = 0; fd < 3; fd++)
		if (dup2(child->terminal, fd) < 0)
			return -errno;
	for (int fd = 3; fd < OWN_FDS_MAX; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags >= 0 && flags & FD_CLOEXEC && fd != talk && fd != child->cgroup_fd)
			close(fd);
	}
	return 0;
}

/* Ends with CMD, or with exec: then the session ends and its processes get SIGHUP. */
static _Noreturn void monitor(struct exec_child *child, int talk)
{
	struct pollfd fds[2] = { { .fd = talk, .events = POLLIN }, { .events = POLLIN } };
	sigset_t all;
	pid_t pid;
	int r;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	r = pty_take(child->terminal);
	if (r)
		fail(125, "cannot take the terminal", -r);
	r = monitor_take_fds(child, talk);
	if (r)
		fail(125, "descriptors", -r);
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	fds[1].fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	pid = monitor_start(child);
	if (pid < 0 || fds[1].fd < 0)
		fail(125, "fork", errno);
	for (;;) {
		struct signalfd_siginfo news;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			_exit(125);
		while (read(fds[1].fd, &news, sizeof(news)) > 0)
			;
		if (monitor_reap(talk, pid))
			_exit(0);
		if (fds[0].revents && !monitor_relay(talk, pid))
			_exit(0);
	}
}

static void over(struct exec_child *child, struct word word)
{
	if (child->over)
		return;
	child->over = true;
	source_del(&child->pidfd_source);
	source_del(&child->talk_source);
	child->ended(child, word.code, word.sig);
}

static int on_talk(struct source *source, uint32_t events)
{
	struct exec_child *child = container_of(source, struct exec_child, talk_source);
	struct word word = { 0 };
	ssize_t n = recv(child->talk, &word, sizeof(word), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != sizeof(word)) { /* the monitor is gone; its exit code says why */
		source_del(&child->talk_source);
		return 0;
	}
	if (word.what == WORD_STOPPED)
		child->stopped(child);
	else
		over(child, word);
	return 0;
}

static int on_pidfd(struct source *source, uint32_t events)
{
	struct exec_child *child = container_of(source, struct exec_child, pidfd_source);
	siginfo_t info = { 0 };
	struct word word;

	(void)events;
	/* the monitor's last word may be in the socket still, and says more than its end */
	if (child->talk >= 0 &&
	    recv(child->talk, &word, sizeof(word), MSG_DONTWAIT | MSG_PEEK) == sizeof(word))
		return 0;
	if (waitid(P_PIDFD, child->pidfd, &info, WEXITED | WNOHANG) || !info.si_pid)
		return 0;
	child->pid = -1;
	over(child, ending_of(&info));
	return 0;
}

static int watch(struct exec_child *child, struct loop *loop)
{
	int r;

	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd < 0)
		return -errno;
	r = source_add(loop, &child->pidfd_source, child->pidfd, EPOLLIN, on_pidfd);
	if (!r && child->talk >= 0)
		r = source_add(loop, &child->talk_source, child->talk, EPOLLIN, on_talk);
	return r;
}

int child_start(struct exec_child *child, struct loop *loop)
{
	int talk[2] = { -1, -1 };

	child->pidfd = child->talk = -1;
	if (child->terminal >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk))
		return -errno;
	child->pid = fork();
	if (child->pid == 0) {
		closep(&talk[0]); /* or the monitor would never see that exec is gone */
		if (child->terminal >= 0)
			monitor(child, talk[1]);
		become_cmd(child);
	}
	closep(&talk[1]);
	closep(&child->terminal);
	child->talk = talk[0];
	return child->pid < 0 ? -errno : watch(child, loop);
}

int child_take_signals(struct exec_child *child, struct loop *loop, struct source *source,
		       source_fn fn, int *fd)
{
	static const int all[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1,
				   SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH };
	struct sigaction plain = { .sa_handler = SIG_DFL }, ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		sigaddset(&set, all[i]);
	/* where SIGCHLD is ignored, as some who start us do, no child can be waited for */
	if (sigaction(SIGCHLD, &plain, &child->on_child) ||
	    sigaction(SIGPIPE, &ignore, &child->on_pipe) ||
	    sigprocmask(SIG_BLOCK, &set, &child->mask))
		return -errno;
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? -errno : source_add(loop, source, *fd, EPOLLIN, fn);
}

void child_signal(struct exec_child *child, int sig)
{
	if (child->over || child->pid <= 0)
		return;
	if (child->talk >= 0)
		send(child->talk, &sig, sizeof(sig), MSG_NOSIGNAL | MSG_DONTWAIT);
	else
		pidfd_send_signal(child->pidfd, sig, NULL, 0);
}

void child_done(struct exec_child *child)
{
	source_del(&child->pidfd_source);
	source_del(&child->talk_source);
	closep(&child->pidfd);
	closep(&child->talk);
}
