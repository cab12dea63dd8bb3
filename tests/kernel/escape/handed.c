// SPDX-License-Identifier: Apache-2.0
#include "handed.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "vector.h"

/* --handed FD ADDRESS MARKER: send on that descriptor, or with -1 on a socket of its own. */
int handed_main(int argc, char **argv)
{
	union address to = {};
	socklen_t len = sizeof(to.in6);
	int fd;

	if (argc != 5)
		return EINVAL;
	fd = atoi(argv[2]);
	if (inet_pton(AF_INET, argv[3], &to.in.sin_addr) == 1) {
		to.in.sin_family = AF_INET;
		to.in.sin_port = htons(7777);
		len = sizeof(to.in);
	} else if (inet_pton(AF_INET6, argv[3], &to.in6.sin6_addr) == 1) {
		to.in6.sin6_family = AF_INET6;
		to.in6.sin6_port = htons(7777);
	}
	if (fd < 0)
		fd = socket(to.sa.sa_family, SOCK_DGRAM, 0);
	return sendto(fd, argv[4], strlen(argv[4]), 0, &to.sa, len) < 0 ? errno : 0;
}

static void await_child(pid_t pid)
{
	int status;

	need(pid);
	need(waitpid(pid, &status, 0));
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	need(-!!errno);
}

static void run(const char *program, int fd, struct target *target)
{
	char number[16], marker[MARKER_LEN + 1];
	pid_t pid = fork();

	if (!pid) {
		snprintf(number, sizeof(number), "%d", fd);
		snprintf(marker, sizeof(marker), "%.*s", MARKER_LEN, target->marker);
		execl(program, "test_escape", HANDED_ARG, number, target->text, marker, NULL);
		_exit(errno);
	}
	await_child(pid);
}

static int old_fd;

static void before(struct target *target)
{
	old_fd = sock(target, SOCK_DGRAM, 0);
}

static void forked(struct target *target)
{
	pid_t pid = fork();

	if (!pid)
		_exit(sendto(old_fd, target->marker, MARKER_LEN, 0, &target->to.sa, target->len) < 0
			  ? errno
			  : 0);
	await_child(pid);
}

VECTOR(old_fork) = { .name = "old_fork",
		     .what = "UDP socket older than the guard, used by a child",
		     .families = BOTH,
		     .before = before,
		     .attempt = forked };

static void executed(struct target *target)
{
	need(fcntl(old_fd, F_SETFD, 0));
	run("/proc/self/exe", old_fd, target);
}

VECTOR(old_exec) = { .name = "old_exec",
		     .what = "UDP socket older than the guard, used after exec",
		     .families = BOTH,
		     .before = before,
		     .attempt = executed };

static void setuid_program(struct target *target)
{
	run(target->setuid, -1, target);
}

VECTOR(setuid_program) = { .name = "setuid_program",
			   .what = "a setuid root program sends",
			   .families = BOTH,
			   .attempt = setuid_program };

/* Made inside, used by a process that no guard is on. */
static void pass_out(struct target *target)
{
	give_fd(target->talk, sock(target, SOCK_DGRAM, 0));
	if (!await_byte(target->talk))
		refused("the process outside could not send");
}

static void send_for(struct target *target, int talk)
{
	int fd = take_fd(talk);

	send_marker_to(fd, target, &target->to);
	need(write(talk, "1", 1));
}

VECTOR(passed_out) = { .name = "passed_out",
		       .what = "UDP socket made inside, passed by SCM_RIGHTS, used outside",
		       .families = BOTH,
		       .attempt = pass_out,
		       .helper = send_for };

static void pass_out_tcp(struct target *target)
{
	give_fd(target->talk, sock(target, SOCK_STREAM, 0));
	if (!await_byte(target->talk))
		refused("the process outside could not connect");
}

static void connect_for(struct target *target, int talk)
{
	int fd = take_fd(talk);

	connect_to(fd, target, &target->to);
	send_marker(fd, target);
	need(write(talk, "1", 1));
}

VECTOR(passed_out_tcp) = {
	.name = "passed_out_tcp",
	.what = "TCP socket made inside, passed by SCM_RIGHTS, connected outside",
	.families = BOTH,
	.attempt = pass_out_tcp,
	.helper = connect_for
};

static void new_user(struct target *target)
{
	need(unshare(CLONE_NEWUSER));
	send_marker_to(sock(target, SOCK_DGRAM, 0), target, &target->to);
}

VECTOR(new_user) = { .name = "new_user",
		     .what = "UDP from a user namespace of its own",
		     .families = BOTH,
		     .attempt = new_user };

/* Its own network leads nowhere; the socket is still in the old one. */
static void new_network(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	need(unshare(CLONE_NEWUSER | CLONE_NEWNET));
	send_marker_to(fd, target, &target->to);
}

VECTOR(new_network) = { .name = "new_network",
			.what = "UDP socket taken into a user and network namespace of its own",
			.families = BOTH,
			.attempt = new_network };
