// SPDX-License-Identifier: Apache-2.0
#include "base/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

static unsigned long number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	unsigned long value;

	if (!text || *text < '0' || *text > '9')
		return 0;
	value = strtoul(text, &end, 10);
	return *end ? 0 : value;
}

int passed_open(struct passed *ret, struct problem *why)
{
	unsigned long pid = number("LISTEN_PID"), n = number("LISTEN_FDS");

	*ret = (struct passed){};
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (pid != (unsigned long)getpid()) /* whoever started us has not unset them */
		return 0;
	if (n > PASSED_MAX)
		return problem(why, -E2BIG, "%lu sockets were passed: %d are the most", n,
			       PASSED_MAX);
	for (; ret->n < n; ret->n++) {
		ret->fd[ret->n] = PASSED_FIRST + ret->n;
		if (fcntl(ret->fd[ret->n], F_SETFD, FD_CLOEXEC))
			return problem(why, -errno, "socket %d was passed and is not there",
				       ret->fd[ret->n]);
	}
	return 0;
}

int passed_last(const struct passed *passed)
{
	return PASSED_FIRST - 1 + (int)passed->n;
}

static bool option_is(int fd, int option, int want)
{
	socklen_t size = sizeof(int);
	int value;

	return !getsockopt(fd, SOL_SOCKET, option, &value, &size) && value == want;
}

/* Where it listens; "": it is no such socket. */
static const char *place_of(int fd, struct sockaddr_un *sun)
{
	socklen_t size = sizeof(*sun);

	memset(sun, 0, sizeof(*sun));
	if (!option_is(fd, SO_DOMAIN, AF_UNIX) || !option_is(fd, SO_TYPE, SOCK_STREAM) ||
	    !option_is(fd, SO_ACCEPTCONN, 1) || getsockname(fd, (struct sockaddr *)sun, &size) ||
	    size > sizeof(*sun) || !memchr(sun->sun_path, '\0', sizeof(sun->sun_path)))
		return "";
	return sun->sun_path;
}

int passed_take(struct passed *passed, const char *path)
{
	struct sockaddr_un sun;

	for (unsigned i = 0; *path && i < passed->n; i++) {
		int fd = passed->fd[i], flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

		if (flags < 0 || strcmp(place_of(fd, &sun), path) != 0)
			continue;
		if (fcntl(fd, F_SETFL, flags | O_NONBLOCK))
			return -errno;
		return TAKE_FD(passed->fd[i]);
	}
	return -ENOENT;
}

/* The TCP port where it listens; 0: it is no such socket. */
static unsigned port_of(int fd)
{
	struct sockaddr_storage at;
	socklen_t size = sizeof(at);

	if (!option_is(fd, SO_PROTOCOL, IPPROTO_TCP) || !option_is(fd, SO_ACCEPTCONN, 1) ||
	    getsockname(fd, (struct sockaddr *)&at, &size))
		return 0;
	return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
					      : ((struct sockaddr_in *)&at)->sin_port);
}

int passed_take_port(struct passed *passed, unsigned port)
{
	for (unsigned i = 0; port && i < passed->n; i++) {
		int fd = passed->fd[i], flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

		if (flags < 0 || port_of(fd) != port)
			continue;
		if (fcntl(fd, F_SETFL, flags | O_NONBLOCK))
			return -errno;
		return TAKE_FD(passed->fd[i]);
	}
	return -ENOENT;
}

int passed_next(struct passed *passed)
{
	for (unsigned i = 0; i < passed->n; i++) {
		int fd = passed->fd[i], flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

		if (flags < 0 || !option_is(fd, SO_TYPE, SOCK_STREAM) ||
		    !option_is(fd, SO_ACCEPTCONN, 1))
			continue;
		if (fcntl(fd, F_SETFL, flags | O_NONBLOCK))
			return -errno;
		return TAKE_FD(passed->fd[i]);
	}
	return -ENOENT;
}

int passed_done(struct passed *passed, struct problem *why)
{
	struct sockaddr_un sun;
	const char *place;
	int r = 0;

	for (unsigned i = 0; i < passed->n; i++) {
		if (passed->fd[i] < 0)
			continue;
		place = place_of(passed->fd[i], &sun);
		if (!r)
			r = problem(why, -EINVAL,
				    "socket %d was passed (%s): there is no use for it",
				    passed->fd[i], *place ? place : "none that listens at a path");
		closep(&passed->fd[i]);
	}
	passed->n = 0;
	return r;
}
