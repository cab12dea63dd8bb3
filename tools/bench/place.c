// SPDX-License-Identifier: Apache-2.0
/* place.c - cgroups, namespaces and destinations; see place.h */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALLOWED_BASE 0xc6120001u /* 198.18.0.1 */
#define REFUSED_BASE 0xc613c000u /* 198.19.192.0 */

int place_cgroup(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", getenv("BENCH_CGROUP"), name);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int place_netns(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/net-%s", bench.dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int place_enter(int cgroup_fd, int netns_fd)
{
	if (netns_fd >= 0 && setns(netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	if (cgroup_fd >= 0) {
		int procs = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
		int r = procs < 0 || write(procs, "0", 1) != 1 ? -errno : 0;

		if (procs >= 0)
			close(procs);
		return r;
	}
	return 0;
}

void place_leave(void)
{
	int cgroup = place_cgroup("main"), netns = place_netns("client");

	place_enter(cgroup, netns);
	close(cgroup);
	close(netns);
}

static struct sockaddr_in address(uint32_t host)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(PLACE_PORT),
				     .sin_addr.s_addr = htonl(host) };
}

struct sockaddr_in place_allowed(unsigned i)
{
	return address(ALLOWED_BASE + i % DEST_ALLOWED);
}

struct sockaddr_in place_refused(unsigned i)
{
	return address(REFUSED_BASE + i % DEST_REFUSED);
}

struct sockaddr_in place_fresh(void)
{
	static unsigned next;

	return place_refused(next++);
}

void place_mapped(const struct sockaddr_in *to, uint8_t ret[static 16])
{
	memset(ret, 0, 10);
	memset(ret + 10, 0xff, 2);
	memcpy(ret + 12, &to->sin_addr, 4);
}

int place_listen(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PLACE_PORT) };
	int fd, server = place_netns("server"), client = place_netns("client"), one = 1;
	int r = server < 0 || client < 0 ? -ENOENT : place_enter(-1, server);

	if (r)
		return r;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 1024) < 0)
		r = -errno;
	place_enter(-1, client);
	close(server);
	close(client);
	return r ? r : fd;
}

/* A reset leaves no TIME_WAIT behind, which would slow later rounds. */
static void close_hard(int fd)
{
	struct linger hard = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

void place_accept(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close_hard(fd);
}

uint64_t place_connect(const struct sockaddr_in *to, int *error)
{
	int r, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t start, end;

	start = bench_ns();
	r = connect(fd, (const struct sockaddr *)to, sizeof(*to));
	end = bench_ns();
	*error = r ? errno : 0;
	close_hard(fd);
	return end - start;
}

uint32_t place_random(uint32_t n)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % n;
}
