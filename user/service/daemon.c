// SPDX-License-Identifier: Apache-2.0
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/event.h"
#include "base/spawn.h"
#include "pid_file.h"

#define WORDS_MAX 16
#define STOP_MS   30000 /* the server gives transfers 20 s */

/* --- start ----------------------------------------------------------------------------- */

/* Held while one begins: of two that are told at once, one does. */
static int lock(const char *pid_file, int *ret, struct problem *why)
{
	_cleanup_free_ char *path = NULL, *folder = strdup(pid_file);
	_cleanup_close_ int fd = -1;

	if (!folder || asprintf(&path, "%s.lock", pid_file) < 0)
		return problem(why, -ENOMEM, "no memory");
	dir_make(dirname(folder));
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return problem(why, -errno, "make %.150s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB))
		return problem(why, errno == EWOULDBLOCK ? -EALREADY : -errno,
			       errno == EWOULDBLOCK ? "another start is at work (%.150s)"
						    : "lock %.150s",
			       path);
	*ret = TAKE_FD(fd);
	return 0;
}

/* A socket that the server tells that it serves, as it tells systemd; its name is in @ret_name. */
static int ready_open(char ret_name[static 128], struct problem *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(at);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int yes = 1;

	/* a name that the kernel chooses */
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(sa_family_t)) ||
	    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) ||
	    getsockname(fd, (struct sockaddr *)&at, &size))
		return problem(why, -errno, "make a socket: %s", strerror(errno));
	snprintf(ret_name, 128, "NOTIFY_SOCKET=@%.*s",
		 (int)(size - offsetof(struct sockaddr_un, sun_path) - 1), at.sun_path + 1);
	return TAKE_FD(fd);
}

/* 1: @pid, and nobody else, has said that it serves. */
static int ready_read(int fd, pid_t pid)
{
	char text[600], control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
	struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	struct ucred from;

	if (!head || head->cmsg_type != SCM_CREDENTIALS)
		return 0;
	memcpy(&from, CMSG_DATA(head), sizeof(from));
	text[n] = '\0';
	return from.pid == pid && strstr(text, "READY=1");
}

static int pass_on(int fd, const char *bytes, size_t n, void *user)
{
	(void)user;
	return write(fd == 1 ? 2 : fd, bytes, n) < 0 ? -errno : 0;
}

/* Ours, but for what a service manager told us of ourselves. */
static const char **environment(const char *notify)
{
	static const char *const not [] = { "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_" };
	size_t n = 0, of = 0;
	const char **env;

	while (environ[of])
		of++;
	env = calloc(of + 2, sizeof(*env));
	for (size_t i = 0; env && i < of; i++) {
		bool leave = false;

		for (unsigned j = 0; j < 3; j++)
			leave |= !strncmp(environ[i], not [j], strlen(not [j]));
		if (!leave)
			env[n++] = environ[i];
	}
	if (env)
		env[n] = notify;
	return env;
}

static uint64_t limit_of(const struct daemon_options *options)
{
	return options->limit_ns ?: DAEMON_LIMIT_NS;
}

static int run_serve(const struct daemon_options *options, const char *notify, struct problem *why)
{
	_cleanup_free_ char *pid = NULL;
	_cleanup_free_ const char **env = environment(notify);
	const char *argv[WORDS_MAX + 5] = { options->program, "serve" };
	unsigned n = 2;
	int r, status;

	if (!env || asprintf(&pid, "--pid-file=%s", options->pid_file) < 0)
		return problem(why, -ENOMEM, "no memory");
	for (unsigned i = 0; options->words[i]; i++) {
		if (i == WORDS_MAX)
			return problem(why, -E2BIG, "too many words for a server");
		argv[n++] = options->words[i];
	}
	argv[n++] = "--detach";
	argv[n] = pid;
	r = spawn_follow(&(struct spawn){ .argv = argv, .env = env, .limit_ns = limit_of(options) },
			 &(struct spawn_watch){ .bytes = pass_on, .leaves_others = true }, &status,
			 why);
	if (!r && status)
		r = problem(why, -EIO, "the server did not begin");
	return r;
}

static int wait_ready(const struct service *service, const struct daemon_options *options,
		      int ready, pid_t *ret, struct problem *why)
{
	_cleanup_pid_ struct pid_process process = PID_PROCESS_NONE;
	uint64_t until = now_boot_ns() + limit_of(options), now;
	int state = pid_file_read(options->pid_file, &process, why);

	if (state < 0)
		return state;
	while (state == PID_OURS && (now = now_boot_ns()) < until) {
		struct pollfd fds[] = { { .fd = ready, .events = POLLIN },
					{ .fd = process.fd, .events = POLLIN } };

		if (poll(fds, 2, (int)((until - now) / 1000000 + 1)) < 0 && errno != EINTR)
			return problem(why, -errno, "wait for the server: %s", strerror(errno));
		if (ready_read(ready, process.pid)) {
			*ret = process.pid;
			return 0;
		}
		if (fds[1].revents)
			state = PID_DEAD;
	}
	if (state != PID_OURS)
		return problem(why, -EIO,
			       "the server ended at once; the system's log says why (journalctl "
			       "-t %s)",
			       service->program);
	return problem(why, -ETIMEDOUT,
		       "process %d does not say that it serves; try: %s "
		       "stop",
		       process.pid, service->program);
}

int daemon_start(const struct service *service, const struct daemon_options *options, pid_t *ret,
		 struct problem *why)
{
	_cleanup_pid_ struct pid_process process = PID_PROCESS_NONE;
	_cleanup_close_ int locked = -1, ready = -1;
	char notify[128];
	int r = lock(options->pid_file, &locked, why);

	if (r)
		return r;
	r = pid_file_read(options->pid_file, &process, why);
	if (r == PID_OURS)
		return problem(why, -EALREADY,
			       "a %s runs already, process %d; see: %s "
			       "status",
			       service->noun, process.pid, service->program);
	if (r < 0)
		return r;
	ready = ready_open(notify, why);
	if (ready < 0)
		return ready;
	r = run_serve(options, notify, why);
	return r ?: wait_ready(service, options, ready, ret, why);
}

/* --- stop ------------------------------------------------------------------------------ */

/* Another may have begun since, whose file it is now. */
static void file_remove(const char *path, pid_t pid)
{
	_cleanup_pid_ struct pid_process now = PID_PROCESS_NONE;

	if (pid_file_read(path, &now, NULL) == PID_DEAD && now.pid == pid)
		unlink(path);
}

int daemon_stop(const char *pid_file, struct problem *why)
{
	_cleanup_pid_ struct pid_process process = PID_PROCESS_NONE;
	int state = pid_file_read(pid_file, &process, why);

	if (state == PID_DEAD)
		file_remove(pid_file, process.pid);
	if (state != PID_OURS)
		return state < 0 ? state : 0;
	if (pidfd_send_signal(process.fd, SIGTERM, NULL, 0) && errno != ESRCH)
		return problem(why, -errno, "tell process %d to end: %s", process.pid,
			       strerror(errno));
	if (!pid_process_ended(&process, STOP_MS))
		return problem(why, -EBUSY,
			       "process %d has not ended in %d seconds; it was told to",
			       process.pid, STOP_MS / 1000);
	file_remove(pid_file, process.pid);
	return 1;
}
