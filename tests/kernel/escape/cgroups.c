// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups.c - a guard is on a cgroup: processes that go below it, or leave it
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "vector.h"

static void move(int cgroup_fd, pid_t pid)
{
	char text[16];
	int fd = need(openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC));

	snprintf(text, sizeof(text), "%d", pid);
	need(write(fd, text, strlen(text)));
	close(fd);
}

/* The one that may move processes does it for us. */
static void ask_to_move(struct target *target)
{
	pid_t pid = getpid();

	need(write(target->talk, &pid, sizeof(pid)));
	if (!await_byte(target->talk))
		cannot("nobody could move the process");
}

static void move_below(struct target *target, int talk)
{
	int below;
	pid_t pid;

	need(read(talk, &pid, sizeof(pid)));
	mkdirat(target->cgroup_fd, "below", 0755);
	below = need(openat(target->cgroup_fd, "below", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	move(below, pid);
	need(write(talk, "1", 1));
}

static void below(struct target *target)
{
	ask_to_move(target);
	send_marker_to(sock(target, SOCK_DGRAM, 0), target, &target->to);
}

VECTOR(cgroup_below) = { .name = "cgroup_below",
			 .what = "process in a child cgroup made after the guard",
			 .families = BOTH,
			 .attempt = below,
			 .helper = move_below };

static void move_out(struct target *target, int talk)
{
	pid_t pid;

	need(read(talk, &pid, sizeof(pid)));
	move(target->outside_fd, pid);
	need(write(talk, "1", 1));
}

static void moved_udp(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	ask_to_move(target);
	send_marker_to(fd, target, &target->to);
}

VECTOR(moved_out_udp) = { .name = "moved_out_udp",
			  .what = "process moved out of the guard keeps a UDP socket of inside",
			  .families = BOTH,
			  .attempt = moved_udp,
			  .helper = move_out };

static void moved_tcp(struct target *target)
{
	int fd = sock(target, SOCK_STREAM, 0);

	ask_to_move(target);
	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

VECTOR(moved_out_tcp) = { .name = "moved_out_tcp",
			  .what = "process moved out of the guard keeps a TCP socket of inside",
			  .families = BOTH,
			  .attempt = moved_tcp,
			  .helper = move_out };

/* Whoever may write cgroup.procs is free. */
static void leave(struct target *target)
{
	char root[CGROUP_ROOT_LEN], path[CGROUP_ROOT_LEN + 16];
	int fd;

	if (cgroup_root(root, NULL))
		cannot("no cgroup2");
	snprintf(path, sizeof(path), "%s/cgroup.procs", root);
	fd = need(open(path, O_WRONLY | O_CLOEXEC));
	need(write(fd, "0", 1));
	send_marker_to(sock(target, SOCK_DGRAM, 0), target, &target->to);
}

VECTOR(cgroup_leave) = { .name = "cgroup_leave",
			 .what = "process moves itself to the root cgroup",
			 .families = BOTH,
			 .needs = NEEDS_CGROUPFS,
			 .unseen = true,
			 .attempt = leave };
