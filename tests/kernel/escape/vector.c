// SPDX-License-Identifier: Apache-2.0
#include "vector.h"

#include <stdio.h>
#include <sys/time.h>

#include "stage.h"

long need(long result)
{
	if (result < 0)
		stage_end(errno, "");
	return result;
}

void cannot(const char *why)
{
	stage_end(STAGE_CANNOT, why);
}

void refused(const char *why)
{
	stage_end(EPERM, why);
}

int sock_of(int family, int type, int proto)
{
	/* far longer than a veth takes; a guard that drops silently costs this much */
	const struct timeval limit = { .tv_usec = 100000 };
	int fd = need(socket(family, type | SOCK_CLOEXEC, proto));

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

int sock(const struct target *target, int type, int proto)
{
	return sock_of(target->family, type, proto);
}

void setint(int fd, int level, int option, int value)
{
	need(setsockopt(fd, level, option, &value, sizeof(value)));
}

void send_marker(int fd, const struct target *target)
{
	need(send(fd, target->marker, MARKER_LEN, MSG_NOSIGNAL));
}

void send_marker_to(int fd, const struct target *target, const union address *to)
{
	socklen_t len = to->sa.sa_family == AF_INET ? sizeof(to->in) : sizeof(to->in6);

	need(sendto(fd, target->marker, MARKER_LEN, MSG_NOSIGNAL, &to->sa, len));
}

void connect_to(int fd, const struct target *target, const union address *to)
{
	socklen_t len = to->sa.sa_family == AF_INET ? sizeof(to->in) : sizeof(to->in6);

	(void)target;
	need(connect(fd, &to->sa, len));
}

bool await_byte(int talk)
{
	char byte;

	return read(talk, &byte, 1) == 1;
}

union fd_message {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

void give_fd(int talk, int fd)
{
	union fd_message control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
					       .cmsg_level = SOL_SOCKET,
					       .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = "f", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	need(sendmsg(talk, &msg, 0));
}

int take_fd(int talk)
{
	union fd_message control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(talk, &msg, 0) != 1 || msg.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}
