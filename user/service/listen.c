// SPDX-License-Identifier: Apache-2.0
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/log.h"
#include "pid_file.h"

#define BACKLOG    256
#define SYSTEM_LOG "/dev/log"

static int address_read(const char *text, unsigned port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){};
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		return -EINVAL;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	return sizeof(*v6);
}

static int cannot_listen(const struct service *service, const char *address, unsigned port,
			 int error, struct problem *why)
{
	if (error != -EADDRINUSE)
		return problem(why, error, "cannot listen at %s port %u: %s", address, port,
			       strerror(-error));
	return problem(why, error,
		       "cannot listen at %s port %u: %s; is another %s running? Else take another "
		       "--port",
		       address, port, strerror(-error), service->noun);
}

/* Of a container's network: its bridge is there with the first container, and goes with the last. */
static int bind_early(int fd, const struct sockaddr_storage *at, socklen_t size)
{
	const int yes = 1;
	int r = at->ss_family == AF_INET
		    ? setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes))
		    : setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof(yes));

	return r || bind(fd, (const struct sockaddr *)at, size) ? -errno : 0;
}

static int bind_to(const struct service *service, int fd, const char *address,
		   const struct sockaddr_storage *at, socklen_t size)
{
	int r = bind(fd, (const struct sockaddr *)at, size) ? -errno : 0;

	if (r != -EADDRNOTAVAIL || !service->early)
		return r;
	r = bind_early(fd, at, size);
	if (!r)
		log_info("%s is no address of this host yet", address);
	return r;
}

int listen_tcp(const struct service *service, const char *address, unsigned port, int *ret,
	       struct problem *why)
{
	struct sockaddr_storage at;
	_cleanup_close_ int fd = -1;
	int size = address_read(address, port, &at), yes = 1, r;

	if (size < 0)
		return problem(why, size, "--bind %s is no address: write it as 127.0.0.1 or ::1",
			       address);
	fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return problem(why, -errno, "make a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	r = bind_to(service, fd, address, &at, (socklen_t)size);
	if (!r && listen(fd, BACKLOG))
		r = -errno;
	if (r)
		return cannot_listen(service, address, port, r, why);
	*ret = TAKE_FD(fd);
	return 0;
}

int listen_port(const struct service *service, struct passed *passed, const char *address,
		unsigned port, int *ret, struct problem *why)
{
	int fd = passed ? passed_take_port(passed, port) : -ENOENT;

	if (fd == -ENOENT)
		return listen_tcp(service, address, port, ret, why);
	if (fd < 0)
		return problem(why, fd, "the socket that was passed for port %u: %s", port,
			       strerror(-fd));
	*ret = fd;
	return 0;
}

int listen_path(struct passed *passed, const char *path, struct sock_place *ret,
		struct problem *why)
{
	_cleanup_close_ int fd = passed ? passed_take(passed, path) : -ENOENT;
	struct stat st;
	int r;

	if (fd == -ENOENT && !lstat(path, &st) && !S_ISSOCK(st.st_mode))
		return problem(why, -EEXIST, "%s is no socket: it stays where it is", path);
	if (fd == -ENOENT)
		return sock_place_take(path, ret, why);
	if (fd < 0)
		return problem(why, fd, "the socket that was passed for %s: %s", path,
			       strerror(-fd));
	r = sock_place_adopt(path, fd, ret, why);
	if (!r)
		fd = -1;
	return r;
}

/* --- on its own ------------------------------------------------------------------------ */

static int pid_write(const char *path, pid_t pid, struct problem *why)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -1;

	if (!copy)
		return problem(why, -ENOMEM, "no memory for %s", path);
	dir_make(dirname(copy));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, 0600) || dprintf(fd, "%d", pid) < 0)
		return problem(why, -errno, "write the pid file %s: %s", path, strerror(errno));
	return 0;
}

/* Its lines go to the system's log, one datagram each. */
static void log_connect(const char *program)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = SYSTEM_LOG };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		closep(&fd);
	for (int i = 0; i < 3; i++)
		dup2(i == 2 && fd >= 0 ? fd : null, i);
	closep(&null);
	closep(&fd);
	log_setup(program, LOG_INFO, true);
}

/* Of two that are told so by hand, the second has no file that the first needs to be ended. */
static int pid_check(const struct service *service, const char *path, struct problem *why)
{
	_cleanup_pid_ struct pid_process process = PID_PROCESS_NONE;
	int state = pid_file_read(path, &process, why);

	if (state != PID_OURS || process.pid == getpid()) /* a number that was given again */
		return state < 0 ? state : 0;
	return problem(why, -EALREADY,
		       "%s is of a %s that runs, process %d: take another --pid-file", path,
		       service->noun, process.pid);
}

int listen_detach(const struct service *service, const char *pid_file, struct problem *why)
{
	int r = pid_file ? pid_check(service, pid_file, why) : 0;
	pid_t pid;

	if (r)
		return r;
	pid = fork();
	if (pid < 0)
		return problem(why, -errno, "start a process: %s", strerror(errno));
	if (!pid) {
		setsid();
		log_connect(service->program);
		return 0;
	}
	if (pid_file)
		r = pid_write(pid_file, pid, why);
	if (!r)
		_exit(0);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}
