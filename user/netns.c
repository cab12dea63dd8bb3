// SPDX-License-Identifier: Apache-2.0
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BITE 16 /* datagrams of news read in one call; the rest comes next round */

int netns_of_pid(pid_t pid, struct problem *why)
{
	char path[40];
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	else
		strcpy(path, "/proc/thread-self/ns/net");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ESRCH)
		return problem(why, -ESRCH, "no process %d", pid);
	return problem(why, -errno, "cannot open %s: %s", path, strerror(errno));
}

int netns_inode(int netns_fd, uint64_t *ret)
{
	struct stat st;

	if (fstat(netns_fd, &st))
		return -errno;
	*ret = st.st_ino;
	return 0;
}

int netns_enter(int netns_fd)
{
	_cleanup_close_ int back = netns_of_pid(0, NULL);

	if (back < 0)
		return back;
	if (setns(netns_fd, CLONE_NEWNET))
		return -errno;
	return TAKE_FD(back);
}

void netns_leave(int *back)
{
	if (*back < 0)
		return;
	if (setns(*back, CLONE_NEWNET))
		abort(); /* what follows would happen in somebody else's network */
	closep(back);
}

/* For _cleanup_(): every return of a function that entered also leaves. */
#define _cleanup_netns_ _cleanup_(netns_leave)

static int addr_take(const struct sockaddr *from, uint8_t ret[static 16])
{
	if (!from)
		return -ENOENT;
	if (from->sa_family == AF_INET) {
		memset(ret, 0, 10);
		memset(ret + 10, 0xff, 2);
		memcpy(ret + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
		return 0;
	}
	if (from->sa_family == AF_INET6) {
		memcpy(ret, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
		return 0;
	}
	return -EAFNOSUPPORT;
}

static int list_in(int netns_fd, struct ifaddrs **ret)
{
	_cleanup_netns_ int back = -1;

	if (netns_fd >= 0) {
		back = netns_enter(netns_fd);
		if (back < 0)
			return back;
	}
	return getifaddrs(ret) ? -errno : 0;
}

int netns_addresses(int netns_fd, uint8_t ret[static NETNS_MAX_ADDRS][16])
{
	struct ifaddrs *list = NULL;
	int r = list_in(netns_fd, &list), n = 0;

	if (r)
		return r;
	for (const struct ifaddrs *one = list; one && n < NETNS_MAX_ADDRS; one = one->ifa_next) {
		int i = 0;

		if (addr_take(one->ifa_addr, ret[n]))
			continue;
		while (memcmp(ret[i], ret[n], 16))
			i++;
		if (i == n)
			n++;
	}
	freeifaddrs(list);
	return n;
}

int netns_watch(int netns_fd)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK,
				      .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	_cleanup_netns_ int back = -1;
	_cleanup_close_ int fd = -1;

	if (netns_fd >= 0) {
		back = netns_enter(netns_fd);
		if (back < 0)
			return back;
	}
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&groups, sizeof(groups)))
		return -errno;
	return TAKE_FD(fd);
}

int netns_changed(int watch_fd)
{
	char room[64]; /* what the news says does not matter: the list is read again */
	int changed = 0;

	for (int i = 0; i < BITE; i++) {
		ssize_t n = recv(watch_fd, room, sizeof(room), MSG_DONTWAIT | MSG_TRUNC);

		if (n >= 0 || errno == ENOBUFS) /* overrun: news was lost, so there was some */
			changed = 1;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -errno;
	}
	return changed;
}
